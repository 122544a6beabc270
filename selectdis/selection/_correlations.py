"""Rank correlations: metrics with one another, with criteria, with downstream scores, and between data sets."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import scipy

from selectdis.errors import SelectdisError
from selectdis.records import (
    CONFIGURATION,
    DATASET,
    OBJECTIVE,
    SAMPLED,
    criterion_names,
    has_direction,
    labelled,
    metric_names,
    need,
    score_columns,
    score_name,
)
from selectdis.selection._scores import WIN_RATE, beats, percentiles, run_scores

__all__ = [
    "annealing_effect",
    "correlation_interval",
    "correlation_text",
    "dataset_transfer",
    "downstream_correlations",
    "mean_against_sampled",
    "rank_correlations",
]

POOLED = "pooled"


def correlation_interval(correlation: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return an interval for a rank correlation over `n` independent pairs (Fisher's z, Fieller et al. 1957)."""
    if n < 4 or np.isnan(correlation):
        return float("nan"), float("nan")
    z, half = (
        np.arctanh(np.clip(correlation, -0.9999, 0.9999)),
        scipy.stats.norm.ppf(0.5 + level / 2) * np.sqrt(1.06 / (n - 3)),
    )
    return float(np.tanh(z - half)), float(np.tanh(z + half))


def correlation_text(correlation: float, n: int) -> str:
    """Return ``0.62 [0.10, 0.87]``; a correlation of three pairs or fewer has no interval."""
    if np.isnan(correlation):
        return "-"
    low, high = correlation_interval(correlation, n)
    return f"{correlation:.2f} " + ("(too few to tell)" if np.isnan(low) else f"[{low:.2f}, {high:.2f}]")


def rank_correlations(
    records: pd.DataFrame, of: Literal["metrics", "criteria", "all"] = "metrics", *, min_runs: int = 3
) -> dict[str, pd.DataFrame]:
    """Return Spearman correlations over runs, for each labelled data set and ``"pooled"`` over all.

    Pooled means over the runs of all data sets, ranked within their own: what a data set's level is does not count.

    Parameters
    ----------
    records
        One row per run.
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
    metrics = metric_names(known)
    if of == "criteria" and not criterion_names(known):
        raise SelectdisError("the records hold no unsupervised score (a column criterion.<name>)")
    columns = score_columns(known)[: len(metrics) if of == "metrics" else None]
    values = known[columns].astype(float)
    ranks = pd.DataFrame(percentiles(values, known["dataset"]), columns=columns, index=known.index)
    groups = {str(name): ranks.loc[rows] for name, rows in known.groupby(DATASET, sort=False).groups.items()}
    tables = {name: part.corr(method="spearman", min_periods=min_runs) for name, part in groups.items()}
    tables[POOLED] = ranks.corr(method="pearson", min_periods=min_runs)  # they are ranks already
    if of == "all":
        return tables
    right = columns[: len(metrics)] if of == "metrics" else columns[len(metrics) :]
    tables = {name: table.loc[columns[: len(metrics)], right] for name, table in tables.items()}
    return {name: table.rename(index=score_name, columns=score_name) for name, table in tables.items()}


def dataset_transfer(records: pd.DataFrame, score: str = WIN_RATE) -> pd.DataFrame:
    """Return the Spearman correlation, over configurations, of their mean scores on each two data sets.

    Parameters
    ----------
    records
        One row per run.
    score
        ``"win_rate"`` or a metric.

    Returns
    -------
    DataFrame
        (data sets, data sets); NaN where two share fewer than three configurations.
    """
    known = labelled(records)
    scores = pd.Series(run_scores(known, score), index=known.index)
    means = scores.groupby([known[CONFIGURATION], known[DATASET]], observed=True).mean().unstack()
    return means[list(known[DATASET].unique())].corr(method="spearman", min_periods=3)


def mean_against_sampled(records: pd.DataFrame) -> pd.DataFrame:
    """Compare each score on mean codes with the same on sampled codes: rank correlation and mean difference.

    Parameters
    ----------
    records
        One row per run.

    Returns
    -------
    DataFrame
        ``dataset``, ``score``, ``spearman`` in [-1, 1], ``mean``, ``sampled`` (means over runs), ``difference`` =
        mean - sampled, ``runs``. Empty where no score was taken on sampled codes.
    """
    known = labelled(records)
    names = score_columns(known)
    pairs = [name for name in names if name + SAMPLED in names]
    rows = []
    for dataset, part in known.groupby(DATASET, sort=False):
        for name in pairs:
            both = part[[name, name + SAMPLED]].astype(float).dropna()
            mean, sampled = both[name].mean(), both[name + SAMPLED].mean()
            row = {"dataset": dataset, "score": name, "spearman": _spearman(both.iloc[:, 0], both.iloc[:, 1])}
            rows.append({**row, "mean": mean, "sampled": sampled, "difference": mean - sampled, "runs": len(both)})
    return pd.DataFrame(rows, columns=["dataset", "score", "spearman", "mean", "sampled", "difference", "runs"])


def downstream_correlations(records: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return metric x downstream score (accuracies at 10 to 10,000 labels, their ratios) as `rank_correlations` does.

    Parameters
    ----------
    records
        One row per run.

    Returns
    -------
    dict
        Data set -> table; empty where no downstream score was taken.
    """
    tables = rank_correlations(records)
    downstream = [name for name in tables[POOLED].columns if name.startswith("downstream")]
    if not downstream:
        return {}
    others = [name for name in tables[POOLED].columns if name not in downstream]
    return {name: table.loc[others, downstream] for name, table in tables.items()}


def annealing_effect(records: pd.DataFrame, *, annealed: str = "annealed_vae") -> pd.DataFrame:
    """Return the probability that a run with an annealed capacity beats a run of each other objective.

    Parameters
    ----------
    records
        One row per run.
    annealed
        The objective whose runs are annealed.

    Returns
    -------
    DataFrame
        ``dataset``, ``score`` (win rate, and each metric that says which way is better), ``against`` (an objective),
        ``p_beats`` in [0, 1] (ties one half; 0.5: no difference; Mann-Whitney U / (n m)), ``runs`` and
        ``opponents``. Empty without annealed runs.
    """
    need(records, OBJECTIVE)
    known = labelled(records)
    rows: list[dict] = []
    for dataset, part in known.groupby(DATASET, sort=False):
        kinds = [kind for kind in part[OBJECTIVE].unique() if kind != annealed]
        if len(kinds) == len(part[OBJECTIVE].unique()):
            continue
        for score in (WIN_RATE, *filter(has_direction, metric_names(part))):
            values = run_scores(part, score)
            mine = values[(part[OBJECTIVE] == annealed).to_numpy()]
            for kind in kinds:
                other = values[(part[OBJECTIVE] == kind).to_numpy()]
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
