"""One record: the flat row of a run, and a table of many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Record", "as_frame", "final", "is_candidate_id", "plain"]

Record = dict[str, Any]
PRIVATE = ("kl_per_latent",)  # what a record keeps for the criteria over many runs; not a column


def is_candidate_id(value: Any) -> bool:
    """Whether `value` can be a candidate's id, such as ``beta_vae-3f9c1a2b-s0``."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_]+-[A-Za-z0-9]+-s[0-9]+", value) is not None


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
