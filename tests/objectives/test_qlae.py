"""QLAE against loops over images and latents, and against a plain loop of training with torch's own AdamW."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from selectdis.models import build_model, initial_values
from selectdis.objectives import OBJECTIVES, Batch
from selectdis.objectives._qlae import qlae_loss, quantise
from selectdis.training import Candidate, Run, train_cohort
from selectdis.training._random_source import Purpose, draw_block, stream
from tests.training.conftest import blobs, small

K, B, L, V = 2, 5, 3, 4


@pytest.fixture
def codes():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(K, B, L))), torch.from_numpy(rng.normal(size=(K, L, V)))


def slow_quantise(continuous, codebook):
    found = np.empty((K, B, L))
    for k, b, i in np.ndindex(K, B, L):
        values = codebook[k, i].tolist()
        found[k, b, i] = min(values, key=lambda value: abs(value - float(continuous[k, b, i])))
    return found


def test_a_code_is_the_nearest_value_of_its_own_latent(codes):
    assert np.array_equal(quantise(*codes).numpy(), slow_quantise(*codes))


def test_between_two_values_it_is_the_first():
    codebook = torch.tensor([[[1.0, -1.0, 3.0]]])
    assert quantise(torch.tensor([[[0.0], [2.0]]]), codebook).flatten().tolist() == [1.0, 1.0]


def test_each_penalty_moves_one_side(codes):
    """The codebook moves to the codes by lambda_quantize, the encoder to the values by lambda_commit."""
    continuous, codebook = (part.clone().requires_grad_() for part in codes)
    quantised, zeros = quantise(continuous, codebook), torch.zeros(K, dtype=torch.float64)
    batch = Batch(zeros, zeros, continuous, continuous, continuous, zeros, quantised=quantised, pixels=7)
    strengths = {"lambda_quantize": torch.tensor([2.0, 3.0]), "lambda_commit": torch.tensor([5.0, 11.0])}
    qlae_loss(batch, strengths).total.sum().backward()
    nearest = slow_quantise(*codes)
    for k, (quantize, commit) in enumerate(((2, 5), (3, 11))):
        difference = codes[0][k].numpy() - nearest[k]
        np.testing.assert_allclose(continuous.grad[k], 7 * commit * 2 * difference / (B * L), rtol=1e-6)
        for i, v in np.ndindex(L, V):
            chosen = nearest[k, :, i] == float(codes[1][k, i, v])
            expected = -7 * quantize * 2 * difference[:, i][chosen].sum() / (B * L)
            np.testing.assert_allclose(float(codebook.grad[k, i, v]), expected, rtol=1e-6, atol=1e-12)


def test_it_trains_as_in_a_plain_loop():
    """Fifty steps in float64 with torch's own layers and AdamW: straight through, of which no codes are drawn."""
    data, candidate = blobs(), small("qlae", 4, weight_decay=0.3)
    (run,) = train_cohort([candidate], data, steps=50, device="cpu", precision="float64", curve_every=1)
    values = initial_values(build_model("fc", (1, 16, 16), 3, 24).parameters, stream(4, Purpose.WEIGHTS))
    weights = {name: nn.Parameter(torch.from_numpy(value).double()) for name, value in values.items()}
    codebook = nn.Parameter(torch.from_numpy(np.linspace(-0.5, 0.5, 10, dtype=np.float32)).double().repeat(3, 1))
    layers = [weight for name, weight in weights.items() if name.endswith(".weight")]
    others = [codebook, *(weight for name, weight in weights.items() if name.endswith(".bias"))]
    groups = [{"params": layers, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.999), eps=1e-8)

    def layer(x, name):
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    order = draw_block(0, [4], [], images=200, batch=8, latents=3).order
    for step in range(50):
        x = torch.from_numpy(data.images[order[step, 0]]).double().flatten(1) / 255
        hidden = layer(layer(x, "encoder.dense0").relu(), "encoder.dense1").relu()
        continuous = layer(hidden, "encoder.head")[:, :3]
        nearest = (continuous[:, :, None] - codebook).abs().argmin(2)
        quantised = torch.stack([codebook[i][nearest[:, i]] for i in range(3)], 1)
        z = continuous + (quantised - continuous).detach()
        for i in range(3):
            z = layer(z, f"decoder.dense{i}").tanh()
        mean_error = F.binary_cross_entropy_with_logits(layer(z, "decoder.dense3"), x)  # over images and pixels
        loss = mean_error + 0.01 * F.mse_loss(quantised, continuous.detach())
        loss = 16 * 16 * (loss + 0.01 * F.mse_loss(continuous, quantised.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        np.testing.assert_allclose(run.curves["loss"][step], loss.item(), rtol=1e-6)
    for name, weight in weights.items():
        torch.testing.assert_close(run.parameters[name], weight.data, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(run.parameters["codebook.values"], codebook.data, rtol=1e-9, atol=1e-11)


def test_a_run_says_values_of_its_codebook_and_its_neighbour_has_none(tmp_path):
    data = blobs()
    qlae, vae = train_cohort([small("qlae"), small("beta_vae")], data, steps=3, device="cpu")
    assert "codebook.values" not in vae.parameters
    assert {"kl", "kl_per_latent"} <= set(vae.curves)
    assert not {"kl", "kl_per_latent"} & set(qlae.curves)
    codes, log_variance = qlae.encode(data.images)
    for latent in range(3):
        assert np.isin(codes[:, latent], qlae.parameters["codebook.values"][latent].numpy()).all()
    assert np.isneginf(log_variance).all()
    assert np.array_equal(qlae.sample(data.images, seed=0), codes)
    qlae.save(tmp_path / "run.safetensors")
    again = Run.load(tmp_path / "run.safetensors")
    assert np.array_equal(again.transform(data.images), codes)
    assert np.array_equal(again.reconstruction_error(data.images), qlae.reconstruction_error(data.images))


def test_active_are_the_latents_with_more_than_one_value():
    codes = np.array([[0.1, 0.5, 2.0], [0.1, 0.4, 2.0], [0.1, 0.5, 2.0]])
    assert OBJECTIVES["qlae"].active(codes, np.full_like(codes, -np.inf)).tolist() == [False, True, False]
    # Of a posterior the KL counts: a mean that moves a little says nothing, a variance that is never 1 does.
    active = OBJECTIVES["beta_vae"].active(np.array([[0.01, 1.0, 0.0]]), np.array([[0.0, 0.0, -2.0]]))
    assert active.tolist() == [False, True, True]


def test_its_own_weight_decay_is_that_of_the_paper_and_ids_of_the_others_stay():
    assert Candidate("qlae").weight_decay == 0.1
    assert Candidate("beta_vae").weight_decay == 0.0
    assert Candidate("beta_vae").id == "beta_vae-b9025258-s0"  # as it was before there was decay
    for decay in (0.0, 0.3):
        candidate = Candidate("qlae", weight_decay=decay)
        assert Candidate.from_dict(candidate.to_dict()) == candidate
        assert candidate.id != Candidate("qlae").id
