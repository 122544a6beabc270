"""The records of runs, made from what training left on disk, or from the codes that were made on its device."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from functools import partial
from typing import Any

from selectdis.execution._job import CohortJob
from selectdis.execution._plan import worker_count
from selectdis.execution._pool import run_tasks
from selectdis.execution._stop import StopSignal
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
    "record_of_codes",
    "record_of_run",
    "records_of",
    "scoring_processes",
]

Record = dict[str, Any]


def records_of(job: CohortJob, failure: str, stop: StopSignal) -> list[Record]:
    """Return a record of each candidate; where the driver asks for the end, of those that are scored by then."""
    n_jobs = scoring_processes(job.training.device)
    if compute_settings(job.training.device).device.type == "cuda":
        encode_cohort(job, stop)
    return [
        record for _, record in run_tasks(job.candidates, partial(_record, job, failure), stop, n_jobs=max(n_jobs, 1))
    ]


def encode_cohort(job: CohortJob, stop: Callable[[], bool]) -> None:
    """Make the codes of all runs of a job that are on disk, as far as they are missing; a failure shows in scoring."""
    for candidate in job.candidates:
        if stop():
            break
        if encoded_here(job, candidate) or (run := finished_run(job, candidate)) is None or run.status == "diverged":
            continue
        try:
            leave_codes(job, run, encode_on_device(job, run))
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


def finished_run(job: CohortJob, candidate: Candidate) -> Run | None:
    """Return the run that an earlier driver left, unless it is damaged or was trained for another number of steps."""
    try:
        run = Run.load(model_path(job.folder, job.data, candidate.id))
    except ValueError:
        return None
    whole = run.status == "diverged" or run.steps == job.training.steps
    return run if run.candidate == candidate and whole else None


def _record(job: CohortJob, failure: str, candidate: Candidate, stop: StopSignal) -> Record:
    """Return the record of the run that is on disk."""
    if encoded_here(job, candidate):
        return record_of_codes(job, candidate)
    run = finished_run(job, candidate)
    return failed_record(job, candidate, failure) if run is None else record_of_run(job, run)


def failed_record(job: CohortJob, candidate: Candidate, failure: str) -> Record:
    """Return the record of a run that is not there."""
    return describe(candidate, job) | {"status": "failed", "error": failure}


def record_of_run(job: CohortJob, run: Run) -> Record:
    """Encode and score a run, leave its codes of the probe, and return its record."""
    if run.status == "diverged":
        return describe(run.candidate, job) | _facts(run)
    return _scored(job, run.candidate, _facts(run), lambda: scorer_of(job.data, job.evaluation).score(run))


def encode_on_device(job: CohortJob, run: Run) -> Encoded:
    """Make a run's codes where its cohort trained, as exactly as it trained."""
    compute = compute_settings(job.training.device, job.training.precision)
    with torch_settings(compute):
        return scorer_of(job.data, job.evaluation).encode(run.to(str(compute.device)))


def leave_codes(job: CohortJob, run: Run, encoded: Encoded) -> None:
    """Write the codes of a run for `record_of_codes`."""
    path = encoded_place(job.folder, job.data, run.candidate.id)
    write_encoded(path, encoded, _about(job, run.candidate) | _facts(run))


def encoded_here(job: CohortJob, candidate: Candidate) -> bool:
    """Whether there are whole codes of the run that `job` asks for, made for the same scores."""
    return _codes(job, candidate) is not None


def record_of_codes(job: CohortJob, candidate: Candidate) -> Record:
    """Score the codes that `leave_codes` wrote, leave those of the probe, and return the record."""
    found = _codes(job, candidate)
    if found is None:
        raise FileNotFoundError(2, "the codes are gone", str(encoded_path(job.folder, job.data, candidate.id)))
    encoded, facts = found

    def score() -> tuple[Record, Any]:
        return scorer_of(job.data, job.evaluation).score_codes(encoded, candidate), encoded.probe

    return _scored(job, candidate, facts, score)


def _codes(job: CohortJob, candidate: Candidate) -> tuple[Encoded, Record] | None:
    found = read_encoded(encoded_path(job.folder, job.data, candidate.id))
    about = _about(job, candidate)
    if found is None or {name: found[1].get(name) for name in about} != about:
        return None
    return found[0], {name: found[1].get(name) for name in ("status", "failed_step", "seconds")}


def _about(job: CohortJob, candidate: Candidate) -> Record:
    """Say what codes are of: others are made again."""
    return {
        "candidate": candidate.to_dict(),
        "steps": job.training.steps,
        "edition": job.data.edition,
        "evaluation": job.evaluation.model_dump(mode="json"),
        "scores_version": SCORES_VERSION,
    }


def _facts(run: Run) -> Record:
    return {"status": run.status, "failed_step": run.failed_step, "seconds": round(run.seconds, 3)}


def _scored(job: CohortJob, candidate: Candidate, facts: Record, score: Any) -> Record:
    record = describe(candidate, job) | facts
    try:
        scores, codes = score()
    except Exception as error:
        raise_if_of_the_machine(error)
        return record | {"status": "failed", "error": f"scoring: {type(error).__name__}: {error}"[:500]}
    write_codes(job.folder, job.data, candidate.id, codes)
    return record | scores


def describe(candidate: Candidate, job: CohortJob) -> Record:
    """Return the identity and the parameters of a record, flat."""
    flat = candidate.to_dict()
    strengths = flat.pop("strengths")
    return {
        "dataset": job.data.load().name,
        "stage": job.stage,
        "candidate": candidate.id,
        "configuration": candidate.configuration,
        **flat,
        "weight_decay": candidate.weight_decay,
        "strength": candidate.strength,
        **{f"strength.{name}": value for name, value in strengths.items()},
        "steps": job.training.steps,
    }
