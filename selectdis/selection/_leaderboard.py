"""Configurations or runs, best first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import (
    CANDIDATE,
    CONFIGURATION,
    CRITERION,
    DATASET,
    METRIC,
    SEED,
    check_records,
    criterion_names,
    direction,
    metric_names,
    need,
    pickable,
    score_columns,
)
from selectdis.selection._configurations import seed_statistics
from selectdis.selection._scores import WIN_RATE, current_score_name, run_scores

__all__ = ["leaderboard", "pareto"]

_DEFAULT_CRITERIA = ("udr_lasso", "udr_spearman", "model_centrality", "elbo")


def leaderboard(
    records: pd.DataFrame,
    by: Literal["configuration", "run"] = "configuration",
    *,
    score: str | Sequence[str] = WIN_RATE,
    criterion: str | None = None,
    order: Literal["mean", "median", "lcb"] = "mean",
    z: float = 1.0,
) -> pd.DataFrame:
    """Rank the configurations or runs of each data set, best first.

    Parameters
    ----------
    records
        One row per run. Diverged and failed runs are left out.
    by
        ``"configuration"`` (over its seeds) or ``"run"``.
    score
        ``"win_rate"``, a metric, or several metrics to take the win rate over; or a criterion, which then ranks
        every data set.
    criterion
        What data sets without labels are ranked by; default: UDR where it is there.
    order
        With ``by="configuration"``: the statistic over seeds that ranks.
    z
        ``lcb`` is mean - z sd / sqrt(seeds).

    Returns
    -------
    DataFrame
        ``dataset``, ``rank`` (1: best), ``ranked_by`` (the score, or on unlabelled data the criterion), then the run's
        identity and ``score``, or ``configuration``, ``seeds``, ``mean``, ``median``, ``sd``, ``lcb`` and each
        metric's and criterion's mean. Higher is better in all but the raw metrics and criteria. Runs without a score
        come last.

    Raises
    ------
    SelectdisError
        No such score or criterion, or another `by`.
    """
    if by not in ("configuration", "run"):
        raise SelectdisError(f"a leaderboard is by 'configuration' or by 'run', not {by!r}")
    need(records, DATASET, CONFIGURATION)
    records = check_records(records)
    score = current_score_name(score) if isinstance(score, str) else score
    records = records[pickable(records)].reset_index(drop=True)
    scores, ranked_by = _ranked_by(records, score, criterion)
    board = _runs(records, scores, ranked_by) if by == "run" else _configurations(records, scores, ranked_by, z)
    column = "score" if by == "run" else order
    board = board.sort_values(column, ascending=False, na_position="last", kind="stable")
    places = pd.Categorical(board[DATASET], categories=records[DATASET].unique())
    board = board.iloc[np.argsort(places.codes, kind="stable")].reset_index(drop=True)
    board.insert(1, "rank", board.groupby(DATASET, sort=False).cumcount() + 1)
    return board


def pareto(records: pd.DataFrame, scores: Sequence[str] = (WIN_RATE, "reconstruction")) -> pd.DataFrame:
    """Say which configurations are on the Pareto front: none is as good in all scores and better in one.

    Parameters
    ----------
    records
        One row per run. Diverged and failed runs are left out.
    scores
        Two or more of ``"win_rate"``, metrics and criteria; each is taken in its better direction, as a mean over
        seeds.

    Returns
    -------
    DataFrame
        One row per configuration that has all scores, best first by the first of them: ``dataset``, ``rank``,
        ``configuration``, ``seeds``, a column per score (raw: reconstruction is better when low) and ``front`` (bool).

    Raises
    ------
    SelectdisError
        Fewer than two scores, or one that the records do not have.
    """
    if len(set(scores)) < 2:
        raise SelectdisError(f"a Pareto front is of two scores or more, found {', '.join(scores) or 'none'}")
    board = leaderboard(records, score=scores[0])
    for score in scores:
        board[score] = _means(records, board, score)
    board = board.dropna(subset=list(scores)).reset_index(drop=True)
    better = board[list(scores)].to_numpy(dtype=float) * [1 if s == WIN_RATE else direction(s) for s in scores]
    beaten = (better[:, None] <= better[None]).all(axis=2) & (better[:, None] < better[None]).any(axis=2)
    same = board[DATASET].to_numpy()[:, None] == board[DATASET].to_numpy()[None]
    columns = [DATASET, "rank", CONFIGURATION, "seeds", *scores]
    return board[columns].assign(front=~(beaten & same).any(axis=1))


def _means(records: pd.DataFrame, board: pd.DataFrame, score: str) -> np.ndarray:
    """(n_configurations,): the means of a score over seeds, in the order of `board`."""
    if score != WIN_RATE:
        held = [prefix + score for prefix in (METRIC, CRITERION) if prefix + score in board]
        need(board, *(held or [METRIC + score]))
        return board[held[0]].to_numpy(dtype=float)
    rates = leaderboard(records).set_index([DATASET, CONFIGURATION])["mean"]
    return rates.reindex(pd.MultiIndex.from_frame(board[[DATASET, CONFIGURATION]])).to_numpy(dtype=float)


def _ranked_by(
    records: pd.DataFrame, score: str | Sequence[str], criterion: str | None
) -> tuple[np.ndarray, pd.Series]:
    """Return each run's score where its data set has labels, otherwise its criterion; and the name of which."""
    if isinstance(score, str) and METRIC + score not in records and CRITERION + score in records:
        return direction(score) * records[CRITERION + score].to_numpy(dtype=float), pd.Series(
            score, index=records.index
        )
    names = [METRIC + name for name in metric_names(records)]
    has_labels = records[names].notna().any(axis=1).groupby(records[DATASET]).transform("any").to_numpy(dtype=bool)
    scores, label = np.full(len(records), np.nan), np.full(len(records), "", dtype=object)
    if has_labels.any():
        scores[has_labels] = run_scores(records[has_labels], score)
        label[has_labels] = score if isinstance(score, str) else "win rate of " + ", ".join(score)
    if not has_labels.all():
        name = criterion or _default_criterion(records[~has_labels])
        need(records, CRITERION + name)
        scores[~has_labels] = direction(name) * records.loc[~has_labels, CRITERION + name].to_numpy(dtype=float)
        label[~has_labels] = name
    return scores, pd.Series(label, index=records.index)


def _default_criterion(records: pd.DataFrame) -> str:
    there = criterion_names(records)
    for name in (*_DEFAULT_CRITERIA, *there):
        if name in there:
            return name
    raise SelectdisError("an unlabelled data set has neither metrics nor criteria: there is nothing to rank runs by")


def _runs(records: pd.DataFrame, scores: np.ndarray, ranked_by: pd.Series) -> pd.DataFrame:
    identity = [name for name in (CANDIDATE, CONFIGURATION, SEED) if name in records]
    board = records[[DATASET, *identity, *score_columns(records)]].copy()
    board.insert(1, "ranked_by", ranked_by)
    board.insert(2 + len(identity), "score", scores)
    return board


def _configurations(records: pd.DataFrame, scores: np.ndarray, ranked_by: pd.Series, z: float) -> pd.DataFrame:
    keys = [DATASET, CONFIGURATION]
    table = seed_statistics(records, scores, by=keys, z=z)
    groups = records.groupby(keys, sort=False, observed=True)
    means = groups[score_columns(records)].mean()
    means.insert(0, "ranked_by", ranked_by.groupby([records[key] for key in keys], sort=False).first())
    means.insert(1, "seeds", groups.size())
    return means.join(table[["mean", "median", "sd", "lcb"]]).pipe(_statistics_first).reset_index()


def _statistics_first(table: pd.DataFrame) -> pd.DataFrame:
    first = ["ranked_by", "seeds", "mean", "median", "sd", "lcb"]
    return table[first + [column for column in table.columns if column not in first]]
