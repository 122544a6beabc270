"""What Optuna's documentation does not promise: used here and nowhere else, to be looked through with a new version."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.storages.journal._storage import JournalOperation, JournalStorageReplayResult
from optuna.trial import FrozenTrial, TrialState

__all__ = [
    "ask", "database", "fresh", "is_operation", "name_values", "queued_params", "quietly",
    "refused_operation", "report", "set_attribute",
    "set_constraint", "show_alive", "stale", "start",
]  # fmt: skip

Ask = Callable[[str, BaseDistribution], Any]


@contextmanager
def quietly() -> Iterator[None]:
    """Keep to ourselves what Optuna says of its own interfaces: it is nothing that a user could mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="Fixed parameter .* is out of range", category=UserWarning)
        yield


def name_values(study: optuna.Study, names: Sequence[str]) -> None:
    """Write what the values of a study's trials are, for those who open it with Optuna's own tools."""
    if study.metric_names != list(names):
        with quietly():
            study.set_metric_names(list(names))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_time(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_attribute(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1


def _is_attributes(value: Any) -> bool:
    return isinstance(value, dict)


def _are_numbers(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(map(_is_number, value)))


Checks = dict[str, Callable[[Any], bool]]
_OF_STUDY: Checks = {"study_id": _is_whole}
_OF_TRIAL: Checks = {"trial_id": _is_whole}
# What the operations of a journal hold: the fields that each needs; others it may lack.
_NEEDED: dict[int, Checks] = {
    JournalOperation.CREATE_STUDY: {"study_name": _is_text, "directions": lambda v: isinstance(v, list) and len(v) > 0},
    JournalOperation.DELETE_STUDY: _OF_STUDY,
    JournalOperation.SET_STUDY_USER_ATTR: _OF_STUDY | {"user_attr": _is_attribute},
    JournalOperation.SET_STUDY_SYSTEM_ATTR: _OF_STUDY | {"system_attr": _is_attribute},
    JournalOperation.CREATE_TRIAL: _OF_STUDY | {"datetime_start": _is_time},
    JournalOperation.SET_TRIAL_PARAM: _OF_TRIAL
    | {"param_name": _is_text, "param_value_internal": _is_number, "distribution": _is_text},
    JournalOperation.SET_TRIAL_STATE_VALUES: _OF_TRIAL | {"state": _is_whole, "values": _are_numbers},
    JournalOperation.SET_TRIAL_INTERMEDIATE_VALUE: _OF_TRIAL | {"step": _is_whole, "intermediate_value": _is_number},
    JournalOperation.SET_TRIAL_USER_ATTR: _OF_TRIAL | {"user_attr": _is_attribute},
    JournalOperation.SET_TRIAL_SYSTEM_ATTR: _OF_TRIAL | {"system_attr": _is_attribute},
}
_FURTHER: Checks = {
    "user_attrs": _is_attributes, "system_attrs": _is_attributes, "params": _is_attributes,
    "distributions": _is_attributes, "intermediate_values": _is_attributes, "values": _are_numbers,
    "value": lambda value: value is None or _is_number(value),
}  # fmt: skip


def is_operation(value: Any) -> bool:
    """Return whether a line of a journal says something that one may; what a later Optuna adds passes."""
    if not isinstance(value, dict) or not _is_whole(value.get("op_code")) or not _is_text(value.get("worker_id")):
        return False
    needed = _NEEDED.get(value["op_code"], {})
    fields = {**{name: check for name, check in _FURTHER.items() if name in value}, **needed}
    return all(name in value and check(value[name]) for name, check in fields.items())


def refused_operation(operations: Iterable[dict[str, Any]]) -> tuple[int, bool, str] | None:
    """Return the index of the first operation that cannot be replayed, whether its kind is known, and why."""
    replay = JournalStorageReplayResult("")
    for index, operation in enumerate(operations):
        try:
            replay.apply_logs([operation])
        except Exception as error:  # whatever replaying strange operations raises
            return index, operation["op_code"] in _NEEDED, type(error).__name__
    return None


def fresh(study: optuna.Study, trial: FrozenTrial) -> FrozenTrial:
    """Return `trial` as the storage has it now."""
    return study._storage.get_trial(trial._trial_id)


def queued_params(trial: FrozenTrial) -> dict[str, Any]:
    """Return the parameters that a trial was put in the queue with."""
    queued = trial.system_attrs.get("fixed_params")
    if not isinstance(queued, dict) or not all(isinstance(value, str | int | float) for value in queued.values()):
        return {}  # a study's folder may come from anybody
    return queued


def start(study: optuna.Study, trial: FrozenTrial) -> bool:
    """Take a trial from the queue; False where another driver was faster, an error where that one has finished it."""
    return study._storage.set_trial_state_values(trial._trial_id, state=TrialState.RUNNING)


def ask(study: optuna.Study, trial: FrozenTrial, sampler: BaseSampler) -> Ask:
    """Return what asks `sampler` for one parameter of `trial` after the other."""
    study.sampler = sampler
    study._thread_local.cached_all_trials = None  # as Study.ask does: a batch sees its own earlier trials
    suggest = optuna.Trial(study, trial._trial_id)._suggest

    def asked(name: str, distribution: BaseDistribution) -> Any:
        with quietly():
            return suggest(name, distribution)

    return asked


def report(study: optuna.Study, trial: FrozenTrial, step: int, value: float) -> None:
    """Write an intermediate value."""
    study._storage.set_trial_intermediate_value(trial._trial_id, step, value)


def set_attribute(study: optuna.Study, trial: FrozenTrial, key: str, value: Any) -> None:
    """Write a user attribute."""
    study._storage.set_trial_user_attr(trial._trial_id, key, value)


def set_constraint(study: optuna.Study, trial: FrozenTrial, name: str, bound: float) -> None:
    """Write a constraint, which holds where `bound` is at most 0."""
    optuna.Trial(study, trial._trial_id).set_constraint(name, bound)


def database(study: optuna.Study) -> RDBStorage | None:
    """Return the database behind a study; None where it has a journal."""
    backend = getattr(study._storage, "_backend", study._storage)  # optuna.create_study wraps a database in a cache
    return backend if isinstance(backend, RDBStorage) else None


def show_alive(study: optuna.Study, trial: FrozenTrial) -> None:
    """Tell the database behind a study that somebody is at `trial`."""
    study._storage.record_heartbeat(trial._trial_id)  # type: ignore[attr-defined]


def stale(study: optuna.Study, trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return those of `trials` whose driver has shown no sign of life for too long."""
    ids = set(study._storage._get_stale_trial_ids(study._study_id))  # type: ignore[attr-defined]
    return [trial for trial in trials if trial._trial_id in ids]
