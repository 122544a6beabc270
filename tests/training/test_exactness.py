"""A candidate's result depends on its seed and configuration, and on nothing else."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from selectdis.models import build_model, initial_values
from selectdis.training import _loop as loop
from selectdis.training import _program as program
from selectdis.training import train_cohort
from selectdis.training._cohort import Cohort
from selectdis.training._random_source import Purpose, RandomSource, draw_block, stream
from selectdis.training._runtime import compute_settings
from tests.training.conftest import OBJECTIVES, UNPAIRED, Images, mixture, same, small

STEPS = 50


def results(candidates, data, precision, **options):
    runs = train_cohort(candidates, data, steps=STEPS, device="cpu", precision=precision, curve_every=1, **options)
    return {run.candidate: run for run in runs}


def distance(a, b) -> float:
    """The largest difference of any parameter."""
    return max(float((a.parameters[name] - b.parameters[name]).abs().max()) for name in a.parameters)


def test_float64_any_cohort_gives_the_same(data):
    candidates = mixture()
    together = results(candidates, data, "float64")
    shuffled = [candidates[i] for i in np.random.default_rng(0).permutation(len(candidates))]
    alone = [[candidates[i]] for i in (4, 9, 12, 13, 14)]  # with each of QLAE, Ada-GVAE and Ada-ML-VAE
    for cohort in (*alone, shuffled[:5], shuffled[5:]):
        for candidate, run in results(cohort, data, "float64").items():
            assert distance(run, together[candidate]) < 1e-10
            np.testing.assert_allclose(run.curves["loss"], together[candidate].curves["loss"], rtol=1e-10)


def test_float64_any_conv_cohort_gives_the_same(data):
    candidates = [small(objective, 3, architecture="conv", width=16) for objective in OBJECTIVES[::2]]
    together = results(candidates, data, "float64")
    for candidate in candidates:
        assert distance(results([candidate], data, "float64")[candidate], together[candidate]) < 1e-10


@pytest.mark.parametrize("settings", [{}, {"architecture": "conv", "width": 32}])
def test_float32_losses_agree_in_any_cohort(data, settings):
    candidates = [small(objective, 1, **settings) for objective in ("beta_vae", "factor_vae", "qlae", "ada_gvae")]
    together = results(candidates, data, "float32")
    for candidate in candidates:
        alone = results([candidate], data, "float32")[candidate]
        np.testing.assert_allclose(alone.curves["loss"], together[candidate].curves["loss"], rtol=1e-5)


def noise(channels, size):
    """Images in which there is nothing to learn: losses amplify the smallest difference of two trainings."""
    return Images("noise", np.random.default_rng(0).integers(0, 256, (100, channels, size, size), dtype=np.uint8))


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((1, 32), {"architecture": "conv", "batch_size": 16, "latents": 10}),
        ((3, 16), {"architecture": "conv", "batch_size": 9, "latents": 3, "width": 50}),
        ((2, 16), {"architecture": "conv", "batch_size": 5, "latents": 17, "width": 64}),
        ((1, 32), {"batch_size": 9, "latents": 3, "width": 100}),
        ((1, 16), {"batch_size": 64, "latents": 10, "width": 300, "discriminator_width": 200}),
    ],
)
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_odd_shapes_agree_too(shape, settings, precision):
    """Kernels that round by the place of a candidate in memory showed as 1e-2 here, after 50 steps."""
    kinds = UNPAIRED if settings["batch_size"] % 2 else OBJECTIVES
    candidates = [small(o, seed, **settings) for seed, o in enumerate(kinds)]
    data = noise(*shape)
    together = results(candidates, data, precision)
    for candidate in candidates:
        alone = results([candidate], data, precision)[candidate]
        np.testing.assert_allclose(alone.curves["loss"], together[candidate].curves["loss"], rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_diverging_neighbour_leaves_convolutions_alone(channels, precision):
    """Three channels in bf16: oneDNN's grouped kernels read a neighbour's channel times zero, and NaN stays NaN."""
    settings = {"architecture": "conv", "batch_size": 8, "latents": 10, "width": 32}
    rates = (1e-4, 1e-4, 1e30, 1e-4)
    candidates = [small(seed=seed, learning_rate=rate, **settings) for seed, rate in enumerate(rates)]
    runs = results(candidates, noise(channels, 32), precision)
    assert [runs[candidate].status for candidate in candidates] == ["complete", "complete", "diverged", "complete"]


@pytest.mark.parametrize("settings", [{}, {"architecture": "conv", "width": 16}])
def test_a_neighbour_that_breaks_changes_nothing(data, settings, monkeypatch):
    candidates = [small(objective, 2, **settings) for objective in ("beta_vae", "factor_vae", "qlae", "ada_ml_vae")]
    undisturbed = results(candidates, data, "float32")
    step = Cohort.step

    cohorts = set()

    def break_second(self):
        cohorts.add(self)
        if self.step_count == 10:
            with torch.no_grad():
                for weight in self.weights.values():
                    weight[1] = torch.nan
        step(self)

    monkeypatch.setattr(Cohort, "step", break_second)
    monkeypatch.setattr(loop, "SETTLE_EVERY", 5)
    disturbed = results(candidates, data, "float32")
    for candidate in (candidates[0], *candidates[2:]):
        assert same(disturbed[candidate], undisturbed[candidate])
    broken = disturbed[candidates[1]]
    assert (broken.status, broken.failed_step) == ("diverged", 11)
    assert broken.curves["step"].tolist() == list(range(1, 11))
    assert np.isfinite(broken.curves["loss"]).all()
    (cohort,) = cohorts
    for name, tensor in cohort.tensors().items():  # frozen at zero from step 15 on
        assert not tensor[0 if name.startswith("discriminator") else 1].any(), name


def test_a_learning_rate_out_of_bounds_marks_one_candidate(data):
    wild, tame = small(seed=5, learning_rate=1e30), small(seed=6)
    runs = results([wild, tame], data, "float32")
    assert runs[wild].status == "diverged"
    assert runs[tame].status == "complete"
    assert same(runs[tame], results([small(seed=7, learning_rate=2e-3), tame], data, "float32")[tame])


def test_a_last_step_that_breaks_the_weights_counts_as_divergence(data, monkeypatch):
    def break_last(self):
        step(self)
        if self.step_count == STEPS:
            with torch.no_grad():
                next(iter(self.weights.values()))[0] = torch.inf

    step = Cohort.step
    monkeypatch.setattr(Cohort, "step", break_last)
    (run,) = results([small()], data, "float32").values()
    assert (run.status, run.failed_step) == ("diverged", STEPS)


def test_a_cohort_that_breaks_as_a_whole_ends_early(data):
    runs = train_cohort([small(learning_rate=1e30)], data, steps=100_000, device="cpu")
    assert runs[0].status == "diverged"
    assert runs[0].steps < 1000


def test_objectives_with_one_seed_see_the_same_numbers():
    kinds = {"images": 100, "batch": 8, "latents": 3}
    one = draw_block(2, [5, 9], [], **kinds)
    other = draw_block(2, [9], [9], **kinds)
    assert np.array_equal(one.order[:, 1], other.order[:, 0])
    assert np.array_equal(one.noise[:, 1], other.noise[:, 0])
    assert not np.array_equal(other.order, other.second_order)
    assert not np.array_equal(one.noise[:, 0], one.noise[:, 1])
    assert not np.array_equal(other.noise, other.second_noise)


def test_every_purpose_and_block_has_numbers_of_its_own():
    streams = [stream(9, purpose, block) for purpose in Purpose for block in (0, 1)]
    assert len({float(rng.random()) for rng in streams}) == 2 * len(Purpose)
    kinds = {"images": 100, "batch": 8, "latents": 3}
    for first, second in zip(draw_block(0, [9], [9], **kinds), draw_block(1, [9], [9], **kinds), strict=True):
        assert not np.array_equal(first, second)


def test_each_latent_has_its_own_permutation_of_the_batch():
    permutation = draw_block(0, [9], [9], images=100, batch=8, latents=3).permutation  # (S, K', B, L)
    assert (np.sort(permutation, axis=2) == np.arange(8)[:, None]).all()
    for other in (permutation[..., [1, 2, 0]], np.roll(permutation, 1, axis=0)):
        assert (permutation != other).any((1, 2)).mean() > 0.99  # of all steps and latents


def test_numbers_drawn_ahead_are_the_same(data):
    candidates = mixture()
    options = {"images": len(data.images), "device": torch.device("cpu"), "dtype": torch.float64}
    adversaries = [candidate for candidate in candidates if candidate.objective == "factor_vae"]
    plain, ahead = (RandomSource(candidates, adversaries, ahead=flag, **options) for flag in (False, True))
    for step in (0, 63, 64, 130, 500, 3, 128):
        for name, values in plain.at(step).items():
            assert torch.equal(values, ahead.at(step)[name])


def test_a_candidate_trains_as_in_a_plain_loop(data):
    """Fifty steps in float64 against torch's own layers, losses and Adam, one model, no stacking."""
    candidate = small("beta_vae", 4)
    run = results([candidate], data, "float64")[candidate]
    parameters = build_model("fc", (1, 16, 16), 3, 24).parameters
    values = initial_values(parameters, stream(4, Purpose.WEIGHTS))
    weights = {name: nn.Parameter(torch.from_numpy(value).double()) for name, value in values.items()}
    optimiser = torch.optim.Adam(weights.values(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8)

    def layer(x, name):
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    draws = draw_block(0, [4], [], images=200, batch=8, latents=3)
    for step in range(STEPS):
        x = torch.from_numpy(data.images[draws.order[step, 0]]).double().flatten(1) / 255
        hidden = layer(layer(x, "encoder.dense0").relu(), "encoder.dense1").relu()
        mean, log_variance = layer(hidden, "encoder.head").chunk(2, 1)
        z = mean + (log_variance / 2).exp() * torch.from_numpy(draws.noise[step, 0]).double()
        for i in range(3):
            z = layer(z, f"decoder.dense{i}").tanh()
        reconstruction = F.binary_cross_entropy_with_logits(layer(z, "decoder.dense3"), x, reduction="sum") / 8
        kl = 0.5 * (mean**2 + log_variance.exp() - log_variance - 1).sum() / 8
        loss = reconstruction + 4.0 * kl
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        np.testing.assert_allclose(run.curves["loss"][step], loss.item(), rtol=1e-6)  # curves are float32
    for name, weight in weights.items():
        torch.testing.assert_close(run.parameters[name], weight.data, rtol=1e-9, atol=1e-11)


def test_the_discriminator_learns_what_a_plain_loop_teaches_it(data):
    """FactorVAE's second update against autograd on unstacked layers, first step, float64."""
    candidate = small("factor_vae", 4)
    cohort = Cohort([candidate], data, compute_settings("cpu", "float64"))
    before = {name: weight.detach().clone() for name, weight in cohort.discriminator.items()}
    old = {name: weight.detach().clone() for name, weight in cohort.weights.items()}
    cohort.step()
    draws = draw_block(0, [4], [4], images=200, batch=8, latents=3)

    def sample(weights, order, noise):
        x = torch.from_numpy(data.images[order]).double() / 255
        mean, log_variance = build_model("fc", (1, 16, 16), 3, 24).encode(weights, x[None])
        return (mean + (log_variance / 2).exp() * torch.from_numpy(noise).double())[0].detach()

    z = sample(old, draws.order[0, 0], draws.noise[0, 0])
    z2 = sample(cohort.weights, draws.second_order[0, 0], draws.second_noise[0, 0])
    permuted = torch.stack([z2[draws.permutation[0, 0, :, i], i] for i in range(3)], 1)
    weights = {name: nn.Parameter(weight[0].clone()) for name, weight in before.items()}
    optimiser = torch.optim.Adam(weights.values(), lr=1e-4, betas=(0.5, 0.9), eps=1e-8)

    def judge(x):
        for i in range(7):
            x = x @ weights[f"discriminator.dense{i}.weight"] + weights[f"discriminator.dense{i}.bias"]
            x = F.leaky_relu(x, 0.2) if i < 6 else x
        return x

    zeros = torch.zeros(8, dtype=torch.int64)
    loss = 0.5 * (F.cross_entropy(judge(z), zeros) + F.cross_entropy(judge(permuted), zeros + 1))
    loss.backward()
    optimiser.step()
    for name, weight in weights.items():
        torch.testing.assert_close(cohort.discriminator[name][0].detach(), weight.data, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("precision", ["bf16", "tf32"])
def test_other_precisions_train(data, precision):
    candidates = [small("factor_vae", width=32), small("beta_vae", width=32)]
    runs = results(candidates, data, precision)
    exact = results(candidates, data, "float32")
    for candidate in candidates:
        assert runs[candidate].status == "complete"
        np.testing.assert_allclose(runs[candidate].curves["loss"], exact[candidate].curves["loss"], rtol=0.05)
        assert same(runs[candidate], exact[candidate]) == (precision == "tf32")  # which a CPU does not have


def test_bf16_networks_compute_in_bfloat16_and_all_else_in_float32(data, monkeypatch):
    cohort = Cohort([small("factor_vae")], data, compute_settings("cpu", "bf16"))
    seen, model = defaultdict(set), cohort.program.model

    def watched(name, network):
        def call(weights, x):
            found = network(weights, x)
            outputs = found if isinstance(found, tuple) else (found,)
            seen[name].update(tensor.dtype for tensor in (*weights.values(), x, *outputs))
            return found

        return call

    cohort.program.model = replace(
        model, encode=watched("encoder", model.encode), decode=watched("decoder", model.decode)
    )
    monkeypatch.setattr(program, "discriminate", watched("discriminator", program.discriminate))
    cohort.step()
    assert seen == {name: {torch.bfloat16} for name in ("encoder", "decoder", "discriminator")}
    assert {tensor.dtype for tensor in cohort.tensors().values()} == {torch.float32}
    mean, log_variance, sample = cohort.program.encode(
        cohort.program.cast(cohort.weights), torch.rand(1, 8, 1, 16, 16), torch.zeros(1, 8, 3)
    )
    assert {mean.dtype, log_variance.dtype, sample.dtype} == {torch.float32}
