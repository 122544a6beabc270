"""Running cohorts: in this process, on this machine's cores, or on a Dask cluster - one call for all three."""

from __future__ import annotations

import contextlib
import os
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib

from selectdis.errors import SelectdisError
from selectdis.execution._dask import on_dask
from selectdis.execution._job import CohortJob, ignore_interrupts
from selectdis.execution._plan import worker_count
from selectdis.execution._worker import run_cohort, stoppable
from selectdis.training._runtime import StopFlag, deaf_children, end_with_parent, interruptible, place_of

__all__ = ["default_jobs", "run_jobs"]

Records = list[dict[str, Any]]
Work = Callable[[CohortJob], Records]
Results = Iterator[tuple[int, Records | None]]  # the number of a job; None where it was asked to stop
MAX_RESTARTS = 3
NO_SCHEDULER = {"CommClosedError", "CancelledError", "FutureCancelledError"}
LOST = {"BrokenExecutor", "KilledWorker", *NO_SCHEDULER}


def default_jobs(device: str = "auto") -> int:
    """One process a core on a CPU (measured faster than threads), one process for a GPU."""
    return 1 if place_of(device, "float32").device.type == "cuda" else worker_count(-1)


def run_jobs(
    jobs: Sequence[CohortJob],
    more: Callable[[], bool] = lambda: True,
    *,
    n_jobs: int = 1,
    scheduler: str | None = None,
    work: Work = run_cohort,
    patience: float = 120.0,
) -> Iterator[tuple[CohortJob, Records]]:
    """Do `jobs` and yield each with its records as soon as it ends, in any order.

    Ctrl-C is passed on to the workers, which save their states; what ends meanwhile is still yielded.

    Parameters
    ----------
    jobs : sequence of CohortJob
    more
        Asked before a job is started; false ends the call once the started ones are done.
    n_jobs : int
        Processes on this machine; 1 works in this process.
    scheduler : str, optional
        Address of a Dask scheduler (``tcp://host:port``); then its workers do the jobs, and `n_jobs` is not used.
    patience : float
        Seconds to wait for a Dask scheduler that is away.

    Raises
    ------
    SelectdisError
        If the workers keep dying, or the scheduler cannot be reached.
    KeyboardInterrupt
        On Ctrl-C, once all workers have saved.
    """
    if not jobs:
        return
    n_jobs = min(n_jobs, len(jobs))
    with _stop_file(jobs[0].folder) as stop, interruptible(stop.touch) as flag:
        jobs = [replace(job, stop=str(stop)) for job in jobs]

        def going_on() -> bool:
            return not flag.requested and more()

        if scheduler is not None:
            stream = lambda left: on_dask(left, going_on, scheduler, work, patience)  # noqa: E731
        elif n_jobs == 1:
            stream = lambda left: _here(left, going_on, work)  # noqa: E731
        else:
            stream = lambda left: _on_processes(left, going_on, n_jobs, work)  # noqa: E731
        yield from _with_restarts(jobs, stream, flag, going_on)
        if flag.requested:
            raise KeyboardInterrupt


@contextlib.contextmanager
def _stop_file(folder: str) -> Iterator[Path]:
    """The file by which this driver asks its workers, wherever they are, to save and end."""
    path = Path(folder) / f"stop-{uuid.uuid4().hex[:12]}"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _here(jobs: Sequence[CohortJob], more: Callable[[], bool], work: Work) -> Results:
    for number, job in enumerate(jobs):
        if not more():
            return
        yield number, work(job)


def _on_processes(jobs: Sequence[CohortJob], more: Callable[[], bool], n_jobs: int, work: Work) -> Results:
    # One thread a process: more of them made a step up to 20 times slower beside other work. Nothing is dispatched
    # ahead, so that no job begins after `more` says no.
    with joblib.parallel_config(backend="loky", n_jobs=n_jobs, inner_max_num_threads=1):
        parallel = joblib.Parallel(
            return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs", max_nbytes=None
        )
        call = joblib.delayed(_in_worker)
        own = (replace(job, parent=os.getpid()) for job in jobs)
        with deaf_children():
            results = parallel(call(work, number, job) for number, job in enumerate(own) if more())
        yield from results


def _in_worker(work: Work, number: int, job: CohortJob) -> tuple[int, Records | None]:
    ignore_interrupts()
    result = stoppable(work, number, job)
    end_with_parent(job.parent)
    return result


def _with_restarts(
    jobs: Sequence[CohortJob],
    stream: Callable[[Sequence[CohortJob]], Results],
    flag: StopFlag,
    more: Callable[[], bool],
) -> Iterator[tuple[CohortJob, Records]]:
    """Start the pool again for what is left when a worker was killed; give up when nothing at all gets done."""
    left = list(jobs)
    failures = 0
    while left and more():
        done: set[int] = set()
        try:
            for number, records in stream(left):
                done.add(number)
                failures = 0
                if records is not None:
                    yield left[number], records
            return
        except Exception as error:
            if not _is_lost_worker(error):
                failure = _machine_failure(error)
                if failure is None:
                    raise
                raise failure from None
            failures += 1
            if failures > MAX_RESTARTS:
                raise SelectdisError(
                    f"the workers died {failures} times in a row without finishing a run ({error!r:.200}); what is "
                    "done is kept: run the same command again, with fewer --jobs if memory was short"
                ) from None
            if not flag.requested:
                lost = "the connection to the scheduler" if type(error).__name__ in NO_SCHEDULER else "a worker"
                warnings.warn(
                    f"{lost} was lost ({type(error).__name__}); {len(left) - len(done)} cohorts go on", stacklevel=2
                )
                time.sleep(min(2 ** (failures - 1), 30))
        left = [job for number, job in enumerate(left) if number not in done]


def _is_lost_worker(error: Exception) -> bool:
    return bool({cls.__name__ for cls in type(error).__mro__} & LOST)


def _machine_failure(error: Exception) -> SelectdisError | None:
    """One sentence for what no other candidate would mend."""
    if not isinstance(error, OSError | MemoryError):
        return None
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    where = f" {name}" if (name := getattr(error, "filename", None)) else ""
    return SelectdisError(
        f"the work cannot go on:{where} {reason}; what is done is kept: make room, then run the same command again"
    )
