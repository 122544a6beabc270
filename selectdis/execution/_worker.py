"""What a worker does: train a cohort, score each run, leave files - a pure function of its job."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from selectdis._files import atomic_write
from selectdis.errors import SelectdisError
from selectdis.execution._job import CohortJob
from selectdis.execution._recording import (
    encode_cohort,
    encoded_here,
    finished_run,
    raise_if_of_the_machine,
    records_of,
)
from selectdis.execution._stop import StopSignal
from selectdis.scoring._files import check_places, save_run
from selectdis.scoring._probe import scorer_of
from selectdis.training import Candidate, Run, remove_checkpoint, train_cohort
from selectdis.training._runtime import compute_settings

__all__ = ["forget_checkpoint", "load_quietly", "run_cohort", "train_job", "train_only"]

Records = list[dict[str, Any]]
Stop = Callable[[], bool]
_ONE_AT_A_TIME = threading.Lock()  # a Dask worker may have several threads; settings of torch are the process's


def run_cohort(job: CohortJob, stop: StopSignal | None = None) -> Records:
    """Train the candidates of `job` that have no run on disk yet, score all, and return one record each.

    Raises
    ------
    TrainingInterrupted
        If the driver asked for the end; the state of the cohort is saved.
    """
    with _ONE_AT_A_TIME:
        return _run_cohort(job, stop or StopSignal())


def _run_cohort(job: CohortJob, stop: StopSignal) -> Records:
    load_quietly(job)
    records = records_of(job, train_job(job, stop), stop)
    forget_checkpoint(job)
    return records


def train_only(job: CohortJob, stop: StopSignal | None = None) -> Records:
    """Train as `run_cohort` does, leave models and, of a GPU, codes for a later call, and return no records."""
    stop = stop or StopSignal()
    with _ONE_AT_A_TIME:
        load_quietly(job)
        train_job(job, stop)
        if compute_settings(job.training.device).device.type == "cuda":
            encode_cohort(job, stop)
        forget_checkpoint(job)
    return []


def load_quietly(job: CohortJob) -> None:
    """Load the data of a job in this process; the driver did the same, and said what there is to say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        job.data.draw()


def train_job(job: CohortJob, stop: Stop) -> str:
    """Train and save the candidates of `job` that have no run on disk yet; return why none were trained, or "".

    Raises
    ------
    TrainingInterrupted
        If the driver asked for the end; the state of the cohort is saved.
    """
    check_places(job.folder, job.data)
    missing = [
        candidate
        for candidate in job.candidates
        if finished_run(job, candidate) is None and not encoded_here(job, candidate)
    ]
    trained, failure = _trained(job, missing, stop) if missing else ([], "")
    for run in trained:
        if run.candidate in missing:
            save_run(job.folder, job.data, run)
    return failure


def _trained(job: CohortJob, missing: Sequence[Candidate], stop: Stop) -> tuple[list[Run], str]:
    """Return the trained runs, or none and why."""
    try:
        return _train(job, missing, stop), ""
    except Exception as error:
        raise_if_of_the_machine(error)
        return [], f"{type(error).__name__}: {error}"[:500]


def _train(job: CohortJob, missing: Sequence[Candidate], stop: Stop) -> list[Run]:
    """Train what is missing; a cohort with a checkpoint goes on as a whole, since the checkpoint is of the whole."""
    if not any(job.checkpoint.parent.glob(f"{job.checkpoint.stem}*.safetensors")):
        return _train_from(replace(job, candidates=tuple(missing)), stop)
    try:
        return _train_from(job, stop)
    except SelectdisError as error:
        warnings.warn(f"{error}; this cohort is trained from the start", stacklevel=2)
        forget_checkpoint(job)
        return _train_from(replace(job, candidates=tuple(missing)), stop)


def _train_from(job: CohortJob, stop: Stop) -> list[Run]:
    options = job.training
    given = {"checkpoint_every": options.checkpoint_every, "curve_every": options.curve_every}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value}
    with atomic_write(job.checkpoint.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps([candidate.id for candidate in job.candidates]), encoding="utf-8")
    return train_cohort(
        job.candidates,
        scorer_of(job.data, job.evaluation).training_data,
        steps=options.steps,
        device=options.device,
        precision=options.precision,
        compile=options.compile,
        checkpoint=job.checkpoint,
        should_stop=stop,
        at=job.on_the_way,
        on_the_way=lambda runs: _save_on_the_way(job, runs),
        **chosen,
    )


def _save_on_the_way(job: CohortJob, runs: Sequence[Run]) -> None:
    for run in runs:
        if run.status != "diverged":
            save_run(job.folder, job.data, run, at=run.steps)


def forget_checkpoint(job: CohortJob) -> None:
    """Remove the state of a cohort whose runs are saved."""
    remove_checkpoint(job.checkpoint)
    job.checkpoint.with_suffix(".json").unlink(missing_ok=True)
