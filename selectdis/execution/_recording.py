"""The records of runs, made from what training left on disk, or from the codes that were made on its device."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from selectdis.errors import SelectdisError
from selectdis.execution._job import CohortJob
from selectdis.execution._plan import worker_count
from selectdis.execution._pool import run_tasks
from selectdis.execution._stop import StopSignal
from selectdis.records import is_finished
from selectdis.scoring._encoded import Encoded, read_encoded, write_encoded
from selectdis.scoring._files import encoded_path, encoded_place, model_path
from selectdis.scoring._probe import scorer_of, write_codes
from selectdis.scoring._version import SCORES_VERSION
from selectdis.training import Candidate, Run
from selectdis.training._memory import is_out_of_memory
from selectdis.training._runtime import compute_settings, torch_settings

__all__ = [
    "describe",
    "encode_cohort",
    "encode_on_device",
    "encoded_here",
    "failed_record",
    "finished_run",
    "leave_codes",
    "raise_if_of_the_machine",
    "record_of_run",
    "records_of",
    "records_of_codes",
    "scoring_processes",
]

Record = dict[str, Any]


def records_of(job: CohortJob, failure: str, stop: StopSignal) -> list[Record]:
    """Return the records of each candidate; where the driver asks for the end, of those that are scored by then."""
    if compute_settings(job.training.device).device.type == "cuda":
        encode_cohort(job, stop)
    n_jobs = max(scoring_processes(job.training.device), 1)
    found = run_tasks(job.candidates, partial(_records, job, failure), stop, n_jobs=n_jobs)
    return [record for _, records in found for record in records]


def encode_cohort(job: CohortJob, stop: Callable[[], bool]) -> None:
    """Make the codes of all runs of a job that are on disk, as far as they are missing; a failure shows in scoring."""
    for candidate, at in product(job.candidates, (*job.on_the_way, None)):
        if stop():
            break
        if encoded_here(job, candidate, at) or (run := finished_run(job, candidate, at)) is None:
            continue
        try:
            if run.status != "diverged":
                leave_codes(job, run, encode_on_device(job, run), at)
        except Exception as error:
            raise_if_of_the_machine(error)
    scorer_of(job.data, job.evaluation).leave_device()


def scoring_processes(device: str) -> int:
    """Return how many processes score what this one trains on a GPU, which would wait long for its own; 0 on CPU.

    One core is left to the process that trains. A process that may have no children scores by itself.
    """
    if compute_settings(device).device.type != "cuda" or multiprocessing.current_process().daemon:
        return 0
    return max(worker_count(-1) - 1, 1)


def raise_if_of_the_machine(error: Exception) -> None:
    """Raise what no other candidate would mend: it is not this one's failure."""
    if isinstance(error, OSError):
        raise error
    if is_out_of_memory(error):
        raise MemoryError("memory ran out") from error


def finished_run(job: CohortJob, candidate: Candidate, at: int | None = None) -> Run | None:
    """Return the run that an earlier driver left, unless it is damaged or was trained for another number of steps."""
    try:
        run = Run.load(model_path(job.folder, job.data, candidate.id, at))
    except ValueError:
        return None
    whole = run.status == "diverged" or run.steps == (at or job.training.steps)
    return run if run.candidate == candidate and whole else None


def _records(job: CohortJob, failure: str, candidate: Candidate, stop: StopSignal) -> list[Record]:
    """Return the records of the run that is on disk: that of its end, after those on the way where it has scores."""
    last = _record(job, candidate) or failed_record(job, candidate, failure)
    on_the_way = [_record(job, candidate, at) for at in job.on_the_way] if is_finished(last) else []
    return [*(record for record in on_the_way if record is not None), last]


def _record(job: CohortJob, candidate: Candidate, at: int | None = None) -> Record | None:
    if (record := record_of_codes(job, candidate, at)) is not None:
        return record
    run = finished_run(job, candidate, at)
    return None if run is None else record_of_run(job, run, at)


def failed_record(job: CohortJob, candidate: Candidate, failure: str) -> Record:
    """Return the record of a run that is not there."""
    return describe(candidate, job) | {"status": "failed", "error": failure}


def record_of_run(job: CohortJob, run: Run, at: int | None = None) -> Record:
    """Encode and score a run, leave its codes of the probe, and return its record."""
    if run.status == "diverged":
        return describe(run.candidate, job, at) | _facts(run)
    return _scored(job, run.candidate, at, _facts(run), lambda: scorer_of(job.data, job.evaluation).score(run))


def encode_on_device(job: CohortJob, run: Run) -> Encoded:
    """Make a run's codes where its cohort trained, as exactly as it trained; where that has no memory, on the CPU."""
    compute = compute_settings(job.training.device, job.training.precision)
    scorer = scorer_of(job.data, job.evaluation)
    try:
        with torch_settings(compute):
            return scorer.encode(run.to(str(compute.device)))
    except Exception as error:
        if compute.device.type == "cpu" or not is_out_of_memory(error):
            raise
    scorer.leave_device()
    return scorer.encode(run.to("cpu"))


def leave_codes(job: CohortJob, run: Run, encoded: Encoded, at: int | None = None) -> None:
    """Write the codes of a run for `record_of_codes`."""
    path = encoded_place(job.folder, job.data, run.candidate.id, at)
    write_encoded(path, encoded, _about(job, run.candidate, at) | _facts(run))


def encoded_here(job: CohortJob, candidate: Candidate, at: int | None = None) -> bool:
    """Whether there are whole codes of the run that `job` asks for, made for the same scores."""
    return _codes(job, candidate, at) is not None


def record_of_codes(job: CohortJob, candidate: Candidate, at: int | None = None) -> Record | None:
    """Score the codes that `leave_codes` wrote, leave those of the probe, and return the record; None without them."""
    found = _codes(job, candidate, at)
    if found is None:
        return None
    encoded, facts = found

    def score() -> tuple[Record, np.ndarray]:
        return scorer_of(job.data, job.evaluation).score_codes(encoded, candidate), encoded.probe

    return _scored(job, candidate, at, facts, score)


def records_of_codes(job: CohortJob, candidate: Candidate) -> list[Record]:
    """Return the records of a run from its codes alone: those on the way as far as there are, and that of its end.

    Raises
    ------
    FileNotFoundError
        If somebody took the codes of its end away.
    """
    *on_the_way, last = (record_of_codes(job, candidate, at) for at in (*job.on_the_way, None))
    if last is None:
        raise FileNotFoundError(2, "the codes are gone", str(encoded_path(job.folder, job.data, candidate.id)))
    return [*(record for record in on_the_way if record is not None), last]


def _codes(job: CohortJob, candidate: Candidate, at: int | None) -> tuple[Encoded, Record] | None:
    try:
        found = read_encoded(encoded_path(job.folder, job.data, candidate.id, at))
    except SelectdisError:  # something else in its place
        return None
    about = _about(job, candidate, at)
    if found is None or {name: found[1].get(name) for name in about} != about:
        return None
    return found[0], {name: found[1].get(name) for name in ("status", "failed_step", "seconds")}


def _about(job: CohortJob, candidate: Candidate, at: int | None) -> Record:
    """Say what codes are of: others are made again."""
    return {
        "candidate": candidate.to_dict(),
        "steps": at or job.training.steps,
        "edition": job.data.edition,
        "evaluation": job.evaluation.model_dump(mode="json"),
        "scores_version": SCORES_VERSION,
    }


def _facts(run: Run) -> Record:
    return {"status": run.status, "failed_step": run.failed_step, "seconds": round(run.seconds, 3)}


def _scored(
    job: CohortJob,
    candidate: Candidate,
    at: int | None,
    facts: Record,
    score: Callable[[], tuple[Record, np.ndarray]],
) -> Record:
    record = describe(candidate, job, at) | facts
    try:
        scores, codes = score()
    except Exception as error:
        raise_if_of_the_machine(error)
        return record | {"status": "failed", "error": f"scoring: {type(error).__name__}: {error}"[:500]}
    if at is None:
        write_codes(job.folder, job.data, candidate.id, codes)
    return record | scores


def describe(candidate: Candidate, job: CohortJob, at: int | None = None) -> Record:
    """Return the identity and the parameters of a record, flat; `at` a step on the way."""
    flat = candidate.to_dict()
    strengths = flat.pop("strengths")
    return {
        "dataset": job.data.load().name,
        "stage": job.stage,
        "candidate": candidate.id,
        "configuration": candidate.configuration,
        **flat,
        "weight_decay": candidate.weight_decay,
        "likelihood": candidate.likelihood,
        "strength": candidate.strength,
        **{f"strength.{name}": value for name, value in strengths.items()},
        "steps": at or job.training.steps,
    }
