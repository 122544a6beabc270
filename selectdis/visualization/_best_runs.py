"""Which runs of a stage are worth a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from selectdis import selection
from selectdis.errors import SelectdisError

__all__ = ["best_runs"]


def best_runs(study: Any, stage_name: str, records: pd.DataFrame, n: int) -> list[str]:
    """The ids of the `n` best finished runs, best first.

    On the proxy by the study's score; on the target by its rule's criterion, since labels are not to be seen there.
    """
    finished = records[selection.pickable(records)]
    try:
        values = _values(study, stage_name, finished)
    except SelectdisError:  # no such score, such as a proxy of which every run failed
        values = np.zeros(len(finished))
    order = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")
    return [str(candidate) for candidate in finished["candidate"].to_numpy()[order[:n]]]


def _values(study: Any, stage_name: str, records: pd.DataFrame) -> np.ndarray:
    if stage_name == "proxy":
        return selection.run_scores(records, study.spec.select.score)
    return study.rule().run.fit(records)(records)
