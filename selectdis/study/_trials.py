"""A stage's configurations as Optuna trials: the queue, who is at what, and the records of their runs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, TypeVar

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from selectdis import selection
from selectdis.records import Record, is_settled, json_ready, of_one_version
from selectdis.spec import StudySpec
from selectdis.study._earlier import earlier_trials
from selectdis.study._search import (
    Params,
    balanced_order,
    distributions_holding,
    distributions_of,
    make_sampler,
    suggest,
)
from selectdis.study._trial_records import (
    COPY_OF,
    attribute,
    attribute_on_the_way,
    constraint_values,
    copied_from,
    record_in,
    records_in,
    trial_values,
)
from selectdis.study.persistence import _optuna as adapter
from selectdis.study.persistence._database import database_lock, retry_while_away, signs_of_life

__all__ = ["Trials"]

WARM_START = "warm_start"  # marks a trial told from earlier records; nothing is trained for it
ASKED = "asked"  # of a trial whose configuration the sampler suggests
LEFT_OUT = "left_out"  # of a queued configuration that today's space does not hold
T = TypeVar("T")


class Trials:
    """The trials of one Optuna study, for a driver that is alone or one of several.

    Every trial begins in the queue (a blank one where the sampler is to suggest its configuration), and a driver takes
    it from there. What must not happen twice (filling the queue, taking over from a dead driver) is done by one driver
    at a time. Where `carried`, the configurations come from a proxy: today's search need not hold them.

    Attributes
    ----------
    mine : dict
        Number -> trial, of those that this driver is at.
    """

    def __init__(self, study: optuna.Study, spec: StudySpec, *, shared: bool, carried: bool = False) -> None:
        if carried:  # to where nothing is optimised, and where what is optimised may not be known
            spec = spec.model_copy(update={"optimise": ("score",), "constraints": ()})
        self.study, self.spec, self.shared, self.carried = study, spec, shared, carried
        self.mine: dict[int, FrozenTrial] = {}

    def all(self) -> list[FrozenTrial]:
        """Return every trial, by number."""
        return retry_while_away(self._now)

    def fresh(self, trial: FrozenTrial) -> FrozenTrial:
        """Return `trial` as the storage has it now."""
        return retry_while_away(lambda: adapter.fresh(self.study, trial))

    def exclusively(self, action: Callable[[], T]) -> T:
        """Do `action` while no other driver does one; anew when the database went away meanwhile."""

        def locked() -> T:
            database = adapter.database(self.study)  # a journal has one driver, and so needs no lock
            with nullcontext() if database is None else database_lock(database.engine.url, self.study.study_name):
                return action()

        return retry_while_away(locked)

    def at_work(self) -> AbstractContextManager[None]:
        """Show other drivers that this one is alive."""
        return signs_of_life(self.study, self.mine, self.lost_after / 8) if self.shared else nullcontext()

    @property
    def lost_after(self) -> float:
        """Seconds without a sign of life after which a driver that shares a database counts as dead."""
        return float(getattr(adapter.database(self.study), "grace_period", None) or 0)

    # The queue -------------------------------------------------------------------------------------------------------

    def enqueue(self, configurations: Iterable[Params]) -> None:
        """Put configurations in the queue, once: the ones that any trial has already are left out."""
        wanted = list(configurations)

        def fill() -> None:
            known = {_key(_params(trial)) for trial in self._now() if WARM_START not in trial.user_attrs}
            for params in wanted:
                if _key(params) not in known:
                    known.add(_key(params))
                    self.study.enqueue_trial(params)

        self.exclusively(fill)

    def warm_start(self, dataset: str) -> int:
        """Tell the sampler, once, of the configurations in the records `spec.warm_start` that lie in this space.

        Their runs that this study would repeat (on `dataset`, of as many steps) are taken over with their records.
        Returns how many configurations the sampler was told of.
        """
        if (source := self.spec.warm_start) is None:
            return 0
        self.exclusively(partial(self._warm_start, source, dataset))
        told = self.study.user_attrs.get(WARM_START)
        return told["configurations"] if isinstance(told, dict) and isinstance(told.get("configurations"), int) else 0

    def _warm_start(self, source: str, dataset: str) -> None:
        if WARM_START in self.study.user_attrs:
            return
        found = list(earlier_trials(selection.read_records(source), self.spec, dataset))
        for trial in found:  # marked, so that it does not count as one of this study's own
            trial.set_user_attr(WARM_START, True)
            self.study.add_trial(trial)
        told = sum(trial.state == TrialState.COMPLETE for trial in found)
        self.study.set_user_attr(WARM_START, {"from": source, "configurations": told})
        if not found:
            warnings.warn(f"warm_start: no configuration of {source} lies in this study's space", stacklevel=2)

    def take(self, total: int | None) -> list[FrozenTrial]:
        """Return what to work on next: open trials, then queued ones, or what the sampler suggests up to `total`."""
        trials = self.exclusively(lambda: self._filled(total))
        started = [self._configured(t) for t in trials if self._is_open(t)]
        waiting = [trial for trial in self._in_order(trials) if trial.state == TrialState.WAITING]
        if self.shared:
            waiting = waiting[: self.spec.search.batch]  # leave work for the other drivers
        taken = started + [self._configured(trial) for trial in waiting if self._start(trial)]
        return [trial for trial in taken if trial is not None]

    def _in_order(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Return trials in the order of work: a grid's so that a cut leaves it balanced, others as they are numbered.

        Records stay in the order of numbers, so that a finished grid reads as it always did.
        """
        if self.spec.search.sampler != "grid" or sum(trial.state == TrialState.WAITING for trial in trials) < 2:
            return trials
        return [trials[i] for i in balanced_order([_params(trial) for trial in trials], self.spec.search.seed)]

    def _filled(self, total: int | None) -> list[FrozenTrial]:
        trials = self._now()
        if any(trial.state == TrialState.WAITING for trial in trials):
            return trials
        count = self._to_ask(trials, total)
        for _ in range(count):
            self.study.enqueue_trial({}, user_attrs={ASKED: True})
        return self._now() if count else trials

    def _to_ask(self, trials: Sequence[FrozenTrial], total: int | None) -> int:
        """Count the trials to ask for: batches begin and end at the same ones however often a study was interrupted."""
        own = [t for t in trials if COPY_OF not in t.user_attrs and WARM_START not in t.user_attrs]
        left, batch = max((total or 0) - len(own), 0), self.spec.search.batch
        if begun := sum(ASKED in trial.user_attrs for trial in own) % batch:
            return min(left, batch - begun)
        return 0 if any(self._is_open(trial) for trial in trials) else min(left, batch)

    def _start(self, trial: FrozenTrial) -> bool:
        """Take a trial from the queue, unless another driver was faster."""

        def start() -> bool:
            if self.shared:  # before it counts as running: a trial without a sign of life would never count as lost
                adapter.show_alive(self.study, trial)
            return adapter.start(self.study, trial)

        try:
            started = retry_while_away(start)
        except UpdateFinishedTrialError:
            return False
        if started:
            self.mine[trial.number] = trial
        return started

    def _configured(self, trial: FrozenTrial) -> FrozenTrial | None:
        """Return `trial` with all its parameters; None where today's space does not hold them."""
        try:
            retry_while_away(lambda: self._suggest(trial))
        except ValueError as error:
            self._set(trial, LEFT_OUT, True)
            self._finish(trial, None)
            warnings.warn(f"configuration {trial.number} is left out: {error}", stacklevel=2)
            return None
        fresh = self.fresh(trial)
        for record in records_in(fresh):  # of the trial that this one takes further, or of a driver killed in between
            if record["seed"] not in fresh.intermediate_values:
                self._report(fresh, record)
        return fresh

    def _suggest(self, trial: FrozenTrial) -> None:
        queued = adapter.queued_params(trial) if self.carried else {}
        if trial.params and (queued.keys() <= trial.params.keys() if queued else _is_whole(trial, self.spec)):
            return
        # By number, so that an interrupted study is suggested what one that was not is.
        sampler = make_sampler(self.spec.search, number=trial.number)
        ask = adapter.ask(self.study, trial, sampler)
        known = {name: own for other in self._now() for name, own in other.distributions.items()} if queued else {}
        for name, distribution in distributions_holding(queued, known).items():
            ask(name, distribution)
        if not queued:
            begun = next((other.distributions for other in self._now() if "objective" in other.distributions), {})
            wanted = _params(trial).get("objective")
            suggest(ask, self.spec.search, begun, wanted if wanted in self.spec.search.objective else None)

    def _is_open(self, trial: FrozenTrial) -> bool:
        return trial.state == TrialState.RUNNING and (not self.shared or trial.number in self.mine)

    # Drivers that died -----------------------------------------------------------------------------------------------

    def elsewhere(self) -> int:
        """Return how many trials other drivers are at."""
        return sum(trial.state == TrialState.RUNNING and not self._is_open(trial) for trial in self.all())

    def progress(self, seeds: Sequence[int], total: int | None) -> tuple[int, int]:
        """Return how many runs of this study are settled, and of how many that it asks for at least."""
        latest = {_key(_params(trial)): trial for trial in self.all() if not _set_aside(trial) and _params(trial)}
        done = sum(is_settled(record_in(trial, seed)) for trial in latest.values() for seed in seeds)
        return done, len(seeds) * max(len(latest), total or 0)

    def recover(self, seeds: Sequence[int], is_done: Callable[[Record | None], bool]) -> None:
        """Queue what dead drivers were at, and finished trials that lack some of `seeds`, or have them not done.

        A finished trial cannot be changed, so a copy takes it further, with its records.
        """
        self.exclusively(lambda: self._recover(seeds, is_done))

    def _recover(self, seeds: Sequence[int], is_done: Callable[[Record | None], bool]) -> None:
        for trial in adapter.stale(self.study, self._now()) if self.shared else ():
            if trial.state == TrialState.RUNNING and trial.number not in self.mine:
                self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        latest = {_key(_params(trial)): trial for trial in self._now() if not _set_aside(trial)}
        for trial in latest.values():
            records = [record_in(trial, seed) for seed in seeds]
            if trial.state.is_finished() and not all(map(is_done, records)) and self._is_wanted(trial):
                # Without what is to be scored again: the trial's numbers are then of one version.
                kept = [record for record in records_in(trial) if is_done(record) or not is_settled(record)]
                copied = {attribute(record["seed"]): record for record in kept}
                first = copied_from(trial)
                self.study.enqueue_trial(_params(trial), user_attrs=copied | {COPY_OF: first})

    def _is_wanted(self, trial: FrozenTrial) -> bool:
        """Whether today's search has the trial's objective, which it need not where it was carried here."""
        return self.carried or _params(trial).get("objective") in self.spec.search.objective

    # Records ---------------------------------------------------------------------------------------------------------

    def store_on_the_way(self, trial: FrozenTrial, record: Record) -> None:
        """Write the record of a run before its end, which no sampler hears of."""
        self._set(trial, attribute_on_the_way(record["seed"], record["steps"]), json_ready(record))

    def store(self, trial: FrozenTrial, record: Record) -> None:
        """Write the record of a run, at once and for good."""
        self._report(trial, record)
        self._set(trial, attribute(record["seed"]), json_ready(record))

    def tell(self, trial: FrozenTrial, *, complete: bool = True) -> None:
        """Finish a trial with the mean over its runs; without `complete` as failed, for another driver to try again."""
        records = of_one_version(records_in(self.fresh(trial)))
        values = trial_values(records, self.spec)
        for name, bound in constraint_values(records, self.spec).items():
            retry_while_away(partial(adapter.set_constraint, self.study, trial, name, bound))
        self._finish(trial, [v for v in values if v is not None] if complete and None not in values else None)

    def _report(self, trial: FrozenTrial, record: Record) -> None:
        value = trial_values([record], self.spec)[0]
        if value is not None:
            self._unless_taken(partial(adapter.report, self.study, trial, record["seed"], value))

    def _set(self, trial: FrozenTrial, key: str, value: Any) -> None:
        self._unless_taken(partial(adapter.set_attribute, self.study, trial, key, value))

    def _finish(self, trial: FrozenTrial, values: list[float] | None) -> None:
        state = TrialState.FAIL if values is None else TrialState.COMPLETE
        retry_while_away(lambda: self.study.tell(trial.number, values, state=state, skip_if_finished=True))
        self.mine.pop(trial.number, None)

    def _unless_taken(self, action: Callable[[], Any]) -> None:
        """Do `action`, unless another driver took this one for dead and went on in its place."""
        try:
            retry_while_away(action)
        except UpdateFinishedTrialError:
            warnings.warn("another driver went on with what this one was at: it was away for too long", stacklevel=2)

    def _now(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)


def _params(trial: FrozenTrial) -> Params:
    return adapter.queued_params(trial) or trial.params


def _key(params: Params) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))


def _set_aside(trial: FrozenTrial) -> bool:
    return WARM_START in trial.user_attrs or LEFT_OUT in trial.user_attrs


def _is_whole(trial: FrozenTrial, spec: StudySpec) -> bool:
    """Return whether the driver that took `trial` lived to get all its parameters."""
    objective = trial.params.get("objective")
    if objective not in spec.search.objective:
        return False
    wanted = {*distributions_of(spec.search, str(objective)), *adapter.queued_params(trial)}
    return wanted <= set(trial.params)
