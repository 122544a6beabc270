"""Earlier records as trials: what a sampler is told before it begins, and runs that need not be made again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import optuna
import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from selectdis.errors import SelectdisError
from selectdis.records import (
    CANDIDATE,
    CONFIGURATION,
    DATASET,
    EARLIER,
    SEED,
    STATUS,
    Record,
    checked_record,
    is_settled,
    json_ready,
    need,
)
from selectdis.records._record import PRIVATE
from selectdis.scoring._version import is_outdated
from selectdis.spec import StudySpec
from selectdis.study._search import candidate_from, distributions_of, params_of
from selectdis.study._trial_records import attribute, trial_values

__all__ = ["earlier_trials"]

NOT_TAKEN = ("trial", *PRIVATE)  # numbers of another study's trials; codes that are not in this folder
WHOLE = ("steps", "failed_step", "scores_version")


def earlier_trials(records: pd.DataFrame, spec: StudySpec, dataset: str) -> Iterator[FrozenTrial]:
    """Yield a finished trial for each configuration of `records` that lies in the space of `spec`.

    Its values are the means over all its runs. It holds the records of those that a study on `dataset` would repeat,
    marked as earlier. One without values, of which such runs have diverged, has failed.
    """
    need(records, CONFIGURATION)
    for _, group in records.groupby(CONFIGURATION):
        rows = group.to_dict("records")
        params = params_of(rows[0], spec.search)
        if params is None:
            continue
        values = [value for value in trial_values(rows, spec) if value is not None]
        whole = len(values) == len(spec.optimise)
        known = {attribute(row[SEED]): row for row in _same_runs(rows, params, spec, dataset)}
        if whole or known:
            yield optuna.trial.create_trial(
                state=TrialState.COMPLETE if whole else TrialState.FAIL,
                params=params,
                distributions=distributions_of(spec.search, params["objective"]),
                values=values if whole else None,
                user_attrs=known,
            )


def _same_runs(
    rows: list[dict[Any, Any]], params: Mapping[str, Any], spec: StudySpec, dataset: str
) -> Iterator[Record]:
    for row in rows:
        seed = row.get(SEED)
        same = row.get(DATASET) == dataset and row.get("steps") == spec.training.steps
        if not same or not isinstance(seed, int | float) or seed < 0 or not float(seed).is_integer():
            continue
        candidate = candidate_from(params, spec, seed=int(seed))
        told = {key: value for key, value in row.items() if key not in NOT_TAKEN and not _is_missing(value)}
        own = {key: value for key, value in candidate.to_dict().items() if key in told}
        record = json_ready({STATUS: "complete"} | told | own | {EARLIER: True})
        record |= {key: int(record[key]) for key in WHOLE if key in record}  # which an empty cell has made a float
        if record.get(CANDIDATE) == candidate.id and is_settled(record) and not is_outdated(record):
            with contextlib.suppress(SelectdisError):  # of what is no record, the run is made
                yield checked_record(record, int(seed))


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)
