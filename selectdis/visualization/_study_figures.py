"""Figures of a study's records, and the tables that they show; used by ``study.plot`` and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from selectdis import selection
from selectdis.errors import SelectdisError
from selectdis.records import configuration_labels, metric_names, objective_label, run_label, score_label
from selectdis.visualization import _bars as bars
from selectdis.visualization import _charts as charts
from selectdis.visualization._snapshot import StageSnapshot, StudySnapshot, stage_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "correlation_table",
    "curve_figure",
    "history_figure",
    "parallel_figure",
    "pareto_figure",
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
    return bars.stacked_bars(variance_table(snapshot, dataset), title)


def transfer_figure(snapshot: StudySnapshot, target: StageSnapshot) -> Figure:
    """Draw configurations by their score on the proxies against the score (or the criterion) on `target`."""
    points, name = transfer_points(snapshot, target)
    groups = [objective_label(str(objective)) for objective in points["objective"]]
    labels = f"{score_label(snapshot.score)} on {snapshot.proxy_names}", f"{score_label(name)} on {target.name}"
    names = configuration_labels(snapshot.records)
    return charts.scatter(points["proxy"], points["target"], *labels, groups, target.picked_configuration, names)


def parallel_figure(stage: StageSnapshot, score: str) -> Figure:
    """Draw parallel coordinates of the runs of a stage: what they were trained with, and how they scored."""
    records = stage.records
    values, name = stage_scores(records, score, stage.criterion)
    settings = ("objective", "architecture", "learning_rate", "latents", "strength", "seed")
    table = records[[c for c in settings if c in records and records[c].nunique() > 1]].copy()
    if "objective" in table:
        table["objective"] = table["objective"].map(objective_label)
    table[name] = values
    return charts.parallel(table, name)


def history_figure(stage: StageSnapshot, score: str) -> Figure:
    """Draw the configurations of a stage by the mean score of their seeds, in the order in which they were tried."""
    values, name = stage_scores(stage.records, score, stage.criterion)
    means = pd.Series(values).groupby(stage.records["configuration"].to_numpy(), sort=False).mean()
    return bars.history(means.to_numpy(), f"{score_label(name)} (mean over seeds)")


def pareto_figure(snapshot: StudySnapshot, stage: StageSnapshot, scores: tuple[str, str]) -> tuple[Figure, int, int]:
    """Draw the configurations of a stage by two scores, those on the front in a colour of their own.

    Returns
    -------
    figure : Figure
    front, all : int
        How many configurations are on the front, and how many there are.
    """
    table = selection.pareto(stage.records, scores).set_index("configuration")
    chosen = table.sort_values("front", ascending=False)
    groups = ["on the front" if front else "beaten in both" for front in chosen["front"]]
    x, y = (f"{score_label(name)}{' (nats, lower is better)' if name == 'reconstruction' else ''}" for name in scores)
    names = configuration_labels(snapshot.records)
    figure = charts.scatter(chosen[scores[0]], chosen[scores[1]], x, y, groups, labels=names)
    return figure, int(table["front"].sum()), len(table)


def curve_figure(
    stage: StageSnapshot, labels: Mapping[str, str], term: str, candidates: Sequence[str] | None = None
) -> Figure:
    """Draw training curves of runs of a stage, by default of the best, under the `labels` of their configurations."""
    series = {}
    for candidate in candidates or stage.best:
        run = stage.load_run(candidate)
        if run is not None and term in run.curves:
            series[run_label(stage.row(candidate), labels)] = (run.curves["step"], run.curves[term])
    if not series:
        raise SelectdisError(f"no run has a curve {term!r}")
    return charts.curves(series, f"{term} (nats per image)")


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


def _in_order(snapshot: StudySnapshot, found: pd.DataFrame) -> list[str]:
    """Return the scores of a table as the records have them: five labels before ten."""
    metrics = metric_names(snapshot.records)
    return sorted(found["score"].unique(), key=lambda name: metrics.index(name) if name in metrics else -1)


def variance_table(snapshot: StudySnapshot, dataset: str | None = None) -> pd.DataFrame:
    """Return shares of the variance: adjusted for the number of groups: one row per score, and each sums to 1."""
    found = selection.variance_explained(snapshot.records, n_bootstrap=2)
    found = found[found["dataset"] == (dataset or snapshot.first_proxy)]
    found = found[found["score"].map(lambda name: _is_kept(str(name), False)).astype(bool)]
    shares = found.pivot(index="score", columns="source", values="adjusted").reindex(_in_order(snapshot, found))
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
