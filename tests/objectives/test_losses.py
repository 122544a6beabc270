"""Each objective against a formula written out in loops over candidates, images and latents, in NumPy."""

import math

import numpy as np
import pytest
import torch

from selectdis.objectives import OBJECTIVES, Batch
from selectdis.objectives._annealed_vae import capacity
from selectdis.objectives._beta_tc_vae import total_correlation
from selectdis.objectives._factor_vae import discriminator_loss, permute_codes

K, B, L = 3, 7, 4
STEP = 30.0


@pytest.fixture
def batch() -> Batch:
    rng = np.random.default_rng(0)
    mean, log_variance, noise = rng.normal(size=(3, K, B, L))
    log_variance = log_variance - 1
    sample = mean + np.exp(log_variance / 2) * noise
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).mean(1)
    arrays = (rng.uniform(10, 20, size=K), kl, mean, log_variance, sample, np.array(STEP), rng.normal(size=(K, B, 2)))
    batch = Batch(*(torch.from_numpy(np.asarray(array)) for array in arrays))
    return batch._replace(quantised=torch.from_numpy(rng.normal(size=(K, B, L))), pixels=5)


def strengths_of(name: str) -> list[dict[str, float]]:
    rng = np.random.default_rng(1)
    objective = OBJECTIVES[name]
    return [{strength: float(rng.uniform(0.5, 3)) for strength in objective.strength_names} for _ in range(K)]


def loss_of(name: str, batch: Batch, strengths: list[dict[str, float]]) -> np.ndarray:
    stacked = {n: torch.tensor([own[n] for own in strengths], dtype=torch.float64) for n in strengths[0]}
    loss = OBJECTIVES[name].loss(batch, stacked)
    assert set(loss.terms) == set(OBJECTIVES[name].terms)
    assert all(term.shape == (K,) for term in loss.terms.values())
    return loss.total.numpy()


def slow_loss(name: str, k: int, batch: Batch, s: dict[str, float]) -> float:
    reconstruction, kl = float(batch.reconstruction[k]), float(sum(batch.kl_per_latent[k]))
    mean, log_variance, sample = (part[k].numpy() for part in (batch.mean, batch.log_variance, batch.sample))
    if name in ("beta_vae", "ada_gvae", "ada_ml_vae"):
        return reconstruction + s["beta"] * kl
    if name == "annealed_vae":
        return reconstruction + s["gamma"] * abs(kl - min(s["c_max"] * STEP / max(s["iterations"], 1), s["c_max"]))
    if name == "factor_vae":
        tc = sum(float(batch.logits[k, b, 0] - batch.logits[k, b, 1]) for b in range(B)) / B
        return reconstruction + kl + s["gamma"] * tc
    if name == "qlae":
        squares = [(float(mean[b, i]) - float(batch.quantised[k, b, i])) ** 2 for b in range(B) for i in range(L)]
        return reconstruction + 5 * (s["lambda_quantize"] + s["lambda_commit"]) * sum(squares) / (B * L)
    if name == "beta_tc_vae":
        return reconstruction + kl + (s["beta"] - 1) * slow_total_correlation(mean, log_variance, sample)
    matrix = np.cov(mean.T, bias=True)
    if name == "dip_vae_ii":
        matrix = matrix + np.diag(np.exp(log_variance).mean(0))
    off = sum(matrix[i, j] ** 2 for i in range(L) for j in range(L) if i != j)
    on = sum((matrix[i, i] - 1) ** 2 for i in range(L))
    return reconstruction + kl + s["lambda_od"] * off + s["lambda_d"] * on


def slow_total_correlation(mean: np.ndarray, log_variance: np.ndarray, sample: np.ndarray) -> float:
    def density(b: int, other: int, latent: int) -> float:
        variance = math.exp(log_variance[other, latent])
        distance = (sample[b, latent] - mean[other, latent]) ** 2
        return math.exp(-distance / (2 * variance)) / math.sqrt(2 * math.pi * variance)

    total = 0.0
    for b in range(B):
        joint = sum(math.prod(density(b, other, i) for i in range(L)) for other in range(B)) / B
        marginals = [sum(density(b, other, i) for other in range(B)) / B for i in range(L)]
        total += math.log(joint) - sum(math.log(marginal) for marginal in marginals)
    return total / B


@pytest.mark.parametrize("name", OBJECTIVES)
def test_loss_is_the_slow_formula(name, batch):
    strengths = strengths_of(name)
    expected = [slow_loss(name, k, batch, strengths[k]) for k in range(K)]
    np.testing.assert_allclose(loss_of(name, batch, strengths), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "neutral"),
    [
        ("beta_vae", {"beta": 1.0}),
        ("beta_tc_vae", {"beta": 1.0}),
        ("factor_vae", {"gamma": 0.0}),
        ("dip_vae_i", {"lambda_od": 0.0, "lambda_d": 0.0}),
        ("dip_vae_ii", {"lambda_od": 0.0, "lambda_d": 0.0}),
        ("annealed_vae", {"gamma": 1.0, "c_max": 0.0, "iterations": 1.0}),
    ],
)
def test_neutral_strengths_give_the_vae(name, neutral, batch):
    vae = (batch.reconstruction + batch.kl).numpy()
    np.testing.assert_allclose(loss_of(name, batch, [neutral] * K), vae, rtol=1e-14)


def test_dip_vae_ii_is_dip_vae_i_without_posterior_variance(batch):
    certain = batch._replace(log_variance=torch.full_like(batch.log_variance, -100.0))
    strengths = [{"lambda_od": 2.0, "lambda_d": 3.0}] * K
    np.testing.assert_allclose(loss_of("dip_vae_ii", certain, strengths), loss_of("dip_vae_i", batch, strengths))


def test_total_correlation_of_one_latent_is_zero(batch):
    one = total_correlation(batch.mean[..., :1], batch.log_variance[..., :1], batch.sample[..., :1])
    np.testing.assert_allclose(one.numpy(), 0, atol=1e-12)


def test_capacity_rises_linearly_then_stays():
    c_max, iterations = torch.tensor([10.0, 20.0]), torch.tensor([100.0, 50.0])
    values = [capacity(torch.tensor(float(step)), c_max, iterations).tolist() for step in (0, 50, 100, 1000)]
    assert values == [[0, 0], [5, 20], [10, 20], [10, 20]]


def test_permuted_codes_keep_each_latents_values(batch):
    rng = np.random.default_rng(2)
    order = torch.from_numpy(rng.permuted(np.broadcast_to(np.arange(B)[:, None], (K, B, L)), axis=1))
    permuted = permute_codes(batch.sample, order)
    for k in range(K):
        for i in range(L):
            assert permuted[k, :, i].tolist() == [float(batch.sample[k, int(order[k, b, i]), i]) for b in range(B)]
    assert torch.equal(permuted.sort(1).values, batch.sample.sort(1).values)


def test_discriminator_loss_is_cross_entropy(batch):
    rng = np.random.default_rng(3)
    true, permuted = rng.normal(size=(2, K, B, 2))
    expected = []
    for k in range(K):
        right = [math.exp(t[0]) / sum(np.exp(t)) for t in true[k]] + [
            math.exp(p[1]) / sum(np.exp(p)) for p in permuted[k]
        ]
        expected.append(-sum(math.log(p) for p in right) / (2 * B))
    loss = discriminator_loss(torch.from_numpy(true), torch.from_numpy(permuted))
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-12)


def test_factor_vae_without_a_discriminator_is_an_error(batch):
    with pytest.raises(ValueError, match="discriminator"):
        loss_of("factor_vae", batch._replace(logits=None), [{"gamma": 1.0}] * K)
