"""How long a study takes, by a few steps of it."""

from dataclasses import replace

import pytest

import selectdis.execution._estimate as module
from selectdis.data._reference import DataReference
from selectdis.execution._estimate import TimeEstimate, estimate_time, in_words
from selectdis.execution._job import CohortJob
from selectdis.spec import EvaluationSpec, TrainingSpec
from selectdis.training import Candidate


@pytest.fixture
def job(tmp_path):
    data = DataReference("digits", '{"image_size": 16}')
    evaluation = EvaluationSpec(metrics=("mig",), n_train=60, n_test=30, probe=50, n_criteria=100)
    return CohortJob((), data, "target", TrainingSpec(steps=1000, device="cpu"), evaluation, str(tmp_path))


def candidates(count, objective="beta_vae"):
    return [Candidate(objective, s, architecture="fc", width=16, latents=3, learning_rate=1e-3) for s in range(count)]


def test_steps_and_scores_add_up(job, monkeypatch):
    monkeypatch.setattr(module, "_seconds_per_step", lambda job: (0.01 * len(job.candidates), 7))
    monkeypatch.setattr(module, "_seconds_to_score", lambda job: 3.0)
    found = estimate_time(candidates(6), job, n_jobs=2)
    assert (found.runs, found.n_jobs) == (6, 2)
    assert found.training == pytest.approx(1000 * 0.06 / 2)
    assert found.scoring == pytest.approx(6 * 3 / 2)
    assert found.seconds == found.training + found.scoring
    assert found.prolonged(6).seconds == pytest.approx(2 * found.seconds)
    assert (found + found).runs == 12
    assert str(found).startswith("about 39 seconds for 6 runs in 2 processes (training 30 seconds, scoring 9 seconds)")
    assert str(estimate_time([], job, n_jobs=2)) == "nothing is left to train"


def test_the_last_process_counts_and_what_a_kill_left_is_not_done_again(job, monkeypatch):
    monkeypatch.setattr(module, "_seconds_per_step", lambda job: (0.01 * len(job.candidates), 7))
    monkeypatch.setattr(module, "_seconds_to_score", lambda job: 3.0)
    assert estimate_time(candidates(5), job, n_jobs=2).training == pytest.approx(1000 * 0.03)
    half = replace(job, candidates=tuple(candidates(6))).checkpoint
    monkeypatch.setattr(module, "descriptions_in", lambda folder: [(half, {"step": 400})])
    assert estimate_time(candidates(6), job, n_jobs=1).training == pytest.approx(600 * 0.06)


def test_a_real_one_measures_and_leaves_nothing(job, tmp_path):
    found = estimate_time([*candidates(2), *candidates(1, "factor_vae")], job, n_jobs=1)
    assert found.runs == 3
    assert found.training > 0
    assert found.scoring > 0
    assert 0 < found.measured <= 2 * module.MEASURED
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 seconds"), (80, "80 seconds"), (100, "1.7 minutes"), (4 * 3600, "4 hours"), (2e6, "23 days")],
)
def test_times_in_words(seconds, words):
    assert in_words(seconds) == words


def test_scores_beside_a_gpu_take_no_time_of_their_own():
    assert TimeEstimate(3, 60.0, 50.0, overlapped=True).seconds == 60
