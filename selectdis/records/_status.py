"""How a run ended, and what follows from it.

A status is ``complete``, ``diverged`` or ``failed``; old records also hold ``stopped``, a run that was given up early.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from selectdis.records._columns import STATUS

__all__ = ["is_finished", "is_settled", "pickable"]

_LOST = ("diverged", "failed")


def is_finished(record: Mapping[Any, Any]) -> bool:
    """Whether a run has codes and scores: it neither diverged nor failed."""
    return record.get(STATUS) not in _LOST


def pickable(records: pd.DataFrame) -> np.ndarray:
    """Return which runs finished, (n_runs,) bool: the others are never picked, and never an opponent."""
    if STATUS not in records.columns:
        return np.ones(len(records), dtype=bool)
    return ~records[STATUS].isin(_LOST).to_numpy()


def is_settled(record: Mapping[str, Any] | None) -> bool:
    """Whether a run need not be made again: all but failures, which another try may mend; a divergence is a result."""
    return record is not None and record[STATUS] != "failed"
