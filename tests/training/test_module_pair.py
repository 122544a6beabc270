"""Pairs of plain torch modules: trained one by one, and resumed bit for bit with their buffers and dropout."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from selectdis import Candidate, ImageDataset, Run, SelectdisError, train
from selectdis.models import ARCHITECTURES, module_pair
from selectdis.training import train_cohort
from selectdis.training._runtime import TrainingInterrupted

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), np.uint8)
DATA = ImageDataset("noise", IMAGES)


class Encoder(nn.Sequential):
    """With everything that a plain module may have: running statistics, dropout, a weight nobody uses."""

    def __init__(self, image_shape, latents, width):
        super().__init__(
            nn.Conv2d(image_shape[0], 4, 4, 2, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.3),
            nn.Linear(4 * 8 * 8, 2 * latents),
        )  # fmt: skip
        self.unused = nn.Parameter(torch.ones(3))


def decoder(image_shape, latents, width):
    return nn.Sequential(nn.Linear(latents, width), nn.ReLU(), nn.Linear(width, 256), nn.Unflatten(1, image_shape))


@pytest.fixture(autouse=True)
def pair(monkeypatch):
    monkeypatch.setitem(ARCHITECTURES, "pair", module_pair("pair", Encoder, decoder, width=8))


def candidate(objective="beta_vae", seed=0):
    return Candidate(objective, seed, architecture="pair", latents=3, batch_size=8, discriminator_width=5)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("objective", ["beta_vae", "factor_vae"])
def test_resumed_is_uninterrupted_bit_for_bit(tmp_path, objective):
    whole = train_cohort([candidate(objective)], DATA, steps=9, device="cpu")[0]
    steps = iter([False] * 3 + [True] + [False] * 9)
    file = tmp_path / "state.safetensors"
    options = {"steps": 9, "device": "cpu", "checkpoint": file}
    with pytest.raises(TrainingInterrupted):
        train_cohort([candidate(objective)], DATA, should_stop=lambda: next(steps), **options)
    torch.manual_seed(99)  # what else draws from torch's generator changes nothing
    resumed = train_cohort([candidate(objective)], DATA, **options)[0]
    assert same(whole.parameters, resumed.parameters)
    assert all(np.array_equal(whole.curves[name], resumed.curves[name]) for name in whole.curves)
    assert whole.parameters["encoder.1.num_batches_tracked"] == (18 if objective == "factor_vae" else 9)
    assert not torch.equal(whole.parameters["encoder.1.running_mean"], torch.zeros(4))


def test_weights_are_the_seeds_alone_and_torchs_generator_is_left_alone():
    before = torch.get_rng_state()
    runs = train([candidate(seed=0), candidate(seed=1), candidate(seed=0)], DATA, steps=2, device="cpu")
    assert torch.equal(before, torch.get_rng_state())
    assert same(runs[0].parameters, runs[2].parameters)
    assert not torch.equal(runs[0].parameters["encoder.0.weight"], runs[1].parameters["encoder.0.weight"])
    assert torch.equal(runs[0].parameters["encoder.unused"], torch.ones(3))


def test_dropout_draws_anew_at_each_step():
    loss = train([candidate()], DATA, steps=2, device="cpu", curve_every=1)[0].curves["loss"]
    other = train([candidate(seed=1)], DATA, steps=2, device="cpu", curve_every=1)[0].curves["loss"]
    assert len({*loss, *other}) == 4


def test_a_saved_run_gives_the_same_codes_in_evaluation_mode(tmp_path):
    run = train([candidate()], DATA, steps=3, device="cpu")[0]
    run.save(tmp_path / "run.safetensors")
    loaded = Run.load(tmp_path / "run.safetensors")
    assert loaded.candidate.architecture == "pair"
    codes = run.transform(IMAGES)
    np.testing.assert_array_equal(codes, loaded.transform(IMAGES))
    np.testing.assert_allclose(
        codes[:1], run.transform(IMAGES[:1]), atol=1e-6
    )  # neither dropout nor its batch's statistics
    assert run.decode(codes).shape == IMAGES.shape
    assert run.parameters["encoder.1.num_batches_tracked"] == 3


def test_a_run_without_its_architecture_is_one_sentence(tmp_path, monkeypatch):
    train([candidate()], DATA, steps=1, device="cpu")[0].save(tmp_path / "run.safetensors")
    monkeypatch.delitem(ARCHITECTURES, "pair")
    with pytest.raises(SelectdisError, match="'pair'; if another package brings it, install that") as refused:
        Run.load(tmp_path / "run.safetensors")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("encoder", "said"),
    [
        (
            lambda shape, latents, width: nn.Sequential(nn.Flatten(), nn.Linear(256, 5)),
            r"must return a tensor \(8, 6\)",
        ),
        (lambda shape, latents, width: nn.Flatten(), "must have weights to train"),
        (lambda shape, latents, width: "x", "must be a torch.nn.Module, found 'x'"),
    ],
)
def test_modules_that_do_not_fit_are_refused(monkeypatch, encoder, said):
    monkeypatch.setitem(ARCHITECTURES, "pair", module_pair("pair", encoder, decoder))
    with pytest.raises(SelectdisError, match=said):
        train([candidate()], DATA, steps=1, device="cpu")


def test_they_train_one_by_one():
    with pytest.raises(SelectdisError, match="train one by one, found 2"):
        train_cohort([candidate(), candidate(seed=1)], DATA, steps=1, device="cpu")


def test_the_example_in_the_readme_trains():
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "module_pair(" in block]
    exec(code, given := {})
    ARCHITECTURES["pair"] = given["ARCHITECTURES"]["mine"]  # the fixture takes it out again
    run = train([candidate("factor_vae")], DATA, steps=2, device="cpu")[0]
    assert run.status == "complete"
    assert run.transform(IMAGES).shape == (40, 3)
