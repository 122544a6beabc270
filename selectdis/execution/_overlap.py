"""Training that does not wait for its scores: one thread trains cohort after cohort, processes score what is trained.

Each run's codes are made where it was trained and left in a file, so that a driver that is killed in between finds the
models, and the codes, and has nothing to train or to encode again.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor

from selectdis import _plugins
from selectdis._signals import blocked_in_children
from selectdis.execution._job import CohortJob
from selectdis.execution._pool import is_lost, wait_or_give_up
from selectdis.execution._recording import (
    encode_on_device,
    encoded_here,
    failed_record,
    finished_run,
    leave_codes,
    raise_if_of_the_machine,
    record_of_run,
    records_of_codes,
)
from selectdis.execution._stop import StopSignal, end_with_parent, follow_parent
from selectdis.execution._worker import forget_checkpoint, load_quietly, train_job
from selectdis.scoring._encoded import Encoded
from selectdis.scoring._probe import scorer_of
from selectdis.training import Candidate, Run
from selectdis.training._memory import host_memory
from selectdis.training._runtime import TrainingInterrupted

__all__ = ["overlapped"]

Records = list[dict[str, Any]]
WAITING_SHARE = 0.25  # of the free memory that codes which wait for their scores may fill, before training waits
LOOK_SECONDS = 0.2
WRITERS = 2  # threads that write codes


Codes = dict[int | None, tuple[Run, Encoded]]


class Diverged(Exception):
    """A run that has no codes."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.run = run


@dataclass(frozen=True)
class Scorable:
    """A run whose codes wait in a file of `nbytes` for their scores."""

    job: CohortJob
    candidate: Candidate
    nbytes: int

    def alone(self) -> CohortJob:
        """Return the job of this candidate, which is short to send."""
        return replace(self.job, candidates=(self.candidate,))


def overlapped(
    jobs: Sequence[CohortJob], stop: StopSignal, more: Callable[[], bool], *, n_jobs: int, scores: bool = True
) -> Generator[tuple[CohortJob, Records]]:
    """Train `jobs` in this process, and yield each record as soon as one of `n_jobs` others has made it.

    Parameters
    ----------
    jobs : sequence of CohortJob
        Whose device this process has.
    stop : StopSignal
        Where it is true the training ends, its state saved, and no score is begun.
    more : callable
        Asked before a cohort is begun.
    n_jobs : int
        Processes that score.
    scores : bool
        False leaves models and codes for a later call, and yields nothing.
    """
    trainer = Trainer(jobs, stop, more, scores)
    trainer.start()
    try:
        if scores:
            yield from _scored(trainer, stop, n_jobs)
        else:
            _until_trained(trainer)
    finally:
        trainer.end()
    if trainer.error is not None:
        raise trainer.error


class Trainer(threading.Thread):
    """Trains and encodes, and puts what there is to score in a queue, or a record where there is nothing to score."""

    def __init__(self, jobs: Sequence[CohortJob], stop: StopSignal, more: Callable[[], bool], scores: bool) -> None:
        super().__init__(name="selectdis-trainer", daemon=True)
        self.jobs, self.stop, self.more, self.scores = jobs, stop, more, scores
        self.out: SimpleQueue[Scorable | tuple[CohortJob, Records] | None] = SimpleQueue()  # None: the end
        self.error: BaseException | None = None
        self._over = threading.Event()
        self._room = threading.Condition()
        self._waiting = 0  # bytes of codes without scores

    def __call__(self) -> bool:
        """Whether to stop, as training asks it."""
        return self._over.is_set() or self.stop()

    def run(self) -> None:
        try:
            for job in self.jobs:
                self._wait_for_room()
                if self() or not self.more():
                    break
                self._train(job)
        except TrainingInterrupted:
            pass  # its state is saved
        except BaseException as error:
            self.error = error
        finally:
            self.out.put(None)

    def _train(self, job: CohortJob) -> None:
        failure = train_job(job, self)
        with ThreadPoolExecutor(WRITERS) as writers:  # the device goes on with the next run meanwhile
            written = deque[Future[None]]()
            for candidate in job.candidates:
                if self():
                    break
                if (codes := self._encoded(job, candidate, failure)) is not None:
                    written.append(writers.submit(self._leave, job, candidate, codes))
                if len(written) > WRITERS:
                    written.popleft().result()
            for one in written:
                one.result()
        scorer_of(job.data, job.evaluation).leave_device()
        if not self():
            forget_checkpoint(job)

    def _encoded(self, job: CohortJob, candidate: Candidate, failure: str) -> Codes | None:
        """Return the codes that are to be written of a candidate; put out its record where there is nothing to score.

        By the step on the way, None for the end; those that are in files already are not among them.
        """
        try:
            if (last := self._codes(job, candidate, None)) is None:
                self.out.put((job, [failed_record(job, candidate, failure)]))
                return None
            on_the_way = (self._codes(job, candidate, at) for at in job.on_the_way)
            return last | {at: own for codes in on_the_way if codes is not None for at, own in codes.items()}
        except Diverged as diverged:
            self.out.put((job, [record_of_run(job, diverged.run)]))
        except Exception as error:
            raise_if_of_the_machine(error)
            reason = f"encoding: {type(error).__name__}: {error}"[:500]
            self.out.put((job, [failed_record(job, candidate, reason)]))
        return None

    def _codes(self, job: CohortJob, candidate: Candidate, at: int | None) -> Codes | None:
        """Return codes by `at`, or none where they are in a file; None where there is no run."""
        if encoded_here(job, candidate, at):
            return {}
        if (run := finished_run(job, candidate, at)) is None:
            return None
        if run.status == "diverged":
            raise Diverged(run)
        return {at: (run, encode_on_device(job, run))}

    def _leave(self, job: CohortJob, candidate: Candidate, codes: Codes) -> None:
        for at, (run, encoded) in codes.items():
            leave_codes(job, run, encoded, at)
        nbytes = sum(encoded.nbytes for _, encoded in codes.values())
        with self._room:
            self._waiting += nbytes
        self.out.put(Scorable(job, candidate, nbytes))

    def _wait_for_room(self) -> None:
        with self._room:
            while self.scores and not self() and self._waiting > WAITING_SHARE * host_memory():
                self._room.wait(LOOK_SECONDS)

    def scored(self, scorable: Scorable) -> None:
        """Say that codes wait no longer."""
        with self._room:
            self._waiting -= scorable.nbytes
            self._room.notify()

    def end(self) -> None:
        """Ask for the end, and wait until the step that is under way is done and saved."""
        self._over.set()
        self.join()


def _until_trained(trainer: Trainer) -> None:
    while trainer.out.get() is not None:
        pass


def _scored(trainer: Trainer, stop: StopSignal, n_jobs: int) -> Iterator[tuple[CohortJob, Records]]:
    training = True
    with closing(ScoringPool(n_jobs, stop)) as pool:
        pool.warm(trainer.jobs[0])
        while training or pool.busy:
            for scorable, records in pool.results(0 if training else LOOK_SECONDS):
                trainer.scored(scorable)
                yield scorable.job, records
            if not training:
                continue
            try:
                found = trainer.out.get(timeout=LOOK_SECONDS)
            except Empty:
                continue
            if found is None:
                training = False
            elif isinstance(found, Scorable):
                pool.submit(found)
            else:
                yield found


class ScoringPool:
    """Processes that score codes; one that is killed costs a restart."""

    def __init__(self, n_jobs: int, stop: StopSignal) -> None:
        self.n_jobs, self.stop = n_jobs, stop
        self._done: SimpleQueue[Future[Records | None]] = SimpleQueue()
        self._running: dict[Future[Records | None], Scorable] = {}
        self._failures = 0
        self._pool: ProcessPoolExecutor | None = None  # one of its own: joblib's shared one is joblib's alone

    def close(self) -> None:
        """End the processes, at work or not."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, kill_workers=True)

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def submit(self, scorable: Scorable) -> None:
        """Score codes as soon as there is a process for them."""
        future = self._start(_score_in_child, scorable.alone())
        self._running[future] = scorable
        future.add_done_callback(self._done.put)

    def warm(self, job: CohortJob) -> None:
        """Let the processes start, and make the draws that all scores share, while the first cohort trains."""
        job = replace(job, candidates=())
        for _ in range(self.n_jobs):
            self._start(_prepare_in_child, job)

    def results(self, seconds: float) -> Iterator[tuple[Scorable, Records]]:
        """Yield what is scored by now, after a wait of at most `seconds` for a first one."""
        while True:
            try:
                future = self._done.get(timeout=seconds) if seconds else self._done.get_nowait()
            except Empty:
                return
            seconds = 0
            scorable = self._running.pop(future, None)
            if scorable is not None and (records := self._records(future, scorable)) is not None:
                yield scorable, records

    def _records(self, future: Future[Records | None], scorable: Scorable) -> Records | None:
        """Return the records, None where the driver asked to stop; the work of lost processes is done again."""
        error = future.exception()
        if error is None:
            self._failures = 0
            return future.result()
        if not is_lost(error):
            raise error
        self.close()
        self._pool = None
        lost = [scorable, *self._running.values()]
        self._running.clear()
        self._failures += 1
        wait_or_give_up(error, self._failures, lambda: not self.stop())
        for one in lost:
            self.submit(one)
        return None

    def _start(self, call: Callable[..., Any], job: CohortJob) -> Future[Any]:
        with blocked_in_children():
            if self._pool is None:
                self._pool = ProcessPoolExecutor(
                    self.n_jobs,
                    initializer=follow_parent,
                    initargs=(os.getpid(),),
                    env=dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
                )
            future: Future[Any] = self._pool.submit(call, _plugins.loaded(), job, self.stop.for_children())
        return future


def _score_in_child(plugins: tuple[tuple[str, str], ...], job: CohortJob, stop: StopSignal) -> Records | None:
    records = None
    if not stop():
        _ready(plugins, job)
        records = records_of_codes(job, job.candidates[0])
    end_with_parent(stop.parent)
    return records


def _prepare_in_child(plugins: tuple[tuple[str, str], ...], job: CohortJob, stop: StopSignal) -> None:
    _ready(plugins, job)
    scorer_of(job.data, job.evaluation).prepare()
    end_with_parent(stop.parent)


def _ready(plugins: tuple[tuple[str, str], ...], job: CohortJob) -> None:
    _plugins.load(plugins)
    load_quietly(job)
