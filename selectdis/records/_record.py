"""One record: the flat row of a run, and a table of many."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from selectdis.records._columns import CANDIDATE, EARLIER, ordered

__all__ = ["Record", "as_frame", "is_candidate_id", "json_ready"]

Record = dict[str, Any]
PRIVATE = ("kl_per_latent",)  # what a record keeps for the criteria over many runs; not a column


def is_candidate_id(value: Any) -> bool:
    """Whether `value` can be a candidate's id, such as ``beta_vae-3f9c1a2b-s0``."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_]+-[A-Za-z0-9]+-s[0-9]+", value) is not None


def json_ready(record: Record) -> Record:
    """Return `record` with numpy's numbers as Python's, which JSON can hold."""
    return {
        key: value.tolist() if isinstance(value, np.ndarray | np.generic) else value for key, value in record.items()
    }


def as_frame(records: Iterable[Record], pool: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Return a tidy frame, one row per run, with the criteria over many runs that `pool` has of each candidate."""
    frame = pd.DataFrame(
        {key: value for key, value in record.items() if key not in PRIVATE} | dict(pool.get(record[CANDIDATE], {}))
        for record in records
    )
    return ordered(frame.assign(**{EARLIER: frame[EARLIER].eq(True)}) if EARLIER in frame else frame)
