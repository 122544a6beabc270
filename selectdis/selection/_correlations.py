"""Rank correlations: metrics with one another, with criteria, with downstream scores, and between data sets."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records._tables import (
    CRITERION,
    METRIC,
    criterion_names,
    labelled,
    metric_names,
    need,
)
from selectdis.selection._scores import WIN_RATE, beats, percentiles, run_scores

__all__ = [
    "annealing_effect",
    "dataset_transfer",
    "downstream_correlations",
    "mean_against_sampled",
    "rank_correlations",
]

POOLED = "pooled"
_SAMPLED = ".sampled"


def rank_correlations(
    records: pd.DataFrame, of: Literal["metrics", "criteria", "all"] = "metrics", *, min_runs: int = 3
) -> dict[str, pd.DataFrame]:
    """Spearman correlations over runs, for each labelled data set and ``"pooled"`` over all.

    Pooled means over the runs of all data sets, ranked within their own: what a data set's level is does not count.

    Parameters
    ----------
    records
        One row a run.
    of
        ``"metrics"``: metric x metric; ``"criteria"``: metric x criterion; ``"all"``: every score x every score.
    min_runs
        Fewer runs that have both scores give NaN, and so does a score that does not vary.

    Returns
    -------
    dict
        Data set -> table in [-1, 1]. Raw directions: a good criterion where lower is better has a negative one.
    """
    known = labelled(records)
    metrics, criteria = metric_names(known), criterion_names(known)
    if of == "criteria" and not criteria:
        raise SelectdisError("the records hold no unsupervised score (a column criterion.<name>)")
    columns = [METRIC + m for m in metrics] + ([CRITERION + c for c in criteria] if of != "metrics" else [])
    values = known[columns].astype(float)
    ranks = pd.DataFrame(percentiles(values, known["dataset"]), columns=columns, index=known.index)
    groups = {str(name): ranks.loc[rows] for name, rows in known.groupby("dataset", sort=False).groups.items()}
    tables = {name: part.corr(method="spearman", min_periods=min_runs) for name, part in groups.items()}
    tables[POOLED] = ranks.corr(method="pearson", min_periods=min_runs)  # they are ranks already
    if of == "all":
        return tables
    right = columns[: len(metrics)] if of == "metrics" else columns[len(metrics) :]
    return {name: _plain(table.loc[columns[: len(metrics)], right]) for name, table in tables.items()}


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    def short(name: str) -> str:
        return name.removeprefix(METRIC).removeprefix(CRITERION)

    return table.rename(index=short, columns=short)


def dataset_transfer(records: pd.DataFrame, score: str = WIN_RATE) -> pd.DataFrame:
    """Spearman correlation, over configurations, of their mean scores on two data sets: (data sets, data sets).

    NaN where two data sets share fewer than three configurations.
    """
    known = labelled(records)
    scores = pd.Series(run_scores(known, score), index=known.index)
    means = scores.groupby([known["configuration"], known["dataset"]], observed=True).mean().unstack()
    return means[list(known["dataset"].unique())].corr(method="spearman", min_periods=3)


def mean_against_sampled(records: pd.DataFrame) -> pd.DataFrame:
    """Each score on mean codes against the same on sampled codes: rank correlation and mean difference.

    Returns
    -------
    DataFrame
        ``dataset``, ``score``, ``spearman`` in [-1, 1], ``mean``, ``sampled`` (means over runs), ``difference`` =
        mean - sampled, ``runs``. Empty where no score was taken on sampled codes.
    """
    known = labelled(records)
    names = [METRIC + m for m in metric_names(known)] + [CRITERION + c for c in criterion_names(known)]
    pairs = [name for name in names if name + _SAMPLED in names]
    rows = []
    for dataset, part in known.groupby("dataset", sort=False):
        for name in pairs:
            both = part[[name, name + _SAMPLED]].astype(float).dropna()
            mean, sampled = both[name].mean(), both[name + _SAMPLED].mean()
            row = {"dataset": dataset, "score": name, "spearman": _spearman(both.iloc[:, 0], both.iloc[:, 1])}
            rows.append({**row, "mean": mean, "sampled": sampled, "difference": mean - sampled, "runs": len(both)})
    return pd.DataFrame(rows, columns=["dataset", "score", "spearman", "mean", "sampled", "difference", "runs"])


def downstream_correlations(records: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Metric x downstream score (accuracies at 10 to 10,000 labels and their ratios): as `rank_correlations`.

    Empty where no downstream score was taken.
    """
    tables = rank_correlations(records)
    downstream = [name for name in tables[POOLED].columns if name.startswith("downstream")]
    if not downstream:
        return {}
    others = [name for name in tables[POOLED].columns if name not in downstream]
    return {name: table.loc[others, downstream] for name, table in tables.items()}


def annealing_effect(records: pd.DataFrame, *, annealed: str = "annealed_vae") -> pd.DataFrame:
    """Does an annealed capacity help? Probability that an annealed run beats a run of each other objective.

    Returns
    -------
    DataFrame
        ``dataset``, ``score`` (win rate and each metric), ``against`` (an objective), ``p_beats`` in [0, 1] (ties one
        half; 0.5: no difference; Mann-Whitney U / (n m)), ``runs`` and ``opponents``. Empty without annealed runs.
    """
    need(records, "objective")
    known = labelled(records)
    rows: list[dict] = []
    for dataset, part in known.groupby("dataset", sort=False):
        kinds = [kind for kind in part["objective"].unique() if kind != annealed]
        if len(kinds) == len(part["objective"].unique()):
            continue
        for score in (WIN_RATE, *metric_names(part)):
            values = run_scores(part, score)
            mine = values[(part["objective"] == annealed).to_numpy()]
            for kind in kinds:
                other = values[(part["objective"] == kind).to_numpy()]
                rows.append({"dataset": dataset, "score": score, "against": kind, **_duel(mine, other)})
    return pd.DataFrame(rows, columns=["dataset", "score", "against", "p_beats", "runs", "opponents"])


def _duel(mine: np.ndarray, other: np.ndarray) -> dict:
    mine, other = mine[np.isfinite(mine)], other[np.isfinite(other)]
    n, m = len(mine), len(other)
    if n and m:
        ranks = beats(np.concatenate([mine, other]))[:n] * (n + m - 1)  # opponents beaten, of both kinds
        p = (ranks.sum() - n * (n - 1) / 2) / (n * m)
    else:
        p = np.nan
    return {"p_beats": p, "runs": n, "opponents": m}


def _spearman(a: pd.Series, b: pd.Series) -> float:
    if len(a) < 3 or a.nunique() < 2 or b.nunique() < 2:
        return float("nan")
    return float(a.rank().corr(b.rank()))
