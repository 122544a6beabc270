"""Running cohorts: in this process, on this machine's cores, or on a Dask cluster - one call for all three."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import joblib

from selectdis.errors import SelectdisError
from selectdis.study.worker import CohortJob, run_cohort

__all__ = ["default_jobs", "run_jobs"]

Records = list[dict[str, Any]]
MAX_RESTARTS = 3


def default_jobs(device: str = "auto") -> int:
    """One process a core on a CPU (measured faster than threads), one process for a GPU."""
    import torch

    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    return 1 if on_gpu else len(os.sched_getaffinity(0))


def run_jobs(
    jobs: Sequence[CohortJob],
    *,
    n_jobs: int = 1,
    scheduler: str | None = None,
    work: Callable[[CohortJob], Records] = run_cohort,
) -> Iterator[tuple[CohortJob, Records]]:
    """Do `jobs` and yield each with its records as soon as it ends, in any order.

    Parameters
    ----------
    jobs : sequence of CohortJob
    n_jobs : int
        Processes on this machine; 1 works in this process.
    scheduler : str, optional
        Address of a Dask scheduler (``tcp://host:port``); then its workers do the jobs, and `n_jobs` is not used.

    Raises
    ------
    SelectdisError
        If the workers keep dying, or the scheduler cannot be reached.
    """
    if scheduler is not None:
        yield from _with_restarts(jobs, lambda rest: _on_dask(rest, scheduler, work))
    elif n_jobs == 1 or len(jobs) == 1:
        for job in jobs:
            yield job, work(job)
    else:
        yield from _with_restarts(jobs, lambda rest: _on_processes(rest, n_jobs, work))


def _numbered(work: Callable[[CohortJob], Records], number: int, job: CohortJob) -> tuple[int, Records]:
    return number, work(job)


def _on_processes(
    jobs: Sequence[CohortJob], n_jobs: int, work: Callable[[CohortJob], Records]
) -> Iterator[tuple[int, Records]]:
    # One thread a process: more of them made a step up to 20 times slower beside other work.
    with joblib.parallel_config(backend="loky", n_jobs=n_jobs, inner_max_num_threads=1):
        yield from _stream(jobs, work)


def _on_dask(
    jobs: Sequence[CohortJob], scheduler: str, work: Callable[[CohortJob], Records]
) -> Iterator[tuple[int, Records]]:
    with _client(scheduler), joblib.parallel_config(backend="dask"):
        yield from _stream(jobs, work)


def _stream(jobs: Sequence[CohortJob], work: Callable[[CohortJob], Records]) -> Iterator[tuple[int, Records]]:
    parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1)
    yield from parallel(joblib.delayed(_numbered)(work, number, job) for number, job in enumerate(jobs))


@contextlib.contextmanager
def _client(scheduler: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise SelectdisError("--scheduler needs the extra: pip install 'selectdis[dask]'") from None
    try:
        client = Client(scheduler, timeout="20s", set_as_default=True)
    except (OSError, TimeoutError, ValueError) as error:
        raise SelectdisError(
            f"no Dask scheduler answers at {scheduler} ({type(error).__name__}); start one with `dask scheduler`, or "
            "leave --scheduler out"
        ) from None
    with contextlib.closing(client):
        yield client


def _with_restarts(
    jobs: Sequence[CohortJob], stream: Callable[[Sequence[CohortJob]], Iterator[tuple[int, Records]]]
) -> Iterator[tuple[CohortJob, Records]]:
    """Start the pool again for what is left when a worker was killed; give up when nothing at all gets done."""
    left = list(jobs)
    failures = 0
    while left:
        done: set[int] = set()
        try:
            for number, records in stream(left):
                done.add(number)
                failures = 0
                yield left[number], records
        except Exception as error:
            if not _is_lost_worker(error):
                raise
            failures += 1
            if failures > MAX_RESTARTS:
                raise SelectdisError(
                    f"the workers died {failures} times in a row without finishing a run ({error!r:.200}); what is "
                    "done is kept: run the same command again, with fewer --jobs if memory was short"
                ) from None
            warnings.warn(
                f"a worker was lost ({type(error).__name__}); {len(left) - len(done)} cohorts go on", stacklevel=2
            )
            time.sleep(min(2**failures, 30))
        left = [job for number, job in enumerate(left) if number not in done]


def _is_lost_worker(error: Exception) -> bool:
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"BrokenExecutor", "KilledWorker", "CommClosedError", "CancelledError", "FutureCancelledError"})
