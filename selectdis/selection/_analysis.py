"""The tables of an analysis, in the order in which a reader wants them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from selectdis.records import (
    CONFIGURATION,
    DATASET,
    OBJECTIVE,
    criterion_names,
    each_run_once,
    labelled,
    labelled_datasets,
    score_name,
)
from selectdis.selection._correlations import (
    POOLED,
    annealing_effect,
    correlation_interval,
    correlation_text,
    dataset_transfer,
    downstream_correlations,
    mean_against_sampled,
    rank_correlations,
)
from selectdis.selection._scores import DISENTANGLEMENT, WIN_RATE, current_score_name, score_metrics
from selectdis.selection._stability import after_last_steps, rank_stability
from selectdis.selection._variance import SOURCES, variance_explained

__all__ = ["AnalysisTable", "analysis"]


@dataclass(frozen=True)
class AnalysisTable:
    """One table: `shown` is what fits a screen (numbers are texts), `whole` (tidy) is everything."""

    name: str
    title: str
    shown: pd.DataFrame
    whole: pd.DataFrame


def analysis(records: pd.DataFrame, score: str = WIN_RATE) -> list[AnalysisTable]:
    """Make all analyses that the records have the columns for.

    Parameters
    ----------
    records
        One row per run; at least one labelled data set. Rows of the same run after fewer steps, as in
        `Study.records_on_the_way`, are compared with those of its last ("steps") and left out of all else.
    score
        What variance and transfer between data sets are shown for: ``"win_rate"`` or a metric.

    Returns
    -------
    list of AnalysisTable
        In the order in which a reader wants them.

    Raises
    ------
    SelectdisError
        No labelled data set, or no such score.
    """
    whole_runs = after_last_steps(records)
    known, score = each_run_once(labelled(records[whole_runs])), current_score_name(score)
    score_metrics(known, score)
    tables = [_variance(known, score)] if OBJECTIVE in known else []
    tables.append(_matrices("metrics", "Rank correlation of metrics", rank_correlations(known), known))
    if criterion_names(known):
        found = rank_correlations(known, "criteria")
        tables.append(_matrices("criteria", "Rank correlation of metrics and criteria (raw directions)", found, known))
    if len(labelled_datasets(known)) > 1:
        transfer = dataset_transfer(known, score)
        n = known.groupby(CONFIGURATION, observed=True)[DATASET].nunique().gt(1).sum()
        title = f"Rank correlation between data sets, of the mean {score} of {n} configurations"
        shown = transfer.map(lambda r: correlation_text(r, n)).rename_axis(columns=None).reset_index()
        tables.append(AnalysisTable("datasets", title, shown, transfer.reset_index()))
    if downstream := downstream_correlations(known):
        tables.append(_matrices("downstream", "Rank correlation of metrics and downstream scores", downstream, known))
    tables.append(_sampled(known))
    if OBJECTIVE in known:
        tables.append(_annealing(known, score))
    if not whole_runs.all():
        tables.append(_steps(labelled(records), score))
    return [table for table in tables if not table.whole.empty]


def _variance(records: pd.DataFrame, score: str) -> AnalysisTable:
    whole = variance_explained(records)
    mine = whole[whole["score"] == score]
    numbers = mine[["adjusted", "adjusted_low", "adjusted_high"]].to_numpy()
    texts = ["-" if np.isnan(a) else f"{a:.2f} [{b:.2f}, {c:.2f}]" for a, b, c in numbers]
    shown = mine.assign(text=texts).pivot(index="dataset", columns="source", values="text")
    order = [source for source in SOURCES if source in shown and source != "configuration"]
    if not (mine.pivot(index="dataset", columns="source", values="groups").nunique(axis=1) <= 2).all():
        order = [source for source in SOURCES if source in shown]  # more than strength varies
    return AnalysisTable(
        "variance",
        f"Share of the variance of {score} explained, adjusted for the number of groups",
        shown[order].reset_index(),
        whole,
    )


def _sampled(records: pd.DataFrame) -> AnalysisTable:
    whole = mean_against_sampled(records)
    by_score = whole.assign(score=whole["score"].map(score_name)).groupby("score", sort=False)
    shown = by_score[["spearman", "mean", "sampled"]].mean()
    title = "Scores on mean against sampled codes (means over data sets)"
    return AnalysisTable("sampled", title, _texts(shown), whole)


def _annealing(records: pd.DataFrame, score: str) -> AnalysisTable:
    whole = annealing_effect(records)
    shown = whole[whole["score"] == score].pivot(index="dataset", columns="against", values="p_beats")
    return AnalysisTable("annealing", "P(an annealed run beats a run of ...)", _texts(shown), whole)


def _steps(records: pd.DataFrame, score: str) -> AnalysisTable:
    """On screen: one row per data set, one column per share of the steps, each with its interval."""
    whole = rank_stability(records)
    title = f"Spearman's rank correlation of runs after some of their steps with their last, by {score} "
    title += "[95%, were all runs independent]"
    if whole.empty:
        return AnalysisTable("steps", title, whole, whole)
    cells = whole.assign(
        after="after " + (whole["steps"] / whole["of"]).map("{:.3g}".format),
        text=[correlation_text(r, n) for r, n in zip(whole[score], whole["runs"], strict=True)],
    )
    index = ["dataset", "of", "runs"]
    shown = cells.pivot(index=index, columns="after", values="text").rename_axis(columns=None)
    return AnalysisTable("steps", title, shown.reset_index().rename(columns={"of": "steps"}), whole)


def _matrices(name: str, title: str, tables: dict[str, pd.DataFrame], records: pd.DataFrame) -> AnalysisTable:
    """On screen: pooled, against the six metrics of the literature if they are there; every data set in the file."""
    parts = [table.rename_axis("score").reset_index().assign(dataset=key) for key, table in tables.items()]
    pooled = tables[POOLED]
    pooled = pooled.loc[[i for i in pooled.index if "." not in i], [c for c in pooled.columns if "." not in c]]
    across = [metric for metric in DISENTANGLEMENT if metric in pooled.index]
    shown = pooled.T[across] if across else pooled.T
    shown = shown.rename(columns={"dci_disentanglement": "dci"}).rename_axis("score")
    n, datasets = len(records), len(tables) - 1
    sizes = {**records.groupby(DATASET, observed=True).size().to_dict(), POOLED: n}
    whole = pd.concat(parts, ignore_index=True)
    where = f"pooled over {datasets} data sets" if datasets > 1 else labelled_datasets(records)[0]
    half = correlation_interval(0.0, n)[1]
    chance = f" (by chance within ±{half:.2f}, were all runs independent)" if np.isfinite(half) else ""
    title = f"{title}: {where}, {n} {'run' if n == 1 else 'runs'}{chance}"
    return AnalysisTable(name, title, _texts(shown), whole.assign(runs=whole["dataset"].map(sizes)))


def _texts(table: pd.DataFrame) -> pd.DataFrame:
    return table.map(lambda value: "-" if pd.isna(value) else f"{value:.2f}").rename_axis(columns=None).reset_index()
