"""Backtest of labels: each labelled data set plays the target, of which a few images are labelled."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from selectdis._arrays import DegenerateWarning
from selectdis._progress import progress_bar
from selectdis.errors import SelectdisError, whole_number
from selectdis.metrics._latent_share import On, latent_shares
from selectdis.records import families
from selectdis.selection._intervals import (
    group_resamples,
    hierarchical_variance,
    prediction_range,
    probability_interval,
)
from selectdis.selection._scores import WIN_RATE, beats, run_scores
from selectdis.selection.few_labels._draws import Drawn, LabelDraw
from selectdis.selection.few_labels._probe_codes import ProbeCodes

__all__ = ["LabelBacktest", "Scorer", "backtest_labels", "by_latent_share"]

# From codes (n_runs, n_labels, n_latents), their labels and which factors have an order to (n_runs,), higher is better.
Scorer = Callable[[np.ndarray, np.ndarray, Any], np.ndarray]
TENTH = 0.1


def by_latent_share(codes: np.ndarray, labels: np.ndarray, ordered: Any, *, on: On = "both") -> np.ndarray:
    """Score runs as `selectdis label` does."""
    return latent_shares(codes, labels, ordered=ordered, on=on, n_permutations=50)


@dataclass(frozen=True, repr=False)
class LabelBacktest:
    """What a pick by a few labels is worth.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per number of labels: `p_beats_random`, the probability that the pick beats another run of the data set
        by the score with all labels (ties count one half), the mean over families, with its interval `p_low`,
        `p_high`; `next_low`, `next_high`: between which it is expected on one more data set; `lowest` of the data sets;
        `top_tenth`: how often the pick was among the best tenth of the runs; `families`.
    by_dataset : pandas.DataFrame
        One row per data set and number of labels.
    draws : pandas.DataFrame
        One row per data set, number of labels and draw of images.
    level : float
        Of the intervals.
    """

    table: pd.DataFrame
    by_dataset: pd.DataFrame
    draws: pd.DataFrame
    level: float

    def __repr__(self) -> str:
        return self.shown.to_string(index=False)

    @property
    def shown(self) -> pd.DataFrame:
        """`table` for a screen: [low, high] is an interval of the mean, "low to high" the range of single picks."""
        t = self.table
        means = t[["p_beats_random", "p_low", "p_high"]].to_numpy()
        return pd.DataFrame(
            {
                "labels": t["labels"],
                "beats random": [f"{a:.2f} [{b:.2f}, {c:.2f}]" for a, b, c in means],
                "one more set": [f"{a:.2f} to {b:.2f}" for a, b in t[["next_low", "next_high"]].to_numpy()],
                "lowest": t["lowest"].round(2),
                "in the best tenth": [f"{share:.0%}" for share in t["top_tenth"]],
            }
        )


def backtest_labels(
    sets: Sequence[ProbeCodes],
    labels: Sequence[int] = (5, 10, 20),
    *,
    how: LabelDraw | None = None,
    score: str | Sequence[str] = WIN_RATE,
    scorer: Scorer = by_latent_share,
    n_draws: int = 25,
    level: float = 0.95,
    seed: int = 0,
) -> LabelBacktest:
    """Pick runs by a few labels on data sets that have all, and judge the picks with all.

    Nothing is fitted, so that no data set learns from another; intervals are over families of data sets, and take in
    which images are labelled and, by a bootstrap, which seeds were trained.

    Parameters
    ----------
    sets : sequence of ProbeCodes
        The data sets.
    labels : sequence of int
        How many images are labelled.
    how : LabelDraw, optional
        Which images, factors and runs; by default random images, all factors, all runs, no label wrong.
    score : str or sequence of str
        What picks are judged by: ``"win_rate"``, a metric, or several.
    scorer : callable
        What runs are picked by; by default `selectdis.metrics.latent_share`.
    n_draws : int
        Draws of images for each number of labels.
    level : float
        Of the intervals, which are those of `selectdis.selection.backtest`.
    seed : int
        Of all draws.

    Raises
    ------
    SelectdisError
        On no data set, or one with fewer than two judged runs.
    """
    if not sets:
        raise SelectdisError("a backtest of labels needs the probe codes of a labelled data set; found none")
    how, n_draws = how or LabelDraw(), whole_number("n_draws", n_draws, 1)
    rows: list[dict[str, Any]] = []
    with progress_bar("data sets") as show:
        for done, probe in enumerate(sets):
            show("labels", done, len(sets))
            rows += _on_one(probe, labels, how, score, scorer, n_draws, seed)
    draws = pd.DataFrame(rows)
    draws["family"] = families(draws)
    by = ["labels", "family", "dataset"]
    by_dataset = draws.groupby(by, sort=False)[["p", "top_tenth"]].mean().reset_index()
    by_dataset["runs"] = by_dataset["dataset"].map(dict(zip(draws["dataset"], draws["runs"], strict=True)))
    table = pd.DataFrame([_row(number, draws, by_dataset, level, seed) for number in labels])
    return LabelBacktest(table, by_dataset, draws.drop(columns="replicate"), level)


def _on_one(
    probe: ProbeCodes,
    labels: Sequence[int],
    how: LabelDraw,
    score: str | Sequence[str],
    scorer: Scorer,
    n_draws: int,
    seed: int,
) -> list[dict[str, Any]]:
    truth = run_scores(probe.records, score)
    judged = np.flatnonzero(np.isfinite(truth) & np.isfinite(probe.codes).all(axis=(1, 2)))
    if len(judged) < 2:
        raise SelectdisError(f"{probe.dataset} has {len(judged)} judged runs: there is nothing to choose between")
    probe = ProbeCodes(probe.codes[judged], probe.factors, probe.records.iloc[judged], probe.ordered)
    truth, rows = truth[judged], []
    for number in labels:
        for draw in range(n_draws):
            rng = np.random.default_rng([seed, number, draw])
            drawn = how.draw(probe, number, rng)
            given = _scores(probe, drawn, scorer)
            again = group_resamples(pd.factorize(probe.configurations[drawn.runs])[0], 1, rng)[0]
            everything = group_resamples(probe.configurations, 1, rng)[0]
            p, top = _worth(given, drawn.runs, truth, truth)
            replicate, _ = _worth(given[again], drawn.runs[again], truth, truth[everything])
            rows.append(
                {"dataset": probe.dataset, "family": probe.family, "labels": number, "draw": draw}
                | {"p": p, "top_tenth": top, "replicate": replicate, "runs": len(drawn.runs)}
            )
    return rows


def _scores(probe: ProbeCodes, drawn: Drawn, scorer: Scorer) -> np.ndarray:
    ordered = probe.ordered if isinstance(probe.ordered, bool) else [probe.ordered[k] for k in drawn.factors]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)  # factors that do not vary among so few
        return scorer(probe.codes[np.ix_(drawn.runs, drawn.images)], drawn.labels, ordered)


def _worth(given: np.ndarray, runs: np.ndarray, truth: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Return how many of `others` the pick beats, and whether it is among their best tenth; tied picks share."""
    best = runs[given >= np.nanmax(given) - 1e-9]
    if others is truth:
        shares = beats(truth)[best]
    else:
        shares = np.array([((others < one).mean() + (others <= one).mean()) / 2 for one in truth[best]])
    # The best tenth of N runs are the max(N // 10, 1) best ones.
    least = np.sort(others)[-max(int(TENTH * len(others)), 1)]
    return float(shares.mean()), float((truth[best] >= least).mean())


def _row(number: int, draws: pd.DataFrame, by_dataset: pd.DataFrame, level: float, seed: int) -> dict[str, Any]:
    here, sets = draws[draws["labels"] == number], by_dataset[by_dataset["labels"] == number]
    families = sets.groupby("family", sort=False)[["p", "top_tenth"]].mean()
    values = families["p"].to_numpy()
    replicates = here.groupby(["family", "draw"], sort=False)["replicate"].mean().unstack().to_numpy()
    variance = hierarchical_variance(replicates, np.random.default_rng([seed, number]))
    low, high = probability_interval(values, bootstrap_variance=variance, level=level)
    single = float(np.var(sets["p"], ddof=1)) if len(sets) > 1 else 0.0
    next_low, next_high = prediction_range(values, variance=single, level=level)
    return {
        "labels": number,
        "p_beats_random": values.mean(),
        "p_low": low,
        "p_high": high,
        "next_low": next_low,
        "next_high": next_high,
        "lowest": sets["p"].min(),
        "top_tenth": families["top_tenth"].mean(),
        "families": len(families),
    }
