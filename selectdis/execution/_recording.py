"""The records of a cohort's runs, made from what its training left on disk, and the codes of the probe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import joblib

from selectdis.execution._job import CohortJob, ignore_interrupts, stop_asked
from selectdis.execution._plan import worker_count
from selectdis.scoring._files import model_path
from selectdis.scoring._probe import scorer_of, write_codes
from selectdis.training import Candidate, Run
from selectdis.training._memory import is_out_of_memory
from selectdis.training._runtime import deaf_children, place_of

__all__ = [
    "describe",
    "finished_run",
    "raise_if_of_the_machine",
    "records_of",
    "scoring_processes",
]


def records_of(job: CohortJob, runs: Mapping[str, Run | None], failure: str) -> Iterator[dict[str, Any]]:
    """A record of each candidate; where the driver asks for the end, of those that are scored by then."""
    asked = stop_asked(job)
    going = (candidate for candidate in job.candidates if not asked())
    processes = min(scoring_processes(job.training.device), len(job.candidates))
    if processes == 1:
        for candidate in going:
            yield _record(job, candidate, runs[candidate.id], failure)
        return
    with joblib.parallel_config(backend="loky", n_jobs=processes, inner_max_num_threads=1):
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs")
        with deaf_children():
            records = parallel(joblib.delayed(_record_elsewhere)(job, candidate, failure) for candidate in going)
        yield from records


def scoring_processes(device: str) -> int:
    """Processes that score a cohort: a GPU trains many candidates at once, and would wait long for one process."""
    return worker_count(-1) if place_of(device, "float32").device.type == "cuda" else 1


def _record_elsewhere(job: CohortJob, candidate: Candidate, failure: str) -> dict[str, Any]:
    """`_record` of the run that is on disk."""
    ignore_interrupts()
    return _record(job, candidate, finished_run(job, candidate), failure)


def raise_if_of_the_machine(error: Exception) -> None:
    """What no other candidate would mend is not this one's failure."""
    if isinstance(error, OSError):
        raise error
    if is_out_of_memory(error):
        raise MemoryError("memory ran out") from error


def finished_run(job: CohortJob, candidate: Candidate) -> Run | None:
    """The run that an earlier driver left, unless it is damaged or was trained for another number of steps."""
    path = model_path(job.folder, job.data, candidate.id)
    if not path.exists():
        return None
    try:
        run = Run.load(path)
    except ValueError:
        return None
    whole = run.status == "diverged" or run.steps == job.training.steps
    return run if run.candidate == candidate and whole else None


def _record(job: CohortJob, candidate: Candidate, run: Run | None, failure: str) -> dict[str, Any]:
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
    """The identity and the parameters of a record, flat."""
    flat = candidate.to_dict()
    strengths = flat.pop("strengths")
    return {
        "dataset": job.data.load().name,
        "stage": job.stage,
        "candidate": candidate.id,
        "configuration": candidate.configuration,
        **flat,
        "strength": candidate.strength,
        **{f"strength.{name}": value for name, value in strengths.items()},
        "steps": job.training.steps,
    }
