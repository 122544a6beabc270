"""The records of a cohort's runs, made from what its training left on disk, and the codes of the probe."""

from __future__ import annotations

from functools import partial
from typing import Any

from selectdis.execution._job import CohortJob
from selectdis.execution._plan import worker_count
from selectdis.execution._pool import run_tasks
from selectdis.execution._stop import StopSignal
from selectdis.scoring._files import model_path
from selectdis.scoring._probe import scorer_of, write_codes
from selectdis.training import Candidate, Run
from selectdis.training._memory import is_out_of_memory
from selectdis.training._runtime import compute_settings

__all__ = [
    "describe",
    "finished_run",
    "raise_if_of_the_machine",
    "records_of",
    "scoring_processes",
]


def records_of(job: CohortJob, failure: str, stop: StopSignal) -> list[dict[str, Any]]:
    """Return a record of each candidate; where the driver asks for the end, of those that are scored by then."""
    work = partial(_record, job, failure)
    n_jobs = scoring_processes(job.training.device)
    return [record for _, record in run_tasks(job.candidates, work, stop, n_jobs=n_jobs)]


def scoring_processes(device: str) -> int:
    """Return how many processes score a cohort: a GPU trains many candidates, and would wait long for one process."""
    return worker_count(-1) if compute_settings(device).device.type == "cuda" else 1


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


def _record(job: CohortJob, failure: str, candidate: Candidate, stop: StopSignal) -> dict[str, Any]:
    """Return the record of the run that is on disk."""
    run = finished_run(job, candidate)
    record = describe(candidate, job)
    if run is None:
        return record | {"status": "failed", "error": failure}
    record |= {"status": run.status, "failed_step": run.failed_step, "seconds": round(run.seconds, 3)}
    if run.status == "diverged":
        return record
    try:
        scores, codes = scorer_of(job.data, job.evaluation).score(run)
    except Exception as error:
        raise_if_of_the_machine(error)
        return record | {"status": "failed", "error": f"scoring: {type(error).__name__}: {error}"[:500]}
    write_codes(job.folder, job.data, candidate.id, codes)
    return record | scores


def describe(candidate: Candidate, job: CohortJob) -> dict[str, Any]:
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
