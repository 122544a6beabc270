"""Records of runs as they lie in Optuna's trials: one user attribute a run, written as soon as it ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from optuna.trial import FrozenTrial

from selectdis.records import Record, is_candidate_id, is_settled

__all__ = ["COPY_OF", "attribute", "raw_records", "record_of", "records_of"]

PREFIX = "run:"
COPY_OF = "copy_of"  # of a trial that takes another one further: the number of the first


def attribute(seed: int) -> str:
    """The trial's user attribute that holds the record of a seed."""
    return f"{PREFIX}{seed}"


def record_of(trial: FrozenTrial, seed: int) -> Record | None:
    """The record of one seed, or None before it ends."""
    key = attribute(seed)
    value = trial.user_attrs.get(key)
    return value if _holds_record(key, value) else None


def records_of(trial: FrozenTrial) -> list[Record]:
    """The records of a trial, in the order of seeds."""
    found = {key: value for key, value in trial.user_attrs.items() if _holds_record(key, value)}
    return [found[key] for key in sorted(found, key=lambda key: int(key.removeprefix(PREFIX)))]


def _holds_record(key: str, value: Any) -> bool:
    """Whether an attribute is a record: a study's folder may come from anybody."""
    return (
        key.startswith(PREFIX)
        and key.removeprefix(PREFIX).isdecimal()
        and isinstance(value, dict)
        and is_candidate_id(value.get("candidate"))
        and isinstance(value.get("seed"), int)
        and isinstance(value.get("status"), str)
    )


def raw_records(trials: Iterable[FrozenTrial]) -> list[Record]:
    """One dict a run, in the order of configurations and seeds; a run that two trials hold appears once.

    A copy of a trial stands where the first one stood, so that an interrupted study reads like one that was not.
    """
    found: dict[str, Record] = {}
    for trial in trials:
        number = trial.user_attrs.get(COPY_OF, trial.number)
        for record in records_of(trial):
            if not is_settled(found.get(record["candidate"])):
                found[record["candidate"]] = record | {"trial": number}
    return sorted(found.values(), key=lambda record: (record["trial"], record["seed"]))
