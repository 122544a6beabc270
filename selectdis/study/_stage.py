"""One stage of a study: configurations and seeds on one data set, recorded in one Optuna study, resumed by itself."""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
import pandas as pd
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from selectdis.data._reference import DataReference
from selectdis.execution._job import CohortJob
from selectdis.execution._study_jobs import jobs_of
from selectdis.records import Record, as_frame, final
from selectdis.scoring._many_runs import pool_criteria
from selectdis.study._pruning import given_up
from selectdis.study._search import Params, candidate_from
from selectdis.study._trial_records import raw_records, record_of
from selectdis.study._trials import Trials
from selectdis.training import Candidate

if TYPE_CHECKING:
    from selectdis.spec._model import StudySpec

__all__ = ["Stage"]

More = Callable[[], bool]
RunJobs = Callable[[Sequence[CohortJob], More], Iterator[tuple[CohortJob, list[Record]]]]
POOL = "pool_criteria"
WAIT_SECONDS = 2.0  # between looks at what other drivers are at


@dataclass(frozen=True)
class Order:
    """What one call of `Stage.run` asks for."""

    run_jobs: RunJobs
    seeds: tuple[int, ...]
    max_seeds: int | None
    deadline: float | None
    on_records: Callable[[list[Record]], None]
    on_progress: Callable[[int, int], None]

    def more(self) -> bool:
        """Whether there is time to start anything."""
        return self.deadline is None or time.monotonic() < self.deadline


class Stage:
    """Trains and records configurations on one data set.

    A trial is a configuration. The record of each of its seeds is one user attribute, written as soon as the run ends;
    the trial is told when all its seeds have ended. So whatever kills the driver, what is in the storage is whole.

    Parameters
    ----------
    name : "proxy" or "target"
    spec : StudySpec
    data : DataReference
    optuna_study : optuna.Study
    folder : str
        The study's folder, where workers leave models, codes and checkpoints.
    shared : bool
        Whether other drivers may work on the same storage.
    n_jobs : int
        Cohorts that run at the same time, so that each process gets work.
    """

    def __init__(
        self,
        name: str,
        spec: StudySpec,
        data: DataReference,
        optuna_study: optuna.Study,
        folder: str,
        *,
        shared: bool,
        n_jobs: int = 1,
    ) -> None:
        self.name = name
        self.spec = spec
        self.data = data
        self.study = optuna_study
        self.folder = folder
        self.shared = shared
        self.n_jobs = n_jobs
        self.trials = Trials(optuna_study, spec, shared=shared)
        self._known: dict[str, Record] = {}  # candidate -> its record, where it need not be made again
        self._said_waiting = False

    # What is recorded ------------------------------------------------------------------------------------------------

    def raw_records(self) -> list[Record]:
        """One dict a run, in the order of configurations and seeds; a run that two trials hold appears once."""
        return raw_records(self.trials.all())

    @property
    def records(self) -> pd.DataFrame:
        """Tidy frame, one row a run, with the criteria over many runs as of the end of the stage."""
        return as_frame(self.raw_records(), self.study.user_attrs.get(POOL, {}))

    @property
    def judged(self) -> bool:
        """Whether the stage has come to its end once, where the criteria over many runs are computed."""
        return POOL in self.study.user_attrs

    # Running ---------------------------------------------------------------------------------------------------------

    def plan(self, configurations: Iterable[Params]) -> None:
        """Put configurations in the queue, once: the ones that any trial has already are left out."""
        self.trials.plan(configurations)

    def run(
        self,
        run_jobs: RunJobs,
        *,
        trials: int | None,
        seeds: Sequence[int],
        max_seeds: int | None = None,
        deadline: float | None = None,
        on_records: Callable[[list[Record]], None] = lambda records: None,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Train all that is planned, and up to `trials` configurations in all that the sampler suggests.

        Where drivers share the storage, this returns when all of them are done: what one that died was at is done here.

        Parameters
        ----------
        run_jobs
            Does cohorts and yields each with its records, in any order; the second argument is asked before a cohort is
            started.
        seeds
            Every configuration gets these.
        max_seeds
            With it, a configuration gets further seeds up to this number as long as Wilcoxon's test against the best
            one does not give it up.
        deadline : float, optional
            `time.monotonic()` after which no further cohort is started.
        on_records, on_progress
            Told of finished runs, and of (runs done, runs known to be needed).
        """
        order = Order(run_jobs, tuple(seeds), max_seeds, deadline, on_records, on_progress)
        self._known = {record["candidate"]: record for record in self.raw_records() if final(record)}
        with self.trials.heartbeat():
            self.trials.recover(order.seeds, retry_failed=True)
            while order.more():
                if batch := self.trials.take(trials):
                    self._run_batch(batch, order)
                elif not self._wait_for_others(order):
                    return

    def finish(self) -> pd.DataFrame:
        """Compute the criteria over many runs, store them, and return the records."""
        self.trials.exclusively(self._finish)
        return self.records

    def _finish(self) -> None:
        records = self.raw_records()
        usable = {r["candidate"] for r in records if final(r) and "kl_per_latent" in r}
        if set(self.study.user_attrs.get(POOL, {})) != usable:
            pool = pool_criteria(records, self.folder, self.data, self.spec.evaluation)
            self.study.set_user_attr(POOL, pool)

    def _wait_for_others(self, order: Order) -> bool:
        """Wait a moment for other drivers, and take over from dead ones; False when there are none at work."""
        if not self.shared or not (count := self.trials.elsewhere()):
            return False
        if not self._said_waiting:
            self._said_waiting = True
            warnings.warn(f"other drivers are at the last {count} configurations: waiting for them", stacklevel=3)
        time.sleep(min(WAIT_SECONDS, self.trials.lost_after / 4))
        self.trials.recover(order.seeds, retry_failed=False)
        return True

    def _run_batch(self, batch: list[FrozenTrial], order: Order) -> None:
        """Train a batch of configurations; in rounds, where good ones get further seeds."""
        wanted = {trial.number: list(order.seeds) for trial in batch}
        going_on = batch
        while going_on and order.more():
            self._run_round(going_on, wanted, order)
            if not order.more():
                return
            going_on = self._after_round(going_on, wanted, order)

    def _run_round(self, batch: list[FrozenTrial], wanted: dict[int, list[int]], order: Order) -> None:
        trials_of, todo = self._missing(batch, wanted)
        done = len(self._known)
        total = done + len(todo)
        order.on_progress(done, total)
        template = CohortJob((), self.data, self.name, self.spec.training, self.spec.evaluation, self.folder)
        for _, records in order.run_jobs(jobs_of(todo, template, n_jobs=self.n_jobs), order.more):
            for record in records:
                for trial in trials_of[record["candidate"]]:
                    self._store(trial, record)
            order.on_records(records)
            done += len(records)
            order.on_progress(done, total)
            if order.max_seeds is None:
                self._tell_settled(records, trials_of, order)

    def _missing(
        self, batch: list[FrozenTrial], wanted: dict[int, list[int]]
    ) -> tuple[dict[str, list[FrozenTrial]], list[Candidate]]:
        """Candidates to train, and the trials that wait for each; what another trial has recorded is copied."""
        trials_of: dict[str, list[FrozenTrial]] = defaultdict(list)
        todo: dict[str, Candidate] = {}
        for trial in map(self.trials.fresh, batch):
            for seed in wanted[trial.number]:
                if final(record_of(trial, seed)):
                    continue
                candidate = candidate_from(trial.params, self.spec, seed=seed)
                if candidate.id in self._known:
                    self._store(trial, self._known[candidate.id])
                else:
                    todo[candidate.id] = candidate
                    trials_of[candidate.id].append(trial)
        return trials_of, list(todo.values())

    def _store(self, trial: FrozenTrial, record: Record) -> None:
        self.trials.store(trial, record)
        if final(record):
            self._known[record["candidate"]] = record

    def _tell_settled(self, records: Sequence[Record], trials_of: dict[str, list[FrozenTrial]], order: Order) -> None:
        touched = {trial.number: trial for record in records for trial in trials_of[record["candidate"]]}
        for trial in map(self.trials.fresh, touched.values()):
            if self._settled(trial, order.seeds) and not trial.state.is_finished():
                self.trials.tell(trial)

    def _after_round(self, batch: list[FrozenTrial], wanted: dict[int, list[int]], order: Order) -> list[FrozenTrial]:
        """Tell the trials that are done; those that go on get one seed more in `wanted`."""
        going_on = []
        everyone = self.trials.all() if order.max_seeds is not None else []
        values = {trial.number: trial.intermediate_values for trial in everyone if trial.intermediate_values}
        for trial in map(self.trials.fresh, batch):
            seeds = wanted[trial.number]
            settled = self._settled(trial, seeds)
            if trial.state.is_finished():
                continue
            if not settled or order.max_seeds is None or len(seeds) >= order.max_seeds:
                self.trials.tell(trial, complete=settled)  # a failed run: tried again by the next driver
            elif given_up(trial.number, values, seeds, maximize=self.study.direction == StudyDirection.MAXIMIZE):
                self.trials.tell(trial)
            else:
                seeds.append(seeds[-1] + 1)
                going_on.append(trial)
        return going_on

    def _settled(self, trial: FrozenTrial, seeds: Sequence[int]) -> bool:
        return all(final(record_of(trial, seed)) for seed in seeds)
