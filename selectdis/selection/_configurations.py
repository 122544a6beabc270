"""Choosing configurations on labelled proxies: a statistic over seeds of a supervised score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from selectdis.records import CONFIGURATION, DATASET, need, score_label
from selectdis.selection._scores import WIN_RATE, NothingToGoByError, current_score_name, percentiles, run_scores

__all__ = ["ConfigurationScore", "by_lcb", "by_mean", "by_median", "by_win_rate", "seed_statistics"]


@dataclass(frozen=True, repr=False)
class ConfigurationScore:
    """A statistic over seeds of a score; made by `by_mean`, `by_median`, `by_lcb` and `by_win_rate`."""

    statistic: Literal["mean", "median", "lcb"] = "mean"
    score: str | tuple[str, ...] = WIN_RATE
    z: float = 1.0

    def __repr__(self) -> str:
        if self.statistic == "mean" and (self.score == WIN_RATE or not isinstance(self.score, str)):
            return "by_win_rate()" if self.score == WIN_RATE else f"by_win_rate({list(self.score)})"
        bound = f", z={self.z:g}" if self.statistic == "lcb" and self.z != 1 else ""
        return f"by_{self.statistic}({self.score!r}{bound})"

    @property
    def label(self) -> str:
        """As `parse_rule` reads it: ``mig``, ``lcb:win_rate``, ``mig+sap`` (the win rate over both)."""
        score = self.score if isinstance(self.score, str) else "+".join(self.score)
        bound = f"{self.z:g}" if self.statistic == "lcb" and self.z != 1 else ""
        return score if self.statistic == "mean" else f"{self.statistic}{bound}:{score}"

    @property
    def goes_by(self) -> str:
        score = self.score
        told = score_label(score) if isinstance(score, str) else f"win rate over {', '.join(map(score_label, score))}"
        return {"mean": "", "median": "the median of ", "lcb": "the lower bound of "}[self.statistic] + told

    def scores(self, proxies: pd.DataFrame) -> pd.Series:
        """Return configurations, best first, with the share of the others that they beat on the proxies, in [0, 1].

        The share is taken within each proxy and averaged over the proxies that have the configuration, so that a
        proxy with large scores does not outvote the others. Runs without the score are left out.
        """
        need(proxies, CONFIGURATION, DATASET)
        table = seed_statistics(proxies, run_scores(proxies, self.score), by=[DATASET, CONFIGURATION], z=self.z)
        if table.empty:
            raise NothingToGoByError(f"no finished run on a proxy has the score of {self!r}: the proxy needs labels")
        values = table[self.statistic]
        shares = pd.Series(percentiles(values, values.index.get_level_values(DATASET)), index=values.index)
        return shares.groupby(level=CONFIGURATION, observed=True).mean().sort_values(ascending=False, kind="stable")


def seed_statistics(records: pd.DataFrame, scores: np.ndarray, *, by: list[str], z: float = 1.0) -> pd.DataFrame:
    """Count, mean, median, standard deviation and lower confidence bound of `scores` in each group of `by`.

    ``lcb`` is mean - z sd / sqrt(n). A group of one run gets the root of the mean variance of the other groups as its
    standard deviation (one seed says nothing of its own spread), and 0 where no group has two runs.
    """
    known = np.isfinite(scores)
    groups = pd.Series(scores[known]).groupby([records[column].to_numpy()[known] for column in by], observed=True)
    columns = {"seeds": groups.size(), "mean": groups.mean(), "median": groups.median(), "sd": groups.std()}
    table = pd.DataFrame(columns).rename_axis(index=by)
    pooled = np.sqrt((table["sd"] ** 2).mean())
    spread = table["sd"].fillna(pooled if np.isfinite(pooled) else 0.0)
    table["lcb"] = table["mean"] - z * spread / np.sqrt(table["seeds"])
    return table


def _frozen(score: str | Sequence[str]) -> str | tuple[str, ...]:
    return current_score_name(score) if isinstance(score, str) else tuple(score)


def by_mean(score: str | Sequence[str] = WIN_RATE) -> ConfigurationScore:
    """Rank configurations by the mean over seeds of a metric, or of the win rate over several."""
    return ConfigurationScore("mean", _frozen(score))


def by_median(score: str | Sequence[str] = WIN_RATE) -> ConfigurationScore:
    """Rank configurations by the median over seeds of a metric, or of the win rate over several."""
    return ConfigurationScore("median", _frozen(score))


def by_lcb(score: str | Sequence[str] = WIN_RATE, z: float = 1.0) -> ConfigurationScore:
    """Rank configurations by mean - z sd / sqrt(seeds) of a metric: a high mean that few seeds support counts less."""
    return ConfigurationScore("lcb", _frozen(score), z)


def by_win_rate(metrics: Sequence[str] | None = None) -> ConfigurationScore:
    """Rank configurations by the mean over seeds of a run's win rate over `metrics` (default: see `score_metrics`)."""
    return ConfigurationScore("mean", WIN_RATE if metrics is None else tuple(metrics))
