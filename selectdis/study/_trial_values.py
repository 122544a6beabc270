"""What Optuna is told of a configuration: the mean over its seeds of the scores to optimise, and its constraints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.study import StudyDirection

from selectdis.errors import SelectdisError, nearest
from selectdis.records._directions import direction
from selectdis.selection._scores import DISENTANGLEMENT

if TYPE_CHECKING:
    from selectdis.spec import StudySpec

__all__ = ["constraint_values", "directions", "resolve", "trial_values"]


def trial_values(records: Iterable[Mapping[Any, Any]], spec: StudySpec) -> list[float | None]:
    """One number for each of ``spec.optimise``: the mean over the finished runs, or None where there is none."""
    finished = [record for record in records if record["status"] in ("complete", "stopped")]
    return [_mean([_value(record, name) for record in finished]) for name in spec.optimise]


def directions(spec: StudySpec) -> list[StudyDirection]:
    """Optuna's directions of ``spec.optimise``."""
    return [
        StudyDirection.MAXIMIZE if name == "score" or direction(_plain(name)) > 0 else StudyDirection.MINIMIZE
        for name in spec.optimise
    ]


def constraint_values(records: Sequence[Mapping[str, Any]], spec: StudySpec) -> dict[str, float]:
    """Optuna's constraints of a configuration: at most 0 where its mean score is within the bounds."""
    values = {}
    for constraint in spec.constraints:
        mean = _mean([_value(record, constraint.score) for record in records if record["status"] == "complete"])
        if constraint.min is not None:
            values[f"{constraint.score} >= {constraint.min:g}"] = math.inf if mean is None else constraint.min - mean
        if constraint.max is not None:
            values[f"{constraint.score} <= {constraint.max:g}"] = math.inf if mean is None else mean - constraint.max
    return values


def resolve(record: Mapping[Any, Any], name: str) -> str:
    """The column of the score `name`, which may lack its ``metric.`` or ``criterion.``.

    Raises
    ------
    SelectdisError
        If the record has no such score; the message offers the nearest.
    """
    for column in (name, f"metric.{name}", f"criterion.{name}"):
        if column in record:
            return column
    known = [str(column).split(".", 1)[1] for column in record if str(column).startswith(("metric.", "criterion."))]
    raise SelectdisError(f"no score {name!r} was recorded{nearest(name, known)}; recorded: {', '.join(sorted(known))}")


def _value(record: Mapping[Any, Any], name: str) -> float:
    if name == "score":
        # Ranks depend on which other runs are there, so a sampler is given the mean of the metrics themselves; the
        # leaderboard of a finished study uses win rates.
        present = [record[f"metric.{metric}"] for metric in DISENTANGLEMENT if f"metric.{metric}" in record]
        # A study may measure other metrics alone; then those are its score.
        present = present or [
            value
            for column, value in record.items()
            if column.startswith("metric.") and not column.endswith(".sampled") and direction(_plain(column)) > 0
        ]
        return float(np.mean(present)) if present else math.nan
    return float(record[resolve(record, name)])


def _plain(name: str) -> str:
    return name.removeprefix("metric.").removeprefix("criterion.")


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else None
