"""One pool for training, studies and scoring: tasks of a function in this process, in several, or on a Dask cluster."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import joblib

from selectdis import _plugins
from selectdis._signals import blocked_in_children, pause
from selectdis.errors import SelectdisError
from selectdis.execution._dask import on_dask
from selectdis.execution._stop import StopSignal, end_with_parent, follow_parent
from selectdis.training._runtime import TrainingInterrupted

__all__ = ["is_lost", "run_tasks", "stoppable", "wait_or_give_up"]

T = TypeVar("T")
R = TypeVar("R")
Work = Callable[[T, StopSignal], R]
Results = Iterator[tuple[int, R | None]]  # the number of a task; None where it was asked to stop

MAX_RESTARTS = 3
NO_SCHEDULER = {"CommClosedError", "CancelledError", "FutureCancelledError"}
LOST = {"BrokenExecutor", "KilledWorker", *NO_SCHEDULER}


def run_tasks(
    tasks: Sequence[T],
    work: Work[T, R],
    stop: StopSignal,
    *,
    n_jobs: int = 1,
    scheduler: str | None = None,
    more: Callable[[float], bool] = lambda seconds: True,
    timeout: float = 120.0,
) -> Generator[tuple[T, R]]:
    """Do `tasks` and yield each with its result as soon as it ends, in any order.

    Parameters
    ----------
    tasks
        Whatever `work` takes.
    work
        ``(task, stop) -> result``, never None. It asks `stop()` now and then, and raises TrainingInterrupted where
        that is true.
    stop : StopSignal
        Where it is true no task is begun, and those at work are asked to end; see `stop_on_interrupt`.
    n_jobs : int
        Processes of one thread each on this machine; 1 works in this process.
    scheduler : str, optional
        Address of a Dask scheduler (``tcp://host:port``); then its workers do the tasks, and `n_jobs` is not used.
    more
        Asked before a task is begun, with the seconds that those before it took (0 where none has ended, or a scheduler
        has them); false ends the call once the tasks at work are done.
    timeout : float
        Seconds to wait for a Dask scheduler that is away.

    Raises
    ------
    SelectdisError
        If the workers keep dying, or the scheduler cannot be reached.
    """
    n_jobs = min(n_jobs, len(tasks))

    def going_on(seconds: float = 0.0) -> bool:
        return not stop() and more(seconds)

    def results(left: Sequence[T]) -> Results[R]:
        if scheduler is not None:
            return on_dask(
                left, partial(_with_parts, _plugins.loaded(), stoppable, work, stop), going_on, scheduler, timeout
            )
        numbered = _as_time_allows(left, going_on, n_jobs)
        if n_jobs == 1:
            return ((number, work(task, stop)) for number, task in numbered)
        call = partial(_with_parts, _plugins.loaded(), _in_child, work, stop.for_children())
        return _on_processes(numbered, call, n_jobs)

    return _with_restarts(tasks, results, going_on)


def stoppable(work: Work[T, R], stop: StopSignal, number: int, task: T) -> tuple[int, R | None]:
    """Return the number and the result of a task in a worker, or None where its driver asked to stop."""
    if stop():
        return number, None
    try:
        return number, work(task, stop)
    except TrainingInterrupted:
        return number, None


def _with_parts(plugins: tuple[tuple[str, str], ...], call: Callable[..., R], *arguments: Any) -> R:
    """Return what `call` gives once this process knows the parts that its driver knows."""
    _plugins.load(plugins)
    return call(*arguments)


def _in_child(work: Work[T, R], stop: StopSignal, number: int, task: T) -> tuple[int, R | None]:
    result = stoppable(work, stop, number, task)
    end_with_parent(stop.parent)
    return result


def _as_time_allows(tasks: Sequence[T], more: Callable[[float], bool], n_jobs: int) -> Iterator[tuple[int, T]]:
    """Yield tasks with their numbers, each when a process is free for it, as long as `more` has the time for it.

    Where `number` tasks were begun before, `number // n_jobs` times all processes have done one.
    """
    start = time.monotonic()
    for number, task in enumerate(tasks):
        rounds = number // n_jobs
        if not more((time.monotonic() - start) / rounds if rounds else 0.0):
            return
        yield number, task


def _on_processes(
    tasks: Iterator[tuple[int, T]], call: Callable[[int, T], tuple[int, R | None]], n_jobs: int
) -> Results[R]:
    # One thread a process: more of them made a step up to 20 times slower beside other work. Nothing is dispatched
    # ahead, so that no task begins after `more` says no.
    process = {"initializer": follow_parent, "initargs": (os.getpid(),)}
    with joblib.parallel_config(backend="loky", n_jobs=n_jobs, inner_max_num_threads=1, **process):
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs")
        with blocked_in_children():
            results = parallel(joblib.delayed(call)(number, task) for number, task in tasks)
        yield from results


def _with_restarts(
    tasks: Sequence[T], results: Callable[[Sequence[T]], Results[R]], more: Callable[[], bool]
) -> Generator[tuple[T, R]]:
    """Start the pool again for what is left when a worker was killed; give up when nothing at all gets done."""
    left, failures = list(tasks), 0
    while left and more():
        done: set[int] = set()
        try:
            for number, result in results(left):
                done.add(number)
                failures = 0
                if result is not None:
                    yield left[number], result
            return
        except Exception as error:
            if not is_lost(error):
                raise
            failures += 1
            wait_or_give_up(error, failures, more)
        left = [task for number, task in enumerate(left) if number not in done]


def is_lost(error: BaseException) -> bool:
    """Whether `error` says that a worker, or the way to it, was lost."""
    return bool({cls.__name__ for cls in type(error).__mro__} & LOST)


def wait_or_give_up(error: BaseException, failures: int, more: Callable[[], bool]) -> None:
    """Say that a worker was lost, and wait longer each time; raise where it happened too often in a row."""
    if failures > MAX_RESTARTS:
        raise SelectdisError(
            f"the workers died {failures} times in a row without finishing a run ({error!r:.200}); run the same again, "
            "with fewer --jobs (n_jobs) if memory was short"
        ) from None
    if more():
        lost = "the connection to the scheduler" if type(error).__name__ in NO_SCHEDULER else "a worker"
        warnings.warn(f"{lost} was lost ({type(error).__name__}); what was not finished is done again", stacklevel=4)
        pause(min(2 ** (failures - 1), 30))
