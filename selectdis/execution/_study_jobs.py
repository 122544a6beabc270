"""From a study's candidates to jobs, and from jobs to records."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from selectdis._files import open_file
from selectdis.errors import SelectdisError
from selectdis.execution._job import CohortJob
from selectdis.execution._overlap import overlapped
from selectdis.execution._plan import plan_cohorts, worker_count
from selectdis.execution._pool import Work, run_tasks
from selectdis.execution._recording import scoring_processes
from selectdis.execution._stop import stop_on_interrupt
from selectdis.execution._worker import run_cohort, train_only
from selectdis.scoring._files import forget_codes
from selectdis.training import Candidate
from selectdis.training._runtime import compute_settings

__all__ = ["default_n_jobs", "device_here", "jobs_of", "run_jobs"]

Records = list[dict[str, Any]]


def default_n_jobs(device: str = "auto") -> int:
    """One process per core on a CPU (measured faster than threads), one process for a GPU."""
    return 1 if compute_settings(device).device.type == "cuda" else worker_count(-1)


def device_here(device: str) -> str:
    """Return the device that cohorts are planned for: "cpu" where only the workers of a scheduler have `device`."""
    try:
        compute_settings(device)
    except SelectdisError:
        return "cpu"
    return device


def jobs_of(
    candidates: Iterable[Candidate], template: CohortJob, *, n_jobs: int, in_parts: bool = False
) -> list[CohortJob]:
    """Cohorts of candidates that can train as one program, as large as pays on this device.

    A cohort that an earlier driver left half-trained is made again as it was, so that its checkpoint fits.

    Parameters
    ----------
    candidates : iterable of Candidate
        Each once.
    template : CohortJob
        What the jobs have in common.
    n_jobs : int
        Cohorts that run at the same time, so that each process gets work.
    in_parts : bool
        Whether the work may have to end before its end: then a processor has several smaller cohorts to do one after
        the other.
    """
    candidates = list(candidates)
    if not candidates:
        return []
    data = template.data.load()
    cohorts = plan_cohorts(
        candidates,
        data.image_shape,
        device=device_here(template.training.device),
        n_jobs=n_jobs,
        in_parts=in_parts,
        interrupted=_interrupted(template.checkpoint.parent),
        precision=template.training.precision,
        n_images=len(data),
    )
    return [replace(template, candidates=tuple(candidates[i] for i in cohort)) for cohort in cohorts]


def _interrupted(folder: Path) -> Iterator[list[str]]:
    """Ids of the candidates of each cohort that has a checkpoint in the folder."""
    for path in sorted(folder.glob("*.json")):
        if any(folder.glob(f"{path.stem}*.safetensors")):
            yield _ids_in(path)


def _ids_in(path: Path) -> list[str]:
    try:
        with open_file(path) as file:
            ids = json.loads(file.read())
    except (OSError, ValueError, RecursionError):  # torn: the cohort starts anew
        return []
    return ids if isinstance(ids, list) and all(isinstance(i, str) for i in ids) else []


def run_jobs(
    jobs: Sequence[CohortJob],
    more: Callable[[float], bool] = lambda seconds: True,
    *,
    n_jobs: int = 1,
    scheduler: str | None = None,
    work: Work[CohortJob, Records] = run_cohort,
    timeout: float = 120.0,
    scores: bool = True,
) -> Generator[tuple[CohortJob, Records]]:
    """Do `jobs` and yield each with its records, or some of them, as soon as they are made; see `run_tasks`.

    Where this machine's GPU trains, runs are scored in processes while it trains the next cohort. Without `scores`
    models (and of a GPU, codes) are left for a later call, and there are no records.

    Raises
    ------
    SelectdisError
        If the workers keep dying, the scheduler cannot be reached, or a machine is short of disk or memory.
    KeyboardInterrupt
        On Ctrl-C, once all workers have saved their states.
    """
    if not jobs:
        return
    try:
        with stop_on_interrupt(jobs[0].folder) as stop:
            if scheduler is None:
                jobs[0].data.draw()
            results: Generator[tuple[CohortJob, Records]]
            if scheduler is None and work is run_cohort and (n := scoring_processes(jobs[0].training.device)):
                results = overlapped(jobs, stop, partial(more, 0.0), n_jobs=n, scores=scores)
            else:
                work = work if scores or work is not run_cohort else train_only
                results = run_tasks(jobs, work, stop, n_jobs=n_jobs, scheduler=scheduler, more=more, timeout=timeout)
            with closing(results):
                for job, records in results:
                    yield job, records
                    forget_codes(job.folder, job.data, [record["candidate"] for record in records])
    except SelectdisError:
        raise
    except (OSError, MemoryError) as error:  # what no other candidate would mend
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        where = f" {name}" if (name := getattr(error, "filename", None)) else ""
        raise SelectdisError(
            f"the work cannot go on:{where} {reason}; what is done is kept: make room, then run the same command again"
        ) from None
