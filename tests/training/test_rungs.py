"""Successive halving when something goes wrong on the way, and what a user sees of it."""

import warnings

import numpy as np
import pytest

from selectdis.errors import SelectdisError
from selectdis.training import Halving, TrainingInterrupted, train
from selectdis.training import storage as storage_module
from selectdis.training.loop import train_cohort
from tests.training.conftest import blobs, mixture, same, small

HALVING = Halving(at=(0.25, 0.5), keep=0.5)


def halved(data, **options):
    return train(mixture(), data, device="cpu", **({"steps": 20, "curve_every": 5, "halving": HALVING} | options))


@pytest.fixture(scope="module")
def undisturbed(data):
    return halved(data)


def alike(runs, others):
    return all(
        a.status == b.status and a.steps == b.steps and np.allclose(a.curves["loss"], b.curves["loss"], rtol=1e-5)
        for a, b in zip(runs, others, strict=True)
    )


def test_a_state_lost_between_two_rungs_costs_time_and_a_warning(data, tmp_path, undisturbed):
    def lose(runs):
        for path in (tmp_path / "to-5").glob("*.safetensors"):
            path.write_bytes(b"")
        return [-run.curves["loss"][-1] for run in runs]

    rule = Halving(at=(0.25,), keep=0.5, score=lambda runs: [-run.curves["loss"][-1] for run in runs])
    expected = halved(data, halving=rule)
    with pytest.warns(UserWarning, match="lost between two rungs"):
        runs = halved(data, halving=Halving(at=(0.25,), keep=0.5, score=lose), checkpoint_dir=tmp_path)
    assert alike(runs, expected)


def test_a_full_disk_costs_time_and_warnings(data, tmp_path, undisturbed, monkeypatch):
    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage_module.safetensors.numpy, "save_file", refuse)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert alike(halved(data), undisturbed)
        assert alike(halved(data, checkpoint_dir=tmp_path), undisturbed)
    assert any("cannot write the checkpoint" in str(w.message) for w in caught)


@pytest.mark.parametrize("jobs", [1, 2])
def test_another_plan_goes_on_from_what_is_there(data, tmp_path, undisturbed, jobs, monkeypatch):
    """As with another number of processes, or another amount of free memory."""
    monkeypatch.setattr("selectdis.training.plan.CPU_LARGEST", 16)
    halved(data, checkpoint_dir=tmp_path)
    for path in (tmp_path / "to-20").iterdir():
        path.unlink()
    monkeypatch.setattr("selectdis.training.plan.CPU_LARGEST", 2)
    assert alike(halved(data, checkpoint_dir=tmp_path, jobs=jobs), undisturbed)


def test_states_of_other_images_in_the_folder_are_left_alone(data, tmp_path, undisturbed):
    halved(blobs(n=50), checkpoint_dir=tmp_path)
    assert alike(halved(data, checkpoint_dir=tmp_path), undisturbed)


def test_a_plain_training_goes_on_in_the_cohorts_that_were(data, tmp_path, monkeypatch):
    candidates = [*mixture(), small("factor_vae"), small(latents=2)]  # one of them twice
    runs = train(candidates, data, steps=20, device="cpu", checkpoint_dir=tmp_path)
    monkeypatch.setattr("selectdis.training.plan.CPU_LARGEST", 3)
    monkeypatch.setattr("selectdis.training.loop.Cohort.step", None)
    again = train(candidates, data, steps=20, device="cpu", checkpoint_dir=tmp_path)
    assert all(same(a, b) for a, b in zip(again, runs, strict=True))


def test_ctrl_c_says_what_was_saved(data, tmp_path):
    def interrupt(runs):
        raise KeyboardInterrupt

    rule = Halving(at=(0.5,), score=interrupt)
    with pytest.raises(TrainingInterrupted, match="nothing was saved; give a checkpoint_dir"):
        halved(data, halving=rule)
    with pytest.raises(TrainingInterrupted, match=rf"saved in {tmp_path}; call again"):
        halved(data, halving=rule, checkpoint_dir=tmp_path)


def test_progress_rises_to_the_end_once(data):
    seen = []
    halved(data, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {240}
    assert seen[-1] == (240, 240)
    assert (240, 240) not in seen[:-1]


def test_rungs_at_one_step_are_one(data):
    runs = halved(data, steps=2, curve_every=1)
    assert [run.steps for run in runs].count(2) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": True}, "steps must be a whole number"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"curve_every": 0}, "curve_every must be a whole number of at least 1, found 0"),
        ({"checkpoint_every": "2"}, "checkpoint_every must be a whole number"),
        ({"jobs": 0}, "jobs must be .* -1 stands for one a core"),
        ({"halving": 0.5}, "halving must be a Halving"),
    ],
)
def test_mistakes_are_one_sentence(data, arguments, message):
    with pytest.raises(SelectdisError, match=message):
        train([small()], data, **({"steps": 2, "device": "cpu"} | arguments))


@pytest.mark.parametrize("images", [None, np.zeros((3, 1, 16, 16), np.uint8), "sprites"])
def test_what_is_no_data_set_is_one_sentence(images):
    with pytest.raises(SelectdisError, match="load one with load_dataset"):
        train([small()], images, steps=2, device="cpu")


def test_whole_numbers_of_any_kind_and_a_single_candidate_are_taken(data):
    (run,) = train(small(seed=np.int64(1)), data, steps=np.int64(2), jobs=np.int32(1), curve_every=np.uint8(1))
    assert run.steps == 2
    with pytest.raises(SelectdisError, match="list of Candidate, found dict"):
        train_cohort([small().to_dict()], data, steps=2)
