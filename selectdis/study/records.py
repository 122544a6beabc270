"""Records of runs as they lie in Optuna's trials: one user attribute a run, written as soon as it ends."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from optuna.trial import FrozenTrial

__all__ = [
    "COPY_OF",
    "Record",
    "as_frame",
    "attribute",
    "final",
    "is_candidate_id",
    "plain",
    "raw_records",
    "record_of",
    "records_of",
]

Record = dict[str, Any]
PREFIX = "run:"
COPY_OF = "copy_of"  # of a trial that takes another one further: the number of the first
PRIVATE = ("kl_per_latent",)  # what a record keeps for the criteria over many runs; not a column


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


def is_candidate_id(value: Any) -> bool:
    """Whether `value` can be a candidate's id, such as ``beta_vae-3f9c1a2b-s0``."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_]+-[A-Za-z0-9]+-s[0-9]+", value) is not None


def raw_records(trials: Iterable[FrozenTrial]) -> list[Record]:
    """One dict a run, in the order of configurations and seeds; a run that two trials hold appears once.

    A copy of a trial stands where the first one stood, so that an interrupted study reads like one that was not.
    """
    found: dict[str, Record] = {}
    for trial in trials:
        number = trial.user_attrs.get(COPY_OF, trial.number)
        for record in records_of(trial):
            previous = found.get(record["candidate"])
            if previous is None or previous["status"] == "failed":
                found[record["candidate"]] = record | {"trial": number}
    return sorted(found.values(), key=lambda record: (record["trial"], record["seed"]))


def final(record: Mapping[str, Any] | None) -> bool:
    """A record that need not be made again: all but failures, which another try may mend."""
    return record is not None and record["status"] != "failed"


def plain(record: Record) -> Record:
    """`record` with numpy's numbers as Python's, which JSON can hold."""
    return {
        key: value.tolist() if isinstance(value, np.ndarray | np.generic) else value for key, value in record.items()
    }


def as_frame(records: Iterable[Record], pool: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Tidy frame: identity, parameters and state first, then metrics, then criteria with those of `pool`."""
    flat = [
        {key: value for key, value in record.items() if key not in PRIVATE} | dict(pool.get(record["candidate"], {}))
        for record in records
    ]
    frame = pd.DataFrame(flat)
    scores = ("metric.", "criterion.")
    columns = [str(column) for column in frame]
    other = [column for column in columns if not column.startswith(scores)]
    metrics = sorted(column for column in columns if column.startswith("metric."))
    criteria = sorted(column for column in columns if column.startswith("criterion."))
    return frame[other + metrics + criteria]
