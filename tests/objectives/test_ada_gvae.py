"""Ada-GVAE against torch's distributions, image by image, and a plain loop of training."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from selectdis.errors import SelectdisError
from selectdis.models import build_model, initial_values
from selectdis.objectives._ada_gvae import pair_kl, share_by_mean, shared_latents
from selectdis.training import Candidate, train_cohort
from selectdis.training._random_source import BLOCK, Purpose, draw_block, stream
from tests.training.conftest import blobs, small

K, B, L = 2, 6, 4


def posteriors(seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(K, B, L))), torch.from_numpy(rng.normal(size=(K, B, L)) - 1)


def normals(mean, log_variance, k, b):
    return [Normal(mean[k, place], (0.5 * log_variance[k, place]).exp()) for place in (b, b + B // 2)]


def slow_shared(first, second):
    """By two bins of one width, as numpy cuts them."""
    kl = kl_divergence(first, second).numpy()
    return np.digitize(kl, np.histogram_bin_edges(kl, bins=2)[1:-1]) == 0


def slow_share(mean, log_variance, average):
    """Both posteriors of each pair, with `average` of their parameters where they share a latent."""
    means, log_variances = mean.clone(), log_variance.clone()
    for k, b in np.ndindex(K, B // 2):
        first, second = normals(mean, log_variance, k, b)
        for latent in np.flatnonzero(slow_shared(first, second)):
            both = [(float(own.loc[latent]), float(own.variance[latent])) for own in (first, second)]
            common, variance = average(both)
            for place in (b, b + B // 2):
                means[k, place, latent], log_variances[k, place, latent] = common, np.log(variance)
    return means, log_variances


def test_kl_of_a_pair_is_torchs():
    mean, log_variance = posteriors()
    for k, b in np.ndindex(K, B // 2):
        expected = kl_divergence(*normals(mean, log_variance, k, b))
        torch.testing.assert_close(pair_kl(mean, log_variance)[k, b], expected, rtol=1e-12, atol=1e-12)


def test_latents_of_the_lower_bin_have_both_means_and_variances_averaged():
    for seed in range(5):
        mean, log_variance = posteriors(seed)
        expected = slow_share(mean, log_variance, lambda both: np.mean(both, axis=0))
        for found, wanted in zip(share_by_mean(mean, log_variance), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_some_are_shared_and_never_the_one_that_differs_most():
    shared = shared_latents(*posteriors())
    kl = pair_kl(*posteriors())
    assert shared.any(2).all()
    assert not shared.gather(2, kl.argmax(2, keepdim=True)).any()
    assert shared.gather(2, kl.argmin(2, keepdim=True)).all()


def test_it_trains_as_in_a_plain_loop():
    data, candidate = blobs(), small("ada_gvae", 4, strengths={"beta": 2.0})
    (run,) = train_cohort([candidate], data, steps=50, device="cpu", precision="float64", curve_every=1)
    values = initial_values(build_model("fc", (1, 16, 16), 3, 24).parameters, stream(4, Purpose.WEIGHTS))
    weights = {name: nn.Parameter(torch.from_numpy(value).double()) for name, value in values.items()}
    optimiser = torch.optim.Adam(weights.values(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
    noise = draw_block(0, [4], [], images=200, batch=8, latents=3).noise
    first, second = data.pairs.draw(BLOCK * 4, stream(4, Purpose.ORDER, 0))

    def layer(x, name):
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def posterior(x):
        hidden = layer(layer(x, "encoder.dense0").relu(), "encoder.dense1").relu()
        mean, log_variance = layer(hidden, "encoder.head").chunk(2, 1)
        return mean, log_variance.exp()

    for step in range(50):
        places = slice(4 * step, 4 * step + 4)
        x1, x2 = (torch.from_numpy(data.images[side[places]]).double().flatten(1) / 255 for side in (first, second))
        (m1, v1), (m2, v2) = posterior(x1), posterior(x2)
        kl = kl_divergence(Normal(m1, v1.sqrt()), Normal(m2, v2.sqrt())).detach()
        shared = kl < (kl.min(1, keepdim=True).values + kl.max(1, keepdim=True).values) / 2
        common, variance = (m1 + m2) / 2, (v1 + v2) / 2
        loss = 0.0
        for half, (x, m, v) in enumerate(((x1, m1, v1), (x2, m2, v2))):
            m, v = torch.where(shared, common, m), torch.where(shared, variance, v)
            z = m + v.sqrt() * torch.from_numpy(noise[step, 0, 4 * half : 4 * half + 4]).double()
            for i in range(3):
                z = layer(z, f"decoder.dense{i}").tanh()
            error = F.binary_cross_entropy_with_logits(layer(z, "decoder.dense3"), x, reduction="sum") / 4
            loss = loss + 0.5 * (error + 2.0 * kl_divergence(Normal(m, v.sqrt()), Normal(0.0, 1.0)).sum() / 4)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        np.testing.assert_allclose(run.curves["loss"][step], loss.item(), rtol=1e-6)
    for name, weight in weights.items():
        torch.testing.assert_close(run.parameters[name], weight.data, rtol=1e-9, atol=1e-11)


def test_a_batch_of_pairs_is_even():
    with pytest.raises(SelectdisError, match="pairs of images, so its batch_size must be even, found 9"):
        Candidate("ada_gvae", batch_size=9)


def test_data_without_pairs_are_refused():
    class Plain:
        name, images = "plain", blobs().images

    with pytest.raises(SelectdisError, match="learn from pairs of images, and 'plain' gives none"):
        train_cohort([small("ada_gvae")], Plain(), steps=1, device="cpu")
    assert train_cohort([small("beta_vae")], Plain(), steps=1, device="cpu")[0].status == "complete"
