"""What a worker does: train a cohort, score each run, leave files - a pure function of its job."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from selectdis._files import atomic_write
from selectdis.errors import SelectdisError
from selectdis.execution._job import CohortJob, stop_asked
from selectdis.execution._recording import finished_run, raise_if_of_the_machine, records_of
from selectdis.scoring._files import model_path
from selectdis.scoring._probe import scorer_of
from selectdis.training import Candidate, Run, remove_checkpoint, train_cohort
from selectdis.training._runtime import TrainingInterrupted

__all__ = ["run_cohort", "stoppable"]

Records = list[dict[str, Any]]
_ONE_AT_A_TIME = threading.Lock()  # a Dask worker may have several threads; settings of torch are the process's


def run_cohort(job: CohortJob) -> Records:
    """Train the candidates of `job` that have no run on disk yet, score all, and return one record each.

    Raises
    ------
    TrainingInterrupted
        If the driver asked for the end; the state of the cohort is saved.
    """
    with _ONE_AT_A_TIME:
        return _run_cohort(job)


def _run_cohort(job: CohortJob) -> Records:
    runs = {candidate.id: finished_run(job, candidate) for candidate in job.candidates}
    missing = [candidate for candidate in job.candidates if runs[candidate.id] is None]
    trained, failure = _trained(job, missing) if missing else ([], "")
    for run in trained:
        if runs[run.candidate.id] is None:
            run.save(model_path(job.folder, job.data, run.candidate.id))
            runs[run.candidate.id] = run
    records = list(records_of(job, runs, failure))
    _forget_checkpoint(job)
    return records


def stoppable(work: Callable[[CohortJob], Records], number: int, job: CohortJob) -> tuple[int, Records | None]:
    """In a worker: the number and the records of a job, or None where its driver asked to stop."""
    if os.path.exists(job.stop):
        return number, None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the driver loaded the same data, and said what there is to say
        job.data.load()
    try:
        return number, work(job)
    except TrainingInterrupted:
        return number, None


def _trained(job: CohortJob, missing: Sequence[Candidate]) -> tuple[list[Run], str]:
    """The trained runs, or none and why."""
    try:
        return _train(job, missing), ""
    except Exception as error:
        raise_if_of_the_machine(error)
        return [], f"{type(error).__name__}: {error}"[:500]


def _train(job: CohortJob, missing: Sequence[Candidate]) -> list[Run]:
    """Train what is missing; a cohort with a checkpoint goes on as a whole, since the checkpoint is of the whole."""
    if not any(job.checkpoint.parent.glob(f"{job.checkpoint.stem}*.safetensors")):
        return _train_from(replace(job, candidates=tuple(missing)))
    try:
        return _train_from(job)
    except SelectdisError as error:
        warnings.warn(f"{error}; this cohort is trained from the start", stacklevel=2)
        _forget_checkpoint(job)
        return _train_from(replace(job, candidates=tuple(missing)))


def _train_from(job: CohortJob) -> list[Run]:
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
        should_stop=stop_asked(job),
        **chosen,
    )


def _forget_checkpoint(job: CohortJob) -> None:
    remove_checkpoint(job.checkpoint)
    job.checkpoint.with_suffix(".json").unlink(missing_ok=True)
