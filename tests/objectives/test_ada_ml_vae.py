"""Ada-ML-VAE against averages weighted by precision, image by image."""

import torch

from selectdis.objectives import OBJECTIVES
from selectdis.objectives._ada_gvae import shared_latents
from selectdis.objectives._ada_ml_vae import share_by_precision
from tests.objectives.test_ada_gvae import posteriors, slow_share


def by_precision(both):
    (mean1, variance1), (mean2, variance2) = both
    precision = (1 / variance1 + 1 / variance2) / 2
    return (mean1 / variance1 + mean2 / variance2) / (2 * precision), 1 / precision


def test_latents_of_the_lower_bin_are_averaged_by_precision():
    for seed in range(5):
        mean, log_variance = posteriors(seed)
        expected = slow_share(mean, log_variance, by_precision)
        for found, wanted in zip(share_by_precision(mean, log_variance), expected, strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_a_certain_image_decides_and_nothing_overflows():
    mean, log_variance = torch.tensor([[[1.0, 0.0], [5.0, 9.0]]]), torch.zeros(1, 2, 2)
    log_variance[0, :, 0] = torch.tensor([-90.0, 89.0])  # KL 94; of the other latent 40.5, which is shared
    assert shared_latents(mean, log_variance).tolist() == [[[False, True]]]
    log_variance[0, :, 0] = torch.tensor([-80.0, -79.0])
    mean[0, :, 0] = 1.0
    found, log = share_by_precision(mean, log_variance)
    assert shared_latents(mean, log_variance).tolist() == [[[True, False]]]
    torch.testing.assert_close(found[0, :, 0], torch.ones(2))
    precision = torch.tensor([80.0, 79.0], dtype=torch.float64).exp().mean()
    torch.testing.assert_close(log[0, :, 0].double(), -precision.log().repeat(2), rtol=1e-5, atol=0)


def test_it_is_the_same_as_ada_gvae_but_for_the_average():
    one, other = OBJECTIVES["ada_gvae"], OBJECTIVES["ada_ml_vae"]
    assert (one.loss, one.grid, one.defaults) == (other.loss, other.grid, other.defaults)
    equal = torch.zeros(1, 4, 3), torch.zeros(1, 4, 3)
    equal[0][0, 0, 0] = 1.0  # one latent of one pair differs; of equal posteriors every average is the same
    for found, wanted in zip(other.share(*equal), one.share(*equal), strict=True):
        torch.testing.assert_close(found, wanted)
