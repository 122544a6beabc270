"""Records of runs as they lie in Optuna's trials, one user attribute per run, and what Optuna is told of them."""

from __future__ import annotations

import contextlib
import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from selectdis.errors import SelectdisError, nearest
from selectdis.records import (
    CRITERION,
    METRIC,
    SAMPLED,
    Record,
    checked_record,
    direction,
    is_finished,
    is_score,
    is_settled,
    score_name,
    scores_version,
)
from selectdis.selection._scores import DISENTANGLEMENT
from selectdis.spec import StudySpec

__all__ = [
    "COPY_OF", "attribute", "attribute_on_the_way", "constraint_values", "copied_from", "directions", "merged_records",
    "record_in", "records_in", "records_on_the_way", "trial_values",
]  # fmt: skip

PREFIX = "run:"
COPY_OF = "copy_of"  # of a trial that takes another one further: the number of the first


def attribute(seed: int) -> str:
    """Name the trial's user attribute that holds the record of a seed."""
    return f"{PREFIX}{seed}"


def attribute_on_the_way(seed: int, steps: int) -> str:
    """Name the trial's user attribute that holds the record of a seed after `steps`, before its end."""
    return f"{attribute(seed)}@{steps}"


def records_on_the_way(trials: Iterable[FrozenTrial]) -> list[Record]:
    """Return the records of runs before their end, in the order of configurations, seeds and steps, each once."""
    found: dict[tuple[str, int], Record] = {}
    for trial in trials:
        for key, value in trial.user_attrs.items():
            seed, at, steps = key.removeprefix(PREFIX).partition("@")
            if not (key.startswith(PREFIX) and at and seed.isdecimal() and steps.isdecimal()):
                continue
            with contextlib.suppress(SelectdisError):
                record = checked_record(value, int(seed))
                found[record["candidate"], int(steps)] = record | {"trial": copied_from(trial)}
    return sorted(found.values(), key=lambda record: (record["trial"], record["seed"], record["steps"]))


def record_in(trial: FrozenTrial, seed: int) -> Record | None:
    """Return the record of one seed, or None before it ends, or where it is damaged: then it is made again."""
    try:
        return checked_record(trial.user_attrs.get(attribute(seed)), seed)
    except SelectdisError:
        return None


def records_in(trial: FrozenTrial) -> list[Record]:
    """Return the records of a trial that are whole, in the order of seeds."""
    return [record for _, record in sorted(_records_of(trial).items())]


def copied_from(trial: FrozenTrial) -> int:
    """Return the number of the trial that this one takes further, or its own."""
    number = trial.user_attrs.get(COPY_OF)
    return number if isinstance(number, int) and 0 <= number < trial.number else trial.number


def _records_of(trial: FrozenTrial, damaged: dict[int, str] | None = None) -> dict[int, Record]:
    """Return seed -> record; what is wrong with others goes into `damaged`: a study's folder may come from anybody."""
    found = {}
    for key, value in trial.user_attrs.items():
        seed = key.removeprefix(PREFIX)
        if not key.startswith(PREFIX) or not re.fullmatch(r"0|[1-9][0-9]{0,18}", seed):
            continue
        try:
            found[int(seed)] = checked_record(value, int(seed))
        except SelectdisError as error:
            if damaged is not None:
                damaged[int(seed)] = str(error)
    return found


def merged_records(trials: Iterable[FrozenTrial]) -> list[Record]:
    """Return one dict per run, in the order of configurations and seeds; a run that two trials hold appears once.

    A copy of a trial stands where the first one stood, so that an interrupted study reads like one that was not. A
    damaged record is left out, which is said until it is made again.
    """
    found: dict[str, Record] = {}
    lost: dict[tuple[int, int], str] = {}
    for trial in trials:
        number, damaged = copied_from(trial), dict[int, str]()
        for record in _records_of(trial, damaged).values():
            known = found.get(record["candidate"])
            if known is None or not is_settled(known) or _is_newer(record, known):
                found[record["candidate"]] = record | {"trial": number}
        lost |= {(number, seed): what for seed, what in damaged.items()}
    for place in {(record["trial"], record["seed"]) for record in found.values()} & lost.keys():
        del lost[place]
    if lost:
        others = f" (and {len(lost) - 1} others)" if len(lost) > 1 else ""
        warnings.warn(
            f"{next(iter(lost.values()))}{others}: left out, until the next `selectdis run` or `transfer` makes it "
            "again from the trained model",
            stacklevel=2,
        )
    return sorted(found.values(), key=lambda record: (record["trial"], record["seed"]))


def _is_newer(record: Record, known: Record) -> bool:
    """Whether `record` holds the scores of the same run, computed again by a later version."""
    return is_settled(record) and (scores_version(record) or 0) > (scores_version(known) or 0)


def trial_values(records: Iterable[Mapping[Any, Any]], spec: StudySpec) -> list[float | None]:
    """Return one number for each of ``spec.optimise``: the mean over the finished runs, or None where there is none."""
    finished = [record for record in records if is_finished(record)]
    return [_mean([_value(record, name) for record in finished]) for name in spec.optimise]


def directions(spec: StudySpec) -> list[StudyDirection]:
    """Return Optuna's directions of ``spec.optimise``."""
    return [
        StudyDirection.MAXIMIZE if name == "score" or direction(score_name(name)) > 0 else StudyDirection.MINIMIZE
        for name in spec.optimise
    ]


def constraint_values(records: Sequence[Mapping[str, Any]], spec: StudySpec) -> dict[str, float]:
    """Return Optuna's constraints of a configuration: at most 0 where its mean score is within the bounds."""
    values = {}
    for constraint in spec.constraints:
        mean = _mean([_value(record, constraint.score) for record in records if is_finished(record)])
        if constraint.min is not None:
            values[f"{constraint.score} >= {constraint.min:g}"] = math.inf if mean is None else constraint.min - mean
        if constraint.max is not None:
            values[f"{constraint.score} <= {constraint.max:g}"] = math.inf if mean is None else mean - constraint.max
    return values


def _column(record: Mapping[Any, Any], name: str) -> str:
    """Return the column of the score `name`, which may lack its ``metric.`` or ``criterion.``.

    Raises
    ------
    SelectdisError
        If the record has no such score; the message offers the nearest.
    """
    for column in (name, METRIC + name, CRITERION + name):
        if column in record:
            return column
    known = [score_name(str(column)) for column in record if is_score(column)]
    raise SelectdisError(f"no score {name!r} was recorded{nearest(name, known)}; recorded: {', '.join(sorted(known))}")


def _value(record: Mapping[Any, Any], name: str) -> float:
    if name == "score":
        # Ranks depend on which other runs are there, so a sampler is given the mean of the metrics themselves; the
        # leaderboard of a finished study uses win rates.
        present = [record[METRIC + metric] for metric in DISENTANGLEMENT if METRIC + metric in record]
        # A study may measure other metrics alone; then those are its score.
        present = present or [
            value
            for column, value in record.items()
            if column.startswith(METRIC) and not column.endswith(SAMPLED) and direction(score_name(column)) > 0
        ]
        return float(np.mean(present)) if present else math.nan
    try:
        return float(record[_column(record, name)])
    except SelectdisError:
        if record.get("stage") == "target":  # whose labels may be unknown, and are not what it is run for
            return math.nan
        raise


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else None
