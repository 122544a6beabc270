"""The version of what the scores mean: it grows when a number changes for the same run on the same images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selectdis.records import scores_version

__all__ = ["SCORES_VERSION", "is_outdated"]

# 1: until selectdis 0.1.  2: criteria of codes from up to `n_criteria` images of all, metrics as the literature's.
SCORES_VERSION = 2


def is_outdated(record: Mapping[str, Any]) -> bool:
    """Whether a run's scores are of an older version than those that are computed here."""
    return (scores_version(record) or SCORES_VERSION) < SCORES_VERSION
