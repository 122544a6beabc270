"""Whether the ranks of runs have settled: scores on the way against those of the end."""

from __future__ import annotations

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import METRIC, metric_names
from selectdis.selection._scores import WIN_RATE, run_scores

__all__ = ["after_last_steps", "rank_stability"]


def after_last_steps(records: pd.DataFrame) -> np.ndarray:
    """Return (n_rows,) bool: no row of the same data set and candidate has more steps; all where steps are not told."""
    if not {"steps", "candidate", "dataset"} <= set(records):
        return np.ones(len(records), dtype=bool)
    last = records.groupby(["dataset", "candidate"], sort=False, observed=True)["steps"].transform("max")
    return (records["steps"].ge(last) | last.isna()).to_numpy()


def rank_stability(records: pd.DataFrame) -> pd.DataFrame:
    """Return how the ranks of runs after some steps agree with those after the last.

    Parameters
    ----------
    records : pandas.DataFrame
        One row per run and `steps`, as `Study.records_on_the_way`.

    Returns
    -------
    pandas.DataFrame
        One row per data set and `steps` before the last: the last ("of"), "runs" that have both, and Spearman's rank
        correlation, -1 to 1, of the win rate and of each metric; NaN with fewer than three runs, or where one of the
        two is constant. Empty where no run has two rows.

    Raises
    ------
    SelectdisError
        If `records` has no steps.
    """
    if not {"steps", "candidate", "dataset"} <= set(records):
        raise SelectdisError("ranks on the way need the columns dataset, candidate and steps: set evaluation.at")
    rows = []
    for dataset, own in records.groupby("dataset", sort=False):
        most = own["steps"].max()
        last = own[own["steps"] == most].drop_duplicates("candidate", keep="last")
        for steps, part in own[own["steps"] < most].groupby("steps"):
            part = part.drop_duplicates("candidate", keep="last").set_index("candidate")
            both = part.index.intersection(last["candidate"], sort=False)
            pair = part.loc[both].reset_index(), last.set_index("candidate").loc[both].reset_index()
            if len(both):
                about = {"dataset": dataset, "steps": int(steps), "of": int(most), "runs": len(both)}
                rows.append(about | _agreement(*pair))
    return pd.DataFrame(rows)


def _agreement(part: pd.DataFrame, last: pd.DataFrame) -> dict[str, float]:
    names = metric_names(last)
    columns = {name: METRIC + name for name in names if METRIC + name in part}
    found = {name: _spearman(part[column], last[column]) for name, column in columns.items()}
    try:
        win_rates = _spearman(pd.Series(run_scores(part)), pd.Series(run_scores(last)))
    except SelectdisError:  # no metric of disentanglement among them
        return found
    return {WIN_RATE: win_rates} | found


def _spearman(one: pd.Series, other: pd.Series) -> float:
    known = one.notna().to_numpy() & other.notna().to_numpy()
    ranks = one[known].rank(), other[known].rank()
    if known.sum() < 3 or any(rank.nunique() < 2 for rank in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])
