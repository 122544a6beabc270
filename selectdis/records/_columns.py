"""The columns of a table of records: what a run is, how it ended, its settings, and its scores by their kind."""

from __future__ import annotations

import re
from collections.abc import Collection

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError, nearest

__all__ = [
    *("CANDIDATE", "CONFIGURATION", "CRITERION", "DATASET", "EARLIER", "FAMILY", "JUDGING", "METRIC", "OBJECTIVE"),
    *("PART", "SAMPLED", "SCORES_VERSION", "SEED", "STATUS", "STRENGTH", "criterion_names", "families", "is_score"),
    *("metric_names", "need", "ordered", "score_columns", "score_name", "strength_columns", "without_labels"),
]

DATASET, CONFIGURATION, CANDIDATE, SEED = "dataset", "configuration", "candidate", "seed"  # what a run is
OBJECTIVE, STATUS, SCORES_VERSION = "objective", "status", "scores_version"
PART, FAMILY = "part", "family"  # of the evidence: how runs were trained; data sets that are variants of one another
JUDGING = "judging"  # of the evidence: whether the data set was kept from view until rules were settled
EARLIER = "earlier"  # whether a run was taken from earlier records rather than made by the study
METRIC, CRITERION, STRENGTH = "metric.", "criterion.", "strength."  # prefixes
SAMPLED = ".sampled"  # ends the name of a score that was taken on sampled codes


def is_score(column: object) -> bool:
    """Whether a column holds a metric or a criterion."""
    return str(column).startswith((METRIC, CRITERION))


def score_name(column: str) -> str:
    """``metric.mig`` -> ``mig``; a name without a prefix stays as it is."""
    return column.removeprefix(METRIC).removeprefix(CRITERION)


def metric_names(records: pd.DataFrame) -> list[str]:
    """Return the names of the supervised scores that hold a number, without their ``metric.`` prefix."""
    return _names(records, METRIC)


def criterion_names(records: pd.DataFrame) -> list[str]:
    """Return the names of the unsupervised scores that hold a number, without their ``criterion.`` prefix."""
    return _names(records, CRITERION)


def _names(records: pd.DataFrame, prefix: str) -> list[str]:
    columns = [column for column in map(str, records.columns) if column.startswith(prefix)]
    return [column.removeprefix(prefix) for column in columns if bool(records[column].notna().any())]


def score_columns(records: pd.DataFrame) -> list[str]:
    """Return the columns of metrics, then those of criteria, that hold a number."""
    return [METRIC + name for name in metric_names(records)] + [CRITERION + name for name in criterion_names(records)]


def strength_columns(records: pd.DataFrame) -> list[str]:
    """Return the columns of strengths, such as ``strength.beta``."""
    return [column for column in map(str, records.columns) if column.startswith(STRENGTH)]


def families(records: pd.DataFrame) -> np.ndarray:
    """Return the family of each run's data set, (n_runs,): the data set itself where no family is told.

    Where all are of one family there is none to leave out, and each data set counts as its own.
    """
    names: pd.Series = records[DATASET].astype(object)
    if FAMILY in records:
        told = records[FAMILY].astype(object).where(records[FAMILY].notna(), names)
        names = told if told.nunique() > 1 else names
    return names.to_numpy()


def without_labels(records: pd.DataFrame, allowed: Collection[str] = ()) -> pd.DataFrame:
    """Return `records` without the scores that need labels, but for those columns of them that are `allowed`."""
    return records.loc[:, [not str(c).startswith(METRIC) or c in allowed for c in records]]


def ordered(frame: pd.DataFrame) -> pd.DataFrame:
    """Return `frame` with what a run is and its settings first, then metrics, then criteria, each sorted."""
    columns = [str(column) for column in frame]
    by_kind = [sorted((c for c in columns if c.startswith(kind)), key=_by_numbers) for kind in (METRIC, CRITERION)]
    return frame[[column for column in columns if not is_score(column)] + by_kind[0] + by_kind[1]]


def _by_numbers(name: str) -> list[str]:
    """Return what sorts ``few5`` before ``few10``."""
    return [part.zfill(9) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def need(records: pd.DataFrame, *columns: str) -> None:
    """Raise `SelectdisError`, naming the first of `columns` that `records` lacks and the nearest that it has."""
    for column in columns:
        if column not in records.columns:
            hint = nearest(column, map(str, records.columns))
            raise SelectdisError(f"the records have no column {column!r}{hint}")
