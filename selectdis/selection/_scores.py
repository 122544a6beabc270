"""One number per run, higher is better: a metric, or the win rate over metrics within a data set."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError, warn_renamed
from selectdis.records import DATASET, METRIC, direction, metric_names, need

__all__ = [
    *("DISENTANGLEMENT", "WIN_RATE", "NothingToGoByError", "beats", "current_score_name", "percentiles"),
    *("run_scores", "score_metrics"),
]

# The six scores of Locatello et al. 2019; what "win_rate" averages where they are there.
DISENTANGLEMENT = ("beta_vae", "factor_vae", "mig", "dci_disentanglement", "modularity", "sap")
WIN_RATE = "win_rate"


class NothingToGoByError(SelectdisError):
    """What a rule goes by is not there on these data: a backtest leaves the data set out for this rule, and says so."""


def current_score_name(name: str) -> str:
    """Return what the score `name` is called today; a name of an earlier version works for one release, with a hint."""
    if name != "mean_rank":
        return name
    warn_renamed("the score mean_rank", WIN_RATE)
    return WIN_RATE


def beats(scores: np.ndarray) -> np.ndarray:
    """Return the probability that each run beats another run drawn at random from the same table; ties count one half.

    Parameters
    ----------
    scores
        (n_runs,) or (n_runs, n_scores). Higher is better. NaN: not in the draw, and NaN in the result.

    Returns
    -------
    Same shape, in [0, 1]: 1 for the best, 0 for the worst, 0.5 on average, and 0.5 for a run without opponents.
    """
    table = np.asarray(scores, dtype=float)
    shares = np.full(table.shape, np.nan)
    for values, found in zip(np.atleast_2d(table.T), np.atleast_2d(shares.T), strict=True):  # a score each
        known = ~np.isnan(values)
        here = values[known]
        ranks = np.sort(here)
        behind = (ranks.searchsorted(here, "left") + ranks.searchsorted(here, "right") - 1) / 2
        found[known] = behind / (len(here) - 1) if len(here) > 1 else 0.5
    return shares


def percentiles(values: pd.DataFrame | pd.Series, datasets: pd.Series | pd.Index) -> np.ndarray:
    """Return `beats` within each data set, (n_runs, ...): data sets with other scales can be pooled."""
    raw = values.to_numpy(dtype=float)
    shares = np.full(raw.shape, np.nan)
    codes, names = pd.factorize(datasets)
    for k in range(len(names)):
        shares[codes == k] = beats(raw[codes == k])
    return shares


def score_metrics(records: pd.DataFrame, score: str | Sequence[str]) -> list[str]:
    """Return the names of the metrics that `score` consists of.

    ``"win_rate"`` means the six of Locatello et al. 2019 as far as they are there, and otherwise every metric on mean
    codes; a sequence of names means the win rate over these; another string is a metric.
    """
    score = current_score_name(score) if isinstance(score, str) else score
    if score == WIN_RATE:
        usual = records[[METRIC + name for name in DISENTANGLEMENT if METRIC + name in records]]
        # Where there is none of them, all on mean codes and every label: neither .sampled nor .few100.
        chosen = metric_names(usual) or [name for name in metric_names(records) if "." not in name]
        if not chosen:
            raise SelectdisError("the records hold no supervised score (a column metric.<name>) to rank runs by")
        return chosen
    return [score] if isinstance(score, str) else list(score)


def run_scores(records: pd.DataFrame, score: str | Sequence[str] = WIN_RATE) -> np.ndarray:
    """Return the supervised score of each run.

    Parameters
    ----------
    records
        One row per run.
    score
        ``"win_rate"``, a metric, or several metrics to take the win rate over (see `score_metrics`).

    Returns
    -------
    (n_runs,) float
        Higher is better: a metric in its own unit (negated where lower is better); a win rate as the share of the
        runs of the same data set that a run beats, averaged over metrics, in [0, 1].

    Notes
    -----
    All runs of a data set are judged by the same metrics: those that at least half of its scored runs have. A run
    that lacks one of them has no win rate (NaN), is nobody's opponent, and cannot be the best by what is left to it.
    """
    score = current_score_name(score) if isinstance(score, str) else score
    names = score_metrics(records, score)
    need(records, *(METRIC + name for name in names))
    scores = records[[METRIC + name for name in names]].to_numpy(dtype=float) * [direction(name) for name in names]
    if isinstance(score, str) and score != WIN_RATE:
        return scores[:, 0]
    need(records, DATASET)
    codes, datasets = pd.factorize(records[DATASET])
    rates = np.full(len(scores), np.nan)
    for k in range(len(datasets)):
        here = np.flatnonzero(codes == k)
        rows, columns = _judged(np.isfinite(scores[here]))
        if rows.any():
            rates[here[rows]] = beats(scores[np.ix_(here[rows], columns)]).mean(axis=1)
    return rates


def _judged(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which runs of a data set are judged, and by which metrics, from what is known: (n_runs, n_metrics) bool."""
    counts = known.sum(axis=0)
    columns = np.flatnonzero((counts > 0) & (2 * counts >= known.any(axis=1).sum()))
    rows = known[:, columns].all(axis=1) & known.any(axis=1)
    if not rows.any():  # no run has them all: the metric that most have is left
        columns = np.array([counts.argmax()])
        rows = known[:, columns[0]]
    return np.asarray(rows), columns
