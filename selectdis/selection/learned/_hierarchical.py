"""The hierarchical rule: what a configuration is worth elsewhere, and what a criterion tells among its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selectdis.records import CONFIGURATION, CRITERION, DATASET, criterion_names, direction, need
from selectdis.selection._run_choosers import RunScores
from selectdis.selection._scores import WIN_RATE, NothingToGoByError, current_score_name, percentiles, run_scores

__all__ = ["Hierarchical", "hierarchical"]

AGREEMENT = ("udr_lasso_pool", "udr_spearman_pool", "model_centrality")  # how much a run agrees with all others
_MIDDLE = 0.5  # the share of the others that a run beats of which nothing is known


@dataclass(frozen=True, repr=False)
class Hierarchical:
    """A configuration's effect, shrunk, plus a weighted criterion among its seeds; see `hierarchical`."""

    criteria: tuple[str, ...] = AGREEMENT
    score: str = WIN_RATE
    target_columns: tuple[str, ...] = ()

    words = "the one with the best score as its settings elsewhere and its agreement with the other runs promise it"

    def __repr__(self) -> str:
        given = [] if self.criteria == AGREEMENT else [f"criteria={list(self.criteria)}"]
        given += [] if self.score == WIN_RATE else [f"score={self.score!r}"]
        return f"hierarchical({', '.join(given)})"

    @property
    def label(self) -> str:
        return "hierarchical" + ("" if self.criteria == AGREEMENT else f":{'+'.join(self.criteria)}")

    def fit(self, proxies: pd.DataFrame) -> RunScores:
        """Learn effects and weight on the proxies; the result adds them up for the target's runs."""
        need(proxies, DATASET, CONFIGURATION)
        supervised = run_scores(proxies, self.score)
        known = np.isfinite(supervised)
        if not known.any():
            raise NothingToGoByError(f"no finished run on a proxy has the score of {self!r}: the proxy needs labels")
        proxies = proxies[known]
        shares = percentiles(pd.Series(supervised[known]), proxies[DATASET].reset_index(drop=True))
        effects = _effects(proxies, shares)
        names = [name for name in self.criteria if name in criterion_names(proxies)]
        weight = _weight(proxies, shares, _agreement(proxies, names)) if names else 0.0

        def scores(target: pd.DataFrame) -> np.ndarray:
            own = target[CONFIGURATION].map(effects).fillna(0.0).to_numpy(dtype=float)
            there = [name for name in names if name in criterion_names(target)]
            return _MIDDLE + own + (weight * _agreement(target, there) if there else 0.0)

        return scores


def hierarchical(criteria: Sequence[str] = AGREEMENT, *, score: str = WIN_RATE) -> Hierarchical:
    """Choose the run that a random-effects model expects most of.

    The share of the runs of its data set that a run beats is taken as 1/2 + a_c + w x. The effect a_c of its
    configuration is the mean over the proxies, times tau^2 / (tau^2 + v / D): tau^2 is the variance of what
    configurations have in common on all data sets, v that of what they have on one alone, seeds included, and D how
    many proxies have the configuration (moments; with one proxy half of what is not the seeds' counts as common). x is
    the mean over `criteria` of the share of its data set's runs that a run beats, less the mean of its configuration's
    seeds. Its weight w is the mean over proxies of the slope, shrunk towards 0 by how much it varies (the positive part
    of 1 - its squared error over its square).

    Parameters
    ----------
    criteria
        What tells the seeds of a configuration apart; those that proxies and target have. Their directions are known.
    score
        The supervised score (see `selectdis.selection.run_scores`).
    """
    return Hierarchical(tuple(criteria), current_score_name(score))


def _effects(proxies: pd.DataFrame, shares: np.ndarray) -> pd.Series:
    """Return configuration -> its shrunk effect."""
    keys = [proxies[DATASET].to_numpy(), proxies[CONFIGURATION].to_numpy()]
    cells = pd.Series(shares).groupby(keys, observed=True)
    means, seeds = cells.mean(), cells.size()
    seed_variance = float(((cells.var() * (seeds - 1)).sum()) / max((seeds - 1).sum(), 1))
    by_configuration = means.groupby(level=1, observed=True)
    centre, count = by_configuration.mean(), by_configuration.size()
    between = float(centre.var()) if len(centre) > 1 else 0.0
    several = count > 1
    if several.any():
        alone = float(by_configuration.var()[several].mean())
        common = max(between - alone / float(count.mean()), 0.0)
    else:
        noise = float((seed_variance / seeds).mean())
        common = max(between - noise, 0.0) / 2
        alone = common + noise
    total = common + alone / count
    return (centre - _MIDDLE) * (common / total.where(total > 0, 1.0))


def _agreement(runs: pd.DataFrame, names: list[str]) -> np.ndarray:
    """(n_runs,) mean over criteria of the share of its data set's runs that a run beats, less its configuration's."""
    datasets = runs[DATASET] if DATASET in runs else pd.Series("target", index=runs.index)
    values = runs[[CRITERION + name for name in names]].astype(float) * [direction(name) for name in names]
    ranks = pd.Series(np.nan_to_num(percentiles(values, datasets), nan=_MIDDLE).mean(axis=1))
    return _within(ranks, datasets, runs[CONFIGURATION])


def _within(values: pd.Series, datasets: pd.Series, configurations: pd.Series) -> np.ndarray:
    keys = [datasets.to_numpy(), configurations.to_numpy()]
    return (values - values.groupby(keys, observed=True).transform("mean")).to_numpy()


def _weight(proxies: pd.DataFrame, shares: np.ndarray, agreement: np.ndarray) -> float:
    """Return the mean over proxies of the slope of a run's share on its agreement within configurations, shrunk."""
    rest = _within(pd.Series(shares), proxies[DATASET], proxies[CONFIGURATION])
    codes = pd.factorize(proxies[DATASET])[0]
    products, squares = np.bincount(codes, rest * agreement), np.bincount(codes, agreement**2)
    slopes = (products / np.where(squares > 0, squares, 1.0))[squares > 1e-12]
    if len(slopes) == 0:
        return 0.0
    mean = float(slopes.mean())
    if len(slopes) > 1:
        error = float(slopes.var(ddof=1)) / len(slopes)
    else:
        left = np.sum((rest - mean * agreement) ** 2) / max(len(rest) - 1, 1)
        error = float(left / squares.sum())
    return mean * max(1 - error / mean**2, 0.0) if mean else 0.0
