"""What Optuna's documentation does not promise: used here and nowhere else, to be looked through with a new version."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

__all__ = [
    "ask", "database", "fresh", "name_values", "queued_params", "quietly", "report", "set_attribute",
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


def fresh(study: optuna.Study, trial: FrozenTrial) -> FrozenTrial:
    """Return `trial` as the storage has it now."""
    return study._storage.get_trial(trial._trial_id)


def queued_params(trial: FrozenTrial) -> dict[str, Any]:
    """Return the parameters that a trial was put in the queue with."""
    return trial.system_attrs.get("fixed_params", {})


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
