"""What a decoder says of pixels, and what follows of it: losses, ids, files, scores, spaces."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import norm

from selectdis.errors import SelectdisError
from selectdis.models._likelihood import SPEED, VARIANCE, likelihood_parameters, pixel_nats
from selectdis.spec import check_spec
from selectdis.study._search import candidate_from, grid, params_of
from selectdis.training import Candidate, Run, train_cohort
from selectdis.training import _cohort as cohorts
from selectdis.training._cohort import Cohort, ComputeSettings
from tests.training.conftest import OBJECTIVES, blobs, small

GAUSSIANS = ("gaussian", "gaussian_learned")
CPU = ComputeSettings(torch.device("cpu"))


def test_nats_are_those_of_the_densities():
    rng = np.random.default_rng(0)
    logits, images = rng.normal(size=(2, 3, 1, 4, 4)), rng.random((2, 3, 1, 4, 4))
    raw = np.array([[0.0], [-0.04]])
    tensors = (torch.from_numpy(logits), torch.from_numpy(images), {VARIANCE: torch.from_numpy(raw)})
    mean = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(
        pixel_nats("bernoulli", *tensors), -images * np.log(mean) - (1 - images) * np.log(1 - mean), rtol=1e-9
    )
    np.testing.assert_allclose(pixel_nats("gaussian", *tensors), -norm.logpdf(images, mean, 1), rtol=1e-9)
    floor = 2 * math.log(1 / 255)
    deviation = np.exp(0.5 * (floor + np.logaddexp(0, SPEED * raw - floor))).reshape(2, 1, 1, 1, 1)
    np.testing.assert_allclose(
        pixel_nats("gaussian_learned", *tensors), -norm.logpdf(images, mean, deviation), rtol=1e-9
    )
    assert deviation[0].item() == pytest.approx(1, abs=1e-4)  # at first
    assert np.exp(0.5 * (floor + np.logaddexp(0, -1e3 - floor))) == pytest.approx(1 / 255)


@pytest.mark.parametrize("likelihood", GAUSSIANS)
def test_all_objectives_learn_by_it_and_a_file_keeps_it(likelihood, tmp_path):
    data = blobs()
    candidates = [small(objective, likelihood=likelihood, learning_rate=1e-2) for objective in OBJECTIVES]
    runs = train_cohort(candidates, data, steps=60, curve_every=20)
    assert all(run.curves["reconstruction"][-1] < run.curves["reconstruction"][0] for run in runs)
    run = runs[0]
    assert (VARIANCE in run.parameters) == (likelihood == "gaussian_learned")
    if likelihood == "gaussian_learned":
        assert float(run.parameters[VARIANCE]) < 0  # below a variance of 1, as pixels are
    images = data.images[:5]
    deviation = 1.0
    if likelihood == "gaussian_learned":
        floor = 2 * math.log(1 / 255)
        deviation = math.exp(0.5 * (floor + np.logaddexp(0, SPEED * float(run.parameters[VARIANCE]) - floor)))
    expected = -norm.logpdf(images / 255, run.decode(run.transform(images)), deviation).sum((1, 2, 3))
    np.testing.assert_allclose(run.reconstruction_error(images), expected, rtol=1e-3)
    run.save(tmp_path / "run.safetensors")
    loaded = Run.load(tmp_path / "run.safetensors")
    assert loaded.candidate == run.candidate
    np.testing.assert_array_equal(loaded.reconstruction_error(images), run.reconstruction_error(images))


def test_candidates_of_old_keep_their_ids_and_others_train_apart():
    candidate = Candidate("beta_vae")
    assert "likelihood" not in candidate.to_dict()
    assert candidate.id == "beta_vae-b9025258-s0"
    other = Candidate("beta_vae", likelihood="gaussian")
    assert Candidate.from_dict(other.to_dict()) == other
    assert other.id != candidate.id
    with pytest.raises(SelectdisError, match=r"must share .* likelihood"):
        train_cohort([small(), small(likelihood="gaussian")], blobs(), steps=1)
    with pytest.raises(SelectdisError, match="the likelihood must be one of bernoulli, gaussian, gaussian_learned"):
        Candidate("beta_vae", likelihood="gauss")


@pytest.mark.parametrize("likelihood", GAUSSIANS)
@pytest.mark.parametrize("architecture", ["fc", "conv"])
def test_kernels_of_the_networks_go_with_it(likelihood, architecture, monkeypatch):
    settings = {"likelihood": likelihood, "architecture": architecture, "width": 16, "batch_size": 2}
    pair = []
    for whether in (True, False):
        monkeypatch.setattr(cohorts, "usable_kernels", lambda *arguments, whether=whether: whether)
        pair.append(Cohort([small("beta_vae", 1, **settings)], blobs(channels=3), CPU))
        for _ in range(2):
            pair[-1].step()
    ours, torchs = (cohort.tensors() for cohort in pair)
    assert ours.keys() == torchs.keys()
    for name in (name for name in ours if "/weight/" in name):
        assert (ours[name] - torchs[name]).norm() <= 1e-3 * torchs[name].norm().clamp_min(1e-6), name
    np.testing.assert_allclose(pair[0].curves.sums["reconstruction"], pair[1].curves.sums["reconstruction"], rtol=1e-4)


def test_a_search_may_name_several():
    spec = check_spec(
        {
            "name": "two",
            "proxy": "sprites",
            "search": {"objective": {"beta_vae": {"beta": [1, 4]}}, "likelihood": ["bernoulli", "gaussian"]},
        }
    )
    found = [candidate_from(params, spec) for params in grid(spec.search)]
    assert {(c.strength, c.likelihood) for c in found} == {
        (beta, likelihood) for beta in (1, 4) for likelihood in ("bernoulli", "gaussian")
    }
    old = {"objective": "beta_vae", "architecture": "conv", "latents": 10, "learning_rate": 1e-4, "strength.beta": 4.0}
    assert params_of(old, spec.search)["likelihood"] == "bernoulli"
    with pytest.raises(SelectdisError, match="likelihood"):
        check_spec({"name": "x", "proxy": "sprites", "search": {"objective": ["beta_vae"], "likelihood": "gauss"}})


def test_likelihoods_have_the_parameters_that_they_read():
    assert [likelihood_parameters(name) for name in ("bernoulli", "gaussian")] == [(), ()]
    assert [p.shape for p in likelihood_parameters("gaussian_learned")] == [(1,)]
