"""A stage's configurations as Optuna trials: the queue, who is at what, and the records of their runs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from selectdis.records import Record, final, plain
from selectdis.study._locks import Heartbeat, exclusively
from selectdis.study._retry import with_patience
from selectdis.study._search import Params, distributions_of, make_sampler, suggest
from selectdis.study._trial_records import COPY_OF, attribute, record_of, records_of
from selectdis.study._trial_values import constraint_values, trial_values

if TYPE_CHECKING:
    from selectdis.spec import StudySpec

__all__ = ["WARM_START", "Trials"]

WARM_START = "warm_start"  # marks a trial told from earlier records; nothing is trained for it
ASKED = "asked"  # of a trial whose configuration the sampler suggests
LEFT_OUT = "left_out"  # of a queued configuration that today's space does not hold
T = TypeVar("T")


class Trials:
    """The trials of one Optuna study, for a driver that is alone or one of several.

    Every trial begins in the queue (a blank one where the sampler is to suggest its configuration), and a driver takes
    it from there. What must not happen twice (filling the queue, taking over from a dead driver) is done by one driver
    at a time.

    Attributes
    ----------
    mine : set of int
        Ids of the trials that this driver is at.
    """

    def __init__(self, study: optuna.Study, spec: StudySpec, *, shared: bool) -> None:
        self.study, self.spec, self.shared = study, spec, shared
        self.mine: set[int] = set()

    def all(self) -> list[FrozenTrial]:
        """Every trial, by number."""
        return with_patience(self._now)

    def fresh(self, trial: FrozenTrial) -> FrozenTrial:
        """`trial` as the storage has it now."""
        return with_patience(lambda: self._storage.get_trial(trial._trial_id))

    def exclusively(self, action: Callable[[], T]) -> T:
        """`action` while no other driver does one; done again from the start when the database went away meanwhile."""

        def locked() -> T:
            with exclusively(self._storage, self.study.study_name):
                return action()

        return with_patience(locked)

    def heartbeat(self) -> Heartbeat:
        """Signs of life while this driver is at work."""
        if not self.shared:
            return Heartbeat(None, self.mine, 1.0)
        return Heartbeat(self._storage, self.mine, self.lost_after / 8)

    @property
    def lost_after(self) -> float:
        """Seconds without a sign of life after which a driver counts as dead."""
        storage: Any = self._storage
        return float(getattr(storage, "_backend", storage).grace_period)

    # The queue -------------------------------------------------------------------------------------------------------

    def plan(self, configurations: Iterable[Params]) -> None:
        """Put configurations in the queue, once: the ones that any trial has already are left out."""
        wanted = list(configurations)

        def fill() -> None:
            known = {_key(_params(trial)) for trial in self._now()}
            for params in wanted:
                if _key(params) not in known:
                    known.add(_key(params))
                    self.study.enqueue_trial(params)

        self.exclusively(fill)

    def take(self, total: int | None) -> list[FrozenTrial]:
        """The trials to work on next: open ones, then what is queued, or what the sampler suggests up to `total`."""
        trials = self.exclusively(lambda: self._filled(total))
        started = [self._configured(t) for t in trials if self._is_open(t)]
        waiting = [trial for trial in trials if trial.state == TrialState.WAITING]
        if self.shared:
            waiting = waiting[: self.spec.search.batch]  # leave work for the other drivers
        taken = started + [self._configured(trial) for trial in waiting if self._start(trial)]
        return [trial for trial in taken if trial is not None]

    def _filled(self, total: int | None) -> list[FrozenTrial]:
        trials = self._now()
        if any(trial.state == TrialState.WAITING for trial in trials):
            return trials
        count = self._to_ask(trials, total)
        for _ in range(count):
            self.study.enqueue_trial({}, user_attrs={ASKED: True})
        return self._now() if count else trials

    def _to_ask(self, trials: Sequence[FrozenTrial], total: int | None) -> int:
        """Batches begin and end at the same trials however often a study was interrupted."""
        own = [t for t in trials if COPY_OF not in t.user_attrs and WARM_START not in t.user_attrs]
        left, batch = max((total or 0) - len(own), 0), self.spec.search.batch
        if begun := sum(ASKED in trial.user_attrs for trial in own) % batch:
            return min(left, batch - begun)
        return 0 if any(self._is_open(trial) for trial in trials) else min(left, batch)

    def _start(self, trial: FrozenTrial) -> bool:
        """Take a trial from the queue, unless another driver was faster."""

        def start() -> bool:
            if self.shared:  # before it counts as running: a trial without a sign of life would never count as lost
                self._storage.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]
            return self._storage.set_trial_state_values(trial._trial_id, state=TrialState.RUNNING)

        try:
            started = with_patience(start)
        except UpdateFinishedTrialError:
            return False
        if started:
            self.mine.add(trial._trial_id)
        return started

    def _configured(self, trial: FrozenTrial) -> FrozenTrial | None:
        """`trial` with all its parameters; None where today's space does not hold them."""
        try:
            with_patience(lambda: self._suggest(trial))
        except ValueError as error:
            self._set(trial, LEFT_OUT, True)
            self._finish(trial, None)
            warnings.warn(f"configuration {trial.number} is left out: {error}", stacklevel=2)
            return None
        fresh = self.fresh(trial)
        for record in records_of(fresh):  # of the trial that this one takes further, or of a driver killed in between
            if record["seed"] not in fresh.intermediate_values:
                self._report(fresh, record)
        return fresh

    def _suggest(self, trial: FrozenTrial) -> None:
        if trial.params and _is_whole(trial, self.spec):
            return
        # By number, so that an interrupted study is suggested what one that was not is.
        self.study.sampler = make_sampler(self.spec.search, number=trial.number)
        self.study._thread_local.cached_all_trials = None  # as Study.ask does: the batch sees its own earlier ones
        suggest(optuna.Trial(self.study, trial._trial_id), self.spec.search)

    def _is_open(self, trial: FrozenTrial) -> bool:
        return trial.state == TrialState.RUNNING and (not self.shared or trial._trial_id in self.mine)

    # Drivers that died -----------------------------------------------------------------------------------------------

    def elsewhere(self) -> int:
        """Trials that other drivers are at."""
        return sum(trial.state == TrialState.RUNNING and not self._is_open(trial) for trial in self.all())

    def recover(self, seeds: Sequence[int], *, retry_failed: bool) -> None:
        """Queue what dead drivers were at, and finished trials that lack some of `seeds`.

        A finished trial cannot be changed, so a copy takes it further, with its records.
        """
        self.exclusively(lambda: self._recover(seeds, retry_failed))

    def _recover(self, seeds: Sequence[int], retry_failed: bool) -> None:
        lost = self._lost()
        for trial in self._now():
            if trial._trial_id in lost and trial.state == TrialState.RUNNING:
                self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
        latest = {_key(_params(trial)): trial for trial in self._now() if not _set_aside(trial)}
        for trial in latest.values():
            records = [record_of(trial, seed) for seed in seeds]
            undone = any(not final(r) if retry_failed else r is None for r in records)
            if trial.state.is_finished() and undone:
                copied = {attribute(record["seed"]): record for record in records_of(trial)}
                first = trial.user_attrs.get(COPY_OF, trial.number)
                self.study.enqueue_trial(_params(trial), user_attrs=copied | {COPY_OF: first})

    def _lost(self) -> set[int]:
        if not self.shared:  # an only driver takes its predecessor's trials as they stand
            return set()
        storage: Any = self._storage
        return set(storage._get_stale_trial_ids(self.study._study_id)) - self.mine

    # Records ---------------------------------------------------------------------------------------------------------

    def store(self, trial: FrozenTrial, record: Record) -> None:
        """Write the record of a run, at once and for good."""
        self._report(trial, record)
        self._set(trial, attribute(record["seed"]), plain(record))

    def tell(self, trial: FrozenTrial, *, complete: bool = True) -> None:
        """Finish a trial with the mean over its runs; without `complete` as failed, for another driver to try again."""
        records = records_of(self.fresh(trial))
        values = trial_values(records, self.spec)
        for name, bound in constraint_values(records, self.spec).items():
            with_patience(partial(self._constrain, trial, name, bound))
        self._finish(trial, [v for v in values if v is not None] if complete and None not in values else None)

    def _constrain(self, trial: FrozenTrial, name: str, bound: float) -> None:
        optuna.Trial(self.study, trial._trial_id).set_constraint(name, bound)

    def _report(self, trial: FrozenTrial, record: Record) -> None:
        value = trial_values([record], self.spec)[0]
        if value is not None:
            self._unless_taken(
                lambda: self._storage.set_trial_intermediate_value(trial._trial_id, record["seed"], value)
            )

    def _set(self, trial: FrozenTrial, key: str, value: Any) -> None:
        self._unless_taken(lambda: self._storage.set_trial_user_attr(trial._trial_id, key, value))

    def _finish(self, trial: FrozenTrial, values: list[float] | None) -> None:
        state = TrialState.FAIL if values is None else TrialState.COMPLETE
        with_patience(lambda: self.study.tell(trial.number, values, state=state, skip_if_finished=True))
        self.mine.discard(trial._trial_id)

    def _unless_taken(self, action: Callable[[], Any]) -> None:
        """`action`, unless another driver took this one for dead and went on in its place."""
        try:
            with_patience(action)
        except UpdateFinishedTrialError:
            warnings.warn("another driver went on with what this one was at: it was away for too long", stacklevel=2)

    @property
    def _storage(self) -> optuna.storages.BaseStorage:
        return self.study._storage

    def _now(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)


def _params(trial: FrozenTrial) -> Params:
    return trial.system_attrs.get("fixed_params") or trial.params


def _key(params: Params) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted(params.items()))


def _set_aside(trial: FrozenTrial) -> bool:
    return WARM_START in trial.user_attrs or LEFT_OUT in trial.user_attrs


def _is_whole(trial: FrozenTrial, spec: StudySpec) -> bool:
    """Whether the driver that took `trial` lived to get all its parameters."""
    objective = trial.params.get("objective")
    if objective not in spec.search.objective:
        return False
    wanted = {*distributions_of(spec.search, str(objective)), *trial.system_attrs.get("fixed_params", {})}
    return wanted <= set(trial.params)
