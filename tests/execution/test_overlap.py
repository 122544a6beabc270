"""Training in a thread and scoring in processes: the same records, whatever ends it in between."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import joblib
import pytest

from selectdis.execution import _overlap as overlap
from selectdis.execution import _recording as recording
from selectdis.execution import _study_jobs as study_jobs
from selectdis.execution._overlap import overlapped
from selectdis.execution._stop import StopSignal
from selectdis.execution._worker import run_cohort
from selectdis.records import is_settled
from tests.execution.conftest import CANDIDATES


def by_candidate(records):
    return {record["candidate"]: {k: v for k, v in record.items() if k != "seconds"} for record in records}


def two_cohorts(job, folder):
    return [replace(job, folder=str(folder), candidates=part) for part in (CANDIDATES[:2], CANDIDATES[2:])]


@pytest.fixture(scope="module")
def expected(tmp_path_factory, job_template):
    jobs = two_cohorts(job_template, tmp_path_factory.mktemp("plain"))
    return by_candidate(record for job in jobs for record in run_cohort(job))


@pytest.fixture
def jobs(job_template, tmp_path):
    return two_cohorts(job_template, tmp_path)


def records_of(jobs, **options):
    found = overlapped(jobs, StopSignal(), lambda: True, **{"n_jobs": 1, **options})
    return by_candidate(record for _, records in found for record in records)


def files(folder, kind):
    return sorted(path.stem for path in Path(folder).glob(f"{kind}/*/*") if not path.name.startswith("."))


def test_records_are_those_of_one_process(jobs, expected):
    assert records_of(jobs) == expected
    assert not files(jobs[0].folder, "checkpoints")


def test_what_is_trained_is_not_trained_again_nor_encoded(jobs, expected, monkeypatch):
    assert records_of(jobs, scores=False) == {}
    assert files(jobs[0].folder, "encoded") == files(jobs[0].folder, "models") == sorted(expected)
    monkeypatch.setattr("selectdis.execution._worker.train_cohort", None)
    monkeypatch.setattr(overlap, "encode_on_device", None)
    assert records_of(jobs) == expected


def test_codes_that_are_torn_or_of_other_scores_are_made_again(jobs, expected, monkeypatch):
    records_of(jobs, scores=False)
    torn, other = (Path(jobs[0].folder, "encoded", jobs[0].data.slug, f"{c.id}.safetensors") for c in CANDIDATES[:2])
    torn.write_bytes(torn.read_bytes()[:-100])
    made = []
    encode = recording.encode_on_device
    monkeypatch.setattr(overlap, "encode_on_device", lambda job, run: made.append(run.candidate) or encode(job, run))
    assert records_of(jobs) == expected
    assert made == [CANDIDATES[0]]
    changed = [replace(job, evaluation=job.evaluation.model_copy(update={"seed": 9})) for job in jobs]
    records_of(changed)
    assert set(made) == set(CANDIDATES)
    assert other.exists()


def test_a_killed_scoring_process_costs_a_warning(jobs, expected, monkeypatch):
    monkeypatch.setattr(overlap, "_score_in_child", deadly)
    with pytest.warns(UserWarning, match="a worker was lost"):
        assert records_of(jobs) == expected


score_in_child = overlap._score_in_child


def deadly(plugins, job, stop):
    """Score, but die the first time."""
    try:
        Path(job.folder, "died").touch(exist_ok=False)
    except FileExistsError:
        return score_in_child(plugins, job, stop)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("it was killed")


def test_an_error_of_the_training_is_raised_after_what_was_scored(jobs, monkeypatch):
    train = overlap.train_job

    def fail(job, stop):
        if job is jobs[1]:
            raise OSError(28, "No space left on device")
        return train(job, stop)

    monkeypatch.setattr(overlap, "train_job", fail)
    seen = []
    with pytest.raises(OSError, match="No space"):
        seen.extend(overlapped(jobs, StopSignal(), lambda: True, n_jobs=1))
    assert len(seen) == 2


def test_a_stop_saves_the_cohort_and_the_next_call_goes_on(jobs, expected, monkeypatch, tmp_path):
    monkeypatch.setattr("selectdis.execution._stop.LOOK_SECONDS", 0)
    stop = StopSignal(str(tmp_path / "stop"))
    steps = iter(range(100))
    trainer = overlap.Trainer.__call__
    monkeypatch.setattr(overlap.Trainer, "__call__", lambda self: next(steps) > 2 or trainer(self))
    assert list(overlapped(jobs, stop, lambda: True, n_jobs=1)) == []
    assert files(jobs[0].folder, "checkpoints")
    assert not files(jobs[0].folder, "models")
    monkeypatch.undo()
    assert records_of(jobs) == expected


def test_a_gpu_of_this_machine_trains_that_way_and_codes_go_once_recorded(jobs, expected, monkeypatch):
    monkeypatch.setattr(study_jobs, "scoring_processes", lambda device: 1)
    found = [record for _, records in study_jobs.run_jobs(jobs) for record in records]
    assert all(map(is_settled, found))
    assert by_candidate(found) == expected
    assert files(jobs[0].folder, "encoded") == []


def test_others_find_a_pool_that_they_can_use(jobs):
    """There is one pool a process, and the next data set of a study is drawn by it."""
    records_of(jobs)
    with joblib.parallel_config("loky", n_jobs=2, inner_max_num_threads=1):
        assert joblib.Parallel()(joblib.delayed(abs)(-number) for number in range(3)) == [0, 1, 2]
