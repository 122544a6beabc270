"""What a worker trains: the images that are not held out, for as many steps and as exactly as the study says."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from selectdis.errors import SelectdisError
from selectdis.execution import _worker as worker
from selectdis.execution._stop import StopSignal
from selectdis.execution._worker import run_cohort
from selectdis.scoring._files import model_path
from selectdis.spec._model import TrainingSpec
from selectdis.training import Run, TrainingInterrupted, train_cohort
from selectdis.training._checkpoint import Checkpoint
from tests.execution.conftest import CANDIDATES, DATA
from tests.training.conftest import same


def run_of(job, candidate):
    return Run.load(model_path(job.folder, job.data, candidate.id))


def test_held_out_images_are_for_scores_alone(job):
    records = run_cohort(job)
    training, held_out = DATA.load().split(1 - job.evaluation.held_out, seed=job.evaluation.seed)
    assert 0 < len(held_out) <= job.evaluation.n_test
    expected = train_cohort(CANDIDATES, training, steps=3, device="cpu")
    for candidate, record, run in zip(CANDIDATES, records, expected, strict=True):
        assert same(run_of(job, candidate), run)
        error = run.reconstruction_error(held_out.images_at(np.arange(len(held_out))))
        assert record["criterion.reconstruction"] == pytest.approx(error.mean(), rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 7, "curve_every": 2, "checkpoint_every": 3, "precision": "bf16", "compile": True},
        {"steps": 5, "curve_every": 1, "checkpoint_every": 4, "precision": "float64", "compile": False},
    ],
)
def test_what_the_study_file_says_reaches_the_training(job, monkeypatch, options):
    given = {}
    monkeypatch.setattr(worker, "train_cohort", lambda *_, **told: given.update(told) or [])
    run_cohort(replace(job, training=TrainingSpec(device="cpu", **options)))
    assert {name: given[name] for name in options} == options
    assert given["device"] == "cpu"
    assert given["checkpoint"] == job.checkpoint


def test_what_is_on_disk_is_not_trained_again(job, monkeypatch):
    run_cohort(replace(job, candidates=CANDIDATES[:1]))
    trained = []

    def counted(candidates, *others, **options):
        trained.extend(candidates)
        return train_cohort(candidates, *others, **options)

    monkeypatch.setattr(worker, "train_cohort", counted)
    assert [record["candidate"] for record in run_cohort(job)] == [candidate.id for candidate in CANDIDATES]
    assert tuple(trained) == CANDIDATES[1:]
    longer = replace(job, training=TrainingSpec(steps=4, device="cpu"))
    assert {record["steps"] for record in run_cohort(longer)} == {4}
    assert run_of(job, CANDIDATES[0]).steps == 4


def test_an_asked_for_end_is_saved_and_gone_on_from(job, tmp_path):
    (tmp_path / "stop").touch()
    with pytest.raises(TrainingInterrupted, match="step 1 of 3"):
        run_cohort(job, StopSignal(str(tmp_path / "stop")))
    assert Checkpoint(job.checkpoint).read()[1]["step"] == 1
    assert job.checkpoint.with_suffix(".json").exists()
    run_cohort(job)
    undisturbed = replace(job, folder=str(tmp_path / "undisturbed"))
    run_cohort(undisturbed)
    assert all(same(run_of(job, candidate), run_of(undisturbed, candidate)) for candidate in CANDIDATES)
    assert not list(job.checkpoint.parent.iterdir())


def test_a_training_that_fails_is_the_failure_of_its_runs(job, monkeypatch):
    def fail(*_, **__):
        raise SelectdisError("planted")

    monkeypatch.setattr(worker, "train_cohort", fail)
    assert {(r["status"], r["error"]) for r in run_cohort(job)} == {("failed", "SelectdisError: planted")}
    monkeypatch.setattr(worker, "train_cohort", lambda *_, **__: SimpleNamespace().nothing)
    assert {r["status"] for r in run_cohort(job)} == {"failed"}
