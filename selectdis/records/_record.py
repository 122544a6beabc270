"""One record: the flat row of a run, checked where it is read, and a table of many."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from selectdis._arrays import ACTIVE_NATS
from selectdis.errors import SelectdisError
from selectdis.records._columns import (
    CANDIDATE,
    CONFIGURATION,
    CRITERION,
    DATASET,
    EARLIER,
    METRIC,
    OBJECTIVE,
    SEED,
    STATUS,
    STRENGTH,
    ordered,
)

__all__ = [
    *("ACTIVE", "KL", "Record", "active_latents", "as_frame", "checked_pool", "checked_record", "is_candidate_id"),
    "json_ready",
]

Record = dict[str, Any]
KL, ACTIVE = "kl_per_latent", "active_latents"
PRIVATE = (KL, ACTIVE)  # what a record keeps for the criteria over many runs; not a column

_NEEDED = (CANDIDATE, DATASET, SEED, STATUS)
_TEXT = (CANDIDATE, CONFIGURATION, DATASET, OBJECTIVE, STATUS, "stage", "architecture", "likelihood", "error")
_WHOLE = (SEED, "latents", "batch_size", "width", "discriminator_width", "steps", "failed_step")
_REAL = re.compile(
    rf"({METRIC}|{CRITERION}|{STRENGTH}|discriminator_|adam_).*|strength|learning_rate|weight_decay|seconds"
)
_STATUSES = ("complete", "diverged", "failed", "stopped")


def is_candidate_id(value: Any) -> bool:
    """Whether `value` can be a candidate's id, such as ``beta_vae-3f9c1a2b-s0``."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_]+-[A-Za-z0-9]+-s[0-9]+", value) is not None


def checked_record(value: Any, seed: int) -> Record:
    """Return the record of a run with `seed` that somebody wrote down, with what its id says.

    Raises
    ------
    SelectdisError
        If it holds what no record does, with the run's name.
    """
    if not isinstance(value, dict) or not is_candidate_id(value.get(CANDIDATE)):
        raise SelectdisError(f"the record of a run with seed {seed} does not name its candidate")
    candidate = value[CANDIDATE]
    configuration, _, own_seed = candidate.rpartition("-s")
    record = {OBJECTIVE: configuration.partition("-")[0]} | value | {CONFIGURATION: configuration}
    wrong = next((name for name in (*_NEEDED, *record) if not _check_of(name)(record.get(name))), None)
    if wrong is None:
        sizes = {name: len(record[name]) for name in PRIVATE if name in record}
        wrong = next((name for name, size in sizes.items() if size != record.get("latents")), None)
    if wrong is None and not own_seed == str(record[SEED]) == str(seed):
        wrong = SEED
    if wrong is not None:
        raise SelectdisError(f"the record of {candidate} is damaged ({wrong}: {value.get(wrong)!r:.60})")
    return record


@cache
def _check_of(column: str) -> Callable[[Any], bool]:
    """Return the check of what a record may hold in `column`; of one that is not known here, any plain value."""
    if column == KL:
        return lambda value: isinstance(value, list) and all(_is_real(nats) and math.isfinite(nats) for nats in value)
    if column == ACTIVE:
        return lambda value: isinstance(value, list) and all(isinstance(flag, bool) for flag in value)
    if column == STATUS:
        return lambda value: isinstance(value, str) and value in _STATUSES
    known = column in _TEXT or column in _WHOLE or _REAL.fullmatch(column)
    check = _is_text if column in _TEXT else _is_whole if column in _WHOLE else _is_real if known else _is_plain
    return check if column in _NEEDED else lambda value: value is None or check(value)


def active_latents(record: Mapping[str, Any]) -> list[bool] | None:
    """Return which latents of a run are in use; None where its record does not say it."""
    if ACTIVE in record:
        return list(record[ACTIVE])
    return [nats > ACTIVE_NATS for nats in record[KL]] if KL in record else None


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def _is_real(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | bool) or _is_real(value)


def checked_pool(value: Any) -> dict[str, dict[str, float]] | None:
    """Return candidate -> its criteria over many runs, as somebody wrote them down; None where they are no such."""
    whole = isinstance(value, dict) and all(
        is_candidate_id(candidate)
        and isinstance(scores, dict)
        and all(name.startswith(CRITERION) and _is_real(score) for name, score in scores.items())
        for candidate, scores in value.items()
    )
    return value if whole else None


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
