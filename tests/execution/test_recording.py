"""Records of a cohort: in any number of processes, given up between two runs, and failures that are the machine's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from selectdis.execution import _recording as recording
from selectdis.execution._stop import StopSignal
from selectdis.execution._worker import run_cohort
from selectdis.scoring._scorer import Scorer
from tests.execution.conftest import CANDIDATES


def by_candidate(records):
    return {record["candidate"]: {k: v for k, v in record.items() if k != "seconds"} for record in records}


def test_several_processes_score_as_one_does(job, tmp_path, monkeypatch):
    expected = run_cohort(job)
    monkeypatch.setattr(recording, "scoring_processes", lambda device: 2)
    again = run_cohort(replace(job, folder=str(tmp_path / "elsewhere")))
    assert by_candidate(again).keys() == by_candidate(expected).keys()
    for candidate, record in by_candidate(expected).items():
        other = by_candidate(again)[candidate]
        numbers = {name for name, value in record.items() if isinstance(value, float)}
        assert {name: other[name] for name in numbers} == pytest.approx({name: record[name] for name in numbers})
        assert all(other[name] == record[name] for name in record.keys() - numbers - {"kl_per_latent"})
    codes = [sorted(folder.glob("codes/*/*.npy")) for folder in (tmp_path, tmp_path / "elsewhere")]
    assert len(codes[0]) == len(CANDIDATES)
    for one, other in zip(*codes, strict=True):
        np.testing.assert_allclose(np.load(one), np.load(other), rtol=1e-4, atol=1e-6)


def test_all_cores_but_one_score_what_a_gpu_trained(monkeypatch):
    assert recording.scoring_processes("cpu") == recording.scoring_processes("auto") == 0
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(recording, "worker_count", lambda jobs: 7 if jobs == -1 else jobs)
    assert recording.scoring_processes("cpu") == 0
    assert recording.scoring_processes("auto") == recording.scoring_processes("cuda:0") == 6  # and one core trains


def test_the_end_may_come_between_two_runs_and_nothing_is_trained_again(job, tmp_path, monkeypatch):
    stop = tmp_path / "stop"
    score = Scorer.score
    monkeypatch.setattr("selectdis.execution._stop.LOOK_SECONDS", 0)

    def score_and_stop(self, run):
        stop.touch()
        return score(self, run)

    monkeypatch.setattr(Scorer, "score", score_and_stop)
    first = run_cohort(job, StopSignal(str(stop)))
    assert [record["candidate"] for record in first] == [CANDIDATES[0].id]
    monkeypatch.setattr("selectdis.execution._worker.train_cohort", None)
    rest = run_cohort(replace(job, candidates=CANDIDATES[1:]))
    assert [record["status"] for record in rest] == ["complete"] * 3
    assert not list(Path(tmp_path).rglob("checkpoints/*/*"))


FAILURES = (OSError(28, "No space left on device"), RuntimeError("can't allocate memory: 9 bytes"))


@pytest.mark.parametrize("error", FAILURES)
def test_a_full_machine_is_not_the_failure_of_a_run(job, monkeypatch, error):
    def fail(self, run):
        raise error

    monkeypatch.setattr(Scorer, "score", fail)
    with pytest.raises((OSError, MemoryError), match=r"No space|memory ran out"):
        run_cohort(job)
    monkeypatch.setattr(Scorer, "score", lambda self, run: 1 / 0)
    assert {record["error"] for record in run_cohort(job)} == {"scoring: ZeroDivisionError: division by zero"}
