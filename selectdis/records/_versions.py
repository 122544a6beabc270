"""Versions of scores: those of different versions are different numbers under one name, and never share a table."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import Any

import pandas as pd

from selectdis.records._columns import SCORES_VERSION, STATUS
from selectdis.records._record import Record
from selectdis.records._status import is_finished

__all__ = ["frame_of_one_version", "of_one_version", "scores_version"]


def scores_version(record: Mapping[Any, Any]) -> int | None:
    """Return the version of a record's scores; None where the run has none, and so fits any."""
    if not is_finished(record):
        return None
    version = record.get(SCORES_VERSION)
    return int(version) if isinstance(version, int | float) and version >= 1 else 1  # the first ones did not say


def of_one_version(records: Sequence[Record]) -> list[Record]:
    """Leave out records whose scores are of an older version than the newest there is, and say so."""
    return list(compress(records, _newest(records)))


def frame_of_one_version(records: pd.DataFrame) -> pd.DataFrame:
    """Do as `of_one_version` with one row per run."""
    columns = [column for column in (STATUS, SCORES_VERSION) if column in records]
    return records[_newest(records[columns].to_dict("records"))]


def _newest(records: Sequence[Mapping[Any, Any]]) -> list[bool]:
    versions = [scores_version(record) for record in records]
    newest = max((version for version in versions if version is not None), default=None)
    kept = [version in (None, newest) for version in versions]
    if older := kept.count(False):
        warnings.warn(
            f"{older} of {len(records)} runs are left out: their scores are of an older version, and never stand "
            "beside new ones; the next run or transfer of the study scores them again where their models are still "
            "there",
            stacklevel=4,
        )
    return kept
