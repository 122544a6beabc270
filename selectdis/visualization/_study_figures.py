"""Figures of a study's records, and the tables that they show; used by ``study.plot`` and the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from selectdis import selection
from selectdis.errors import SelectdisError
from selectdis.records._labels import objective_label, score_label
from selectdis.visualization import _charts as charts
from selectdis.visualization._snapshot import StageSnapshot, StudySnapshot, stage_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "correlation_table",
    "strength_figure",
    "transfer_figure",
    "transfer_points",
    "variance_figure",
    "variance_table",
]


def strength_figure(stage: StageSnapshot, objective: str, score: str) -> Figure:
    """Draw the runs of `objective` on a stage at their strengths, by `score` or, without labels, by the criterion."""
    values, name = stage_scores(stage.records, score, stage.criterion)
    return charts.strength_seed(stage.records, values, objective, score_label(name))


def variance_figure(snapshot: StudySnapshot, dataset: str | None = None, title: str = "") -> Figure:
    """Draw what explains each score on a labelled data set (by default the first proxy)."""
    return charts.stacked_bars(variance_table(snapshot, dataset), title)


def transfer_figure(snapshot: StudySnapshot, target: StageSnapshot) -> Figure:
    """Draw configurations by their score on the proxies against the score (or the criterion) on `target`."""
    points, name = transfer_points(snapshot, target)
    groups = [objective_label(str(objective)) for objective in points["objective"]]
    labels = f"{score_label(snapshot.score)} on {snapshot.proxy_names}", f"{score_label(name)} on {target.name}"
    return charts.scatter(points["proxy"], points["target"], *labels, groups, target.picked_configuration)


def correlation_table(
    snapshot: StudySnapshot, of: Any, dataset: str | None = None, *, sampled: bool = False
) -> pd.DataFrame:
    """Return Spearman correlations over the runs of a labelled data set (by default the first proxy).

    Parameters
    ----------
    snapshot : StudySnapshot
        With the runs.
    of : {"metrics", "criteria"}
        What the columns are; metrics are in the rows.
    dataset : str, optional
        Its name.
    sampled : bool
        On sampled codes rather than on mean ones.

    Returns
    -------
    DataFrame

    Raises
    ------
    SelectdisError
        The data set has no labels.
    """
    tables = selection.rank_correlations(snapshot.records, of)
    dataset = dataset or snapshot.first_proxy
    if dataset not in tables:
        raise SelectdisError(f"{dataset!r} is not labelled: there is nothing to correlate with")
    table = tables[dataset]
    rows, columns = ([n for n in names if _is_kept(str(n), sampled)] for names in (table.index, table.columns))
    return table.loc[rows, columns].dropna(how="all").dropna(how="all", axis=1)


def _is_kept(name: str, sampled: bool) -> bool:
    return name.endswith(".sampled") == sampled and not name.startswith("downstream_efficiency")


def variance_table(snapshot: StudySnapshot, dataset: str | None = None) -> pd.DataFrame:
    """Return shares of the variance: adjusted for the number of groups: one row per score, and each sums to 1."""
    found = selection.variance_explained(snapshot.records, n_bootstrap=2)
    found = found[found["dataset"] == (dataset or snapshot.first_proxy)]
    found = found[found["score"].map(lambda name: _is_kept(str(name), False)).astype(bool)]
    shares = found.pivot(index="score", columns="source", values="adjusted").reindex(found["score"].drop_duplicates())
    if shares.empty or (shares := shares.dropna(subset="configuration")).empty:
        raise SelectdisError("a share of the variance needs configurations with two runs that have a score")
    # What a finer grouping adds may be less than nothing once it is adjusted for its number of groups.
    steps = shares[["objective", "objective + strength", "configuration"]].clip(0, 1).cummax(axis=1)
    parts = {
        "objective": steps["objective"],
        "strength": steps["objective + strength"] - steps["objective"],
        "other settings": steps["configuration"] - steps["objective + strength"],
        "seed": 1 - steps["configuration"],
    }
    table = pd.DataFrame(parts)
    return table.loc[:, [name for name in table if name in ("strength", "seed") or table[name].max() > 0.005]]


def transfer_points(snapshot: StudySnapshot, target: StageSnapshot) -> tuple[pd.DataFrame, str]:
    """Return the configurations that both the proxies and a target have.

    Parameters
    ----------
    snapshot : StudySnapshot
        With the runs on the proxies.
    target : StageSnapshot
        With those on the target.

    Returns
    -------
    points : DataFrame
        Index configuration; ``objective``, mean ``proxy`` and ``target`` scores.
    name : str
        What the target is judged by: the score where it has labels, the criterion otherwise.
    """
    proxies = snapshot.proxy_records
    on_proxy, _ = stage_scores(proxies, snapshot.score, "")
    on_target, name = stage_scores(target.records, snapshot.score, target.criterion)
    left = pd.Series(on_proxy).groupby(proxies["configuration"].to_numpy()).mean()
    right = pd.Series(on_target).groupby(target.records["configuration"].to_numpy()).mean()
    table = pd.DataFrame({"proxy": left, "target": right}).dropna()
    objectives = proxies.drop_duplicates("configuration").set_index("configuration")["objective"]
    return table.assign(objective=objectives.reindex(table.index)), name
