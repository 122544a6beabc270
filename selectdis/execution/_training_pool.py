"""Cohorts in several processes of one thread each: what they share, how they stop, what happens when one is killed."""

from __future__ import annotations

import os
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from joblib.externals.loky.process_executor import BrokenProcessPool

from selectdis.errors import SelectdisError
from selectdis.training._candidate import Candidate
from selectdis.training._images import in_memory
from selectdis.training._loop import Progress, train_cohort
from selectdis.training._run import Run
from selectdis.training._runtime import TrainingInterrupted, deaf_children, end_with_parent, interruptible

__all__ = ["CohortTask", "run_tasks"]

Result = tuple[int, list[Run] | None]  # the number of a cohort; None where it was asked to stop

MAX_RESTARTS = 3
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class TrainingImages:
    """What training needs of a data set; an array of images travels to other processes as a memory-map."""

    name: str
    images: Any


@dataclass(frozen=True)
class CohortTask:
    """One cohort to train: the arguments of `train_cohort`."""

    candidates: tuple[Candidate, ...]
    steps: int
    checkpoint: Path | None
    options: dict[str, Any]


class Board:
    """A few numbers in a file that all processes see: whether to stop, and the candidate-steps done by each cohort."""

    def __init__(self, path: str, cohorts: int, *, create: bool = False) -> None:
        self.path, self.cohorts = path, cohorts
        self._cells = np.memmap(path, dtype=np.int64, mode="w+" if create else "r+", shape=(cohorts + 1,))

    @property
    def stop(self) -> bool:
        """Whether every process is asked to save and end."""
        return bool(self._cells[0])

    def ask_to_stop(self) -> None:
        """Ask every process to save and end."""
        self._cells[0] = 1

    def note(self, cohort: int, done: int) -> None:
        """A cohort's progress."""
        self._cells[cohort + 1] = done

    @property
    def done(self) -> int:
        """Candidate-steps done in all."""
        return int(self._cells[1:].sum())


def run_tasks(tasks: Sequence[CohortTask], data: Any, *, jobs: int, on_progress: Progress | None) -> list[list[Run]]:
    """Train every cohort, in this process or in `jobs` others; the runs of each, in order.

    Raises
    ------
    TrainingInterrupted
        On Ctrl-C, once all processes saved their states.
    """
    total = sum(task.steps * len(task.candidates) for task in tasks)
    if jobs == 1 or len(tasks) == 1:
        return _here(tasks, data, total, on_progress)
    with tempfile.TemporaryDirectory(prefix="selectdis-") as folder:
        board = Board(f"{folder}/board", len(tasks), create=True)
        images = TrainingImages(str(getattr(data, "name", "")), in_memory(data.images))
        with _reporter(board, total, on_progress), interruptible(board.ask_to_stop) as flag:
            done = _with_restarts(tasks, images, board, min(jobs, len(tasks)), lambda: flag.requested)
    return [done[i] for i in range(len(tasks))]


def _here(tasks: Sequence[CohortTask], data: Any, total: int, on_progress: Progress | None) -> list[list[Run]]:
    runs, before = [], 0
    for task in tasks:

        def report(done: int, _: int, before: int = before) -> None:
            if on_progress is not None:
                on_progress(before + done, total)

        runs.append(_train(task, data, on_progress=report))
        before += task.steps * len(task.candidates)
    return runs


def _train(task: CohortTask, data: Any, **more: Any) -> list[Run]:
    return train_cohort(task.candidates, data, steps=task.steps, checkpoint=task.checkpoint, **task.options, **more)


def _with_restarts(
    tasks: Sequence[CohortTask], images: TrainingImages, board: Board, jobs: int, interrupted: Callable[[], bool]
) -> dict[int, list[Run]]:
    done: dict[int, list[Run]] = {}
    for attempt in range(MAX_RESTARTS + 1):
        left = [i for i in range(len(tasks)) if i not in done]
        try:
            for i, runs in _stream(left, tasks, images, board, jobs):
                if runs is not None:
                    done[i] = runs
        except BrokenProcessPool:
            if not interrupted() and attempt == MAX_RESTARTS:
                raise SelectdisError(
                    f"worker processes were killed {attempt + 1} times; use fewer jobs if memory was short"
                ) from None
        if interrupted():
            raise TrainingInterrupted(_interrupted_message(tasks, len(done)))
        if len(done) == len(tasks):
            break
        warnings.warn("a worker process was killed; its cohort is trained again", stacklevel=3)
    return done


def _stream(
    numbers: Sequence[int], tasks: Sequence[CohortTask], images: TrainingImages, board: Board, jobs: int
) -> Iterator[Result]:
    # batch_size=1: cohorts take minutes, so each goes to the next free process.
    parallel = joblib.Parallel(n_jobs=jobs, backend="loky", batch_size=1, return_as="generator_unordered")
    call = joblib.delayed(_work)
    with deaf_children():
        results = parallel(call(i, tasks[i], images, board.path, board.cohorts, os.getpid()) for i in numbers)
    yield from results


def _work(number: int, task: CohortTask, images: TrainingImages, path: str, cohorts: int, parent: int) -> Result:
    """In a worker: one cohort's runs, or None where it was asked to stop or its parent was killed."""
    board = Board(path, cohorts)
    if board.stop:
        return number, None

    def stop() -> bool:
        return board.stop or os.getppid() != parent

    try:
        runs = _train(task, images, on_progress=lambda done, _: board.note(number, done), should_stop=stop)
    except TrainingInterrupted:
        end_with_parent(parent)
        return number, None
    return number, runs


def _interrupted_message(tasks: Sequence[CohortTask], done: int) -> str:
    message = f"training stopped with {done} of {len(tasks)} cohorts complete: "
    if tasks[0].checkpoint is None:
        return message + "nothing was saved; give a checkpoint_dir to be able to go on"
    return message + f"saved in {tasks[0].checkpoint.parent}; call again with the same arguments to go on from there"


@contextmanager
def _reporter(board: Board, total: int, on_progress: Progress | None) -> Iterator[None]:
    """Call `on_progress` from a thread while the main one waits for results."""
    if on_progress is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_SECONDS):
            on_progress(board.done, total)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    on_progress(total, total)
