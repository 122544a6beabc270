"""A batch of configurations trained together, in rounds where good ones get further seeds."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from selectdis.execution._job import CohortJob
from selectdis.execution._study_jobs import jobs_of, run_jobs
from selectdis.records import Record, is_settled
from selectdis.study._search import candidate_from
from selectdis.study._trial_records import record_in
from selectdis.training import Candidate

if TYPE_CHECKING:
    from selectdis.study._listener import Listeners
    from selectdis.study._stage import Stage

__all__ = ["Batch", "Budget", "RunRequest", "falls_behind"]

GIVE_UP_P = 0.1


class Budget:
    """The time until `end`, of `time.monotonic()`: no cohort is begun afterwards, nor one of which half would not fit.

    So a machine that turns out slower than was measured does less, and takes as long as it was given.
    """

    def __init__(self, end: float) -> None:
        self._end = end

    def left(self, seconds: float = 0.0) -> bool:
        """Return whether there is time for what is expected to take so long; once there was not, there is none."""
        if time.monotonic() + seconds / 2 >= self._end:
            self._end = -math.inf
        return self._end > -math.inf


@dataclass(frozen=True)
class RunRequest:
    """What one call of `Stage.run` asks for."""

    seeds: tuple[int, ...]  # of every configuration
    max_seeds: int | None = None  # up to which a configuration gets further ones, as long as it does not fall behind
    trials: int | None = None  # configurations in all, up to which the sampler is asked
    budget: Budget | None = None  # of time
    n_jobs: int = 1  # cohorts at the same time on this machine
    scheduler: str | None = None  # address of a Dask scheduler that does them instead
    scores: bool = True  # without, models are left for a later call

    def time_left(self, seconds: float = 0.0) -> bool:
        """Return whether there is time to start anything, or something that takes so long."""
        return self.budget is None or self.budget.left(seconds)


class Batch:
    """Configurations (trials) that are trained and told together."""

    def __init__(self, stage: Stage, trials: list[FrozenTrial], request: RunRequest, listeners: Listeners) -> None:
        self.stage, self.trials, self.request, self.listeners = stage, trials, request, listeners
        self.seeds = {trial.number: list(request.seeds) for trial in trials}  # that each is to have
        self.waiting: dict[str, list[FrozenTrial]] = {}  # for the run of a candidate

    def run(self) -> None:
        """Train the batch, as far as there is time."""
        going_on = self.trials
        while going_on and self.request.time_left():
            self._train(self._missing(going_on))
            if not self.request.time_left():
                return
            going_on = self._after_round(going_on)

    def train_only(self) -> None:
        """Train the batch, as far as there is time, and record nothing."""
        self._train(self._missing(self.trials))

    def _missing(self, trials: list[FrozenTrial]) -> list[Candidate]:
        """Candidates to train, for the trials that wait for each; what another trial has recorded is copied."""
        todo: dict[str, Candidate] = {}
        self.waiting = defaultdict(list)
        for trial in map(self.stage.trials.fresh, trials):
            for seed in self.seeds[trial.number]:
                if self.stage.is_done(record_in(trial, seed)):
                    continue
                candidate = candidate_from(trial.params, self.stage.spec, seed=seed)
                if candidate.id in self.stage.known:
                    self.stage.store(trial, self.stage.known[candidate.id])
                else:
                    todo[candidate.id] = candidate
                    self.waiting[candidate.id].append(trial)
        return list(todo.values())

    def _train(self, todo: list[Candidate]) -> None:
        stage, request, info = self.stage, self.request, self.stage.info
        done = len(stage.known)
        total = done + len(todo)
        self.listeners.progress(info, done, total)
        template = CohortJob((), stage.data, stage.name, stage.spec.training, stage.spec.evaluation, str(stage.folder))
        jobs = jobs_of(todo, template, n_jobs=request.n_jobs, in_parts=request.budget is not None)
        results = run_jobs(
            jobs, request.time_left, n_jobs=request.n_jobs, scheduler=request.scheduler, scores=request.scores
        )
        with closing(results):
            for _, records in results:
                for record in records:  # those on the way first, so that who has the last one has all
                    for trial in self.waiting[record["candidate"]]:
                        stage.store(trial, record)
                last = [record for record in records if not stage.is_on_the_way(record)]
                self.listeners.runs_finished(stage, last)
                done += len(last)
                self.listeners.progress(info, done, total)
                if request.max_seeds is None:
                    self._tell_settled(last)

    def _tell_settled(self, records: Sequence[Record]) -> None:
        touched = {trial.number: trial for record in records for trial in self.waiting[record["candidate"]]}
        for trial in map(self.stage.trials.fresh, touched.values()):
            if self._is_settled(trial) and not trial.state.is_finished():
                self.stage.trials.tell(trial)

    def _after_round(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Tell the trials that are done; those that go on are to have one seed more."""
        going_on, most = [], self.request.max_seeds
        everyone = self.stage.trials.all() if most is not None else []
        values = {trial.number: trial.intermediate_values for trial in everyone if trial.intermediate_values}
        maximize = self.stage.study.directions[0] == StudyDirection.MAXIMIZE
        for trial in map(self.stage.trials.fresh, trials):
            seeds, settled = self.seeds[trial.number], self._is_settled(trial)
            if trial.state.is_finished():
                continue
            if not settled or most is None or len(seeds) >= most:
                self.stage.trials.tell(trial, complete=settled)  # a failed run: tried again by the next driver
            elif falls_behind(trial.number, values, seeds, maximize=maximize):
                self.stage.trials.tell(trial)
            else:
                seeds.append(seeds[-1] + 1)
                going_on.append(trial)
        return going_on

    def _is_settled(self, trial: FrozenTrial) -> bool:
        return all(is_settled(record_in(trial, seed)) for seed in self.seeds[trial.number])


def falls_behind(
    number: int, values: Mapping[int, Mapping[int, float]], seeds: Sequence[int], *, maximize: bool = True
) -> bool:
    """Test a configuration against the best one (Wilcoxon's signed ranks), over the seeds that both have.

    As `optuna.pruners.WilcoxonPruner`, which however compares with finished trials alone: here all are under way
    together. `values` is configuration -> seed -> value; of the seeds those count that are given: later ones, which an
    earlier driver may have done, must not change the decision.
    """
    sign = 1 if maximize else -1
    known = {n: {seed: sign * own[seed] for seed in seeds if seed in own} for n, own in values.items()}
    own = known.pop(number, {})
    best = max(known.values(), key=lambda other: float(np.mean([*other.values()])) if other else -np.inf, default={})
    ahead = [best[seed] - own[seed] for seed in own if seed in best]
    return len(ahead) > 2 and bool(
        scipy.stats.wilcoxon(ahead, alternative="greater", zero_method="zsplit").pvalue < GIVE_UP_P
    )
