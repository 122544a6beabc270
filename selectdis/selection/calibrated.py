"""The calibrated rule: what criteria and settings say of the supervised score, learned where labels are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.selection.runs import RunScores
from selectdis.selection.scores import MEAN_RANK, percentiles, run_scores
from selectdis.selection.tables import CRITERION, criterion_names, need

__all__ = ["Calibrated", "calibrated"]

_CATEGORIES = ("objective", "architecture")
_NUMBERS = ("latents", "batch_size", "learning_rate", "steps")
_MODELS = ("ridge", "boosting", "forest")
_MIDDLE = 0.5  # the rank of a run of which nothing is known


@dataclass(frozen=True, repr=False)
class Calibrated:
    """A regression from ranks of criteria and from settings to the rank of the supervised score; see `calibrated`."""

    model: Literal["ridge", "boosting", "forest"] = "ridge"
    score: str = MEAN_RANK
    criteria: tuple[str, ...] | None = None
    seed: int = 0
    min_runs: int = 20
    target_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.model not in _MODELS:
            raise SelectdisError(f"calibrated knows the models {', '.join(_MODELS)}, got {self.model!r}")

    def __repr__(self) -> str:
        given = [repr(self.model)] if self.model != "ridge" else []
        given += [f"score={self.score!r}"] if self.score != MEAN_RANK else []
        given += [f"criteria={list(self.criteria)}"] if self.criteria is not None else []
        given += [f"seed={self.seed}"] if self.seed else []
        return f"calibrated({', '.join(given)})"

    @property
    def label(self) -> str:
        return "calibrated" + ("" if self.model == "ridge" else f" {self.model}")

    def fit(self, proxies: pd.DataFrame) -> RunScores:
        """Learn on the proxies' runs of the configurations that the target has; once for each such set."""
        need(proxies, "dataset", "configuration")
        supervised = run_scores(proxies, self.score)
        proxies, supervised = proxies[np.isfinite(supervised)], supervised[np.isfinite(supervised)]
        known: dict[frozenset, RunScores] = {}

        def scores(target: pd.DataFrame) -> np.ndarray:
            configurations = frozenset(target["configuration"].unique())
            if configurations not in known:
                shared = proxies["configuration"].isin(configurations).to_numpy()
                rows = shared if shared.sum() >= self.min_runs else np.ones(len(proxies), dtype=bool)
                known[configurations] = self._learn(proxies[rows], supervised[rows], target)
            return known[configurations](target)

        return scores

    def _learn(self, proxies: pd.DataFrame, supervised: np.ndarray, target: pd.DataFrame) -> RunScores:
        ranks = percentiles(pd.Series(supervised), proxies["dataset"].reset_index(drop=True))
        prior = _prior_of_target(proxies, ranks)
        if len(proxies) < self.min_runs:  # too few to learn slopes from: the configuration's own mean, seeds tie
            return lambda runs: runs["configuration"].map(prior).fillna(_MIDDLE).to_numpy(dtype=float)
        names = self._criteria(proxies, target)
        encode = _Settings(proxies)
        inputs = _features(proxies, names, _prior_of_proxies(proxies, ranks), encode)
        weights = 1.0 / proxies.groupby("dataset", observed=True)["dataset"].transform("size").to_numpy(dtype=float)
        model = _fit(self.model, inputs, ranks, weights * len(weights) / weights.sum(), self.seed)

        def scores(runs: pd.DataFrame) -> np.ndarray:
            known = runs["configuration"].map(prior).fillna(_MIDDLE).to_numpy(dtype=float)
            return np.asarray(model.predict(_features(runs, names, known, encode)), dtype=float)

        return scores

    def _criteria(self, proxies: pd.DataFrame, target: pd.DataFrame) -> list[str]:
        if self.criteria is not None:
            for table in (proxies, target):
                need(table, *(CRITERION + name for name in self.criteria))
            return list(self.criteria)
        there = set(criterion_names(target))
        return [name for name in criterion_names(proxies) if name in there]


def calibrated(
    model: Literal["ridge", "boosting", "forest"] = "ridge",
    *,
    score: str = MEAN_RANK,
    criteria: Sequence[str] | None = None,
    seed: int = 0,
) -> Calibrated:
    """The run with the best predicted supervised score.

    A regression from a run's criteria (as ranks within its data set, of the run and of the mean over its
    configuration's seeds), its settings, and what its configuration scored on the *other* proxies (with one proxy: the
    other seeds) to the rank of its supervised score within its data set. Learned on the proxies' runs of the
    configurations that the target has; each proxy weighs the same.

    With fewer than 20 labelled runs there is nothing to learn from: then the configuration's mean score decides, and
    its seeds tie.

    Parameters
    ----------
    model
        ``"ridge"`` (penalty by generalised cross-validation), ``"boosting"`` or ``"forest"`` (slower, not linear).
    score
        The supervised score to predict (see `selectdis.selection.run_scores`).
    criteria
        Names of criteria to learn from; default: all that proxies and target have.
    seed
        Of the estimators that draw random numbers.
    """
    return Calibrated(model, score, None if criteria is None else tuple(criteria), seed)


class _Settings:
    """Settings as numbers: one column a category's level, logarithms of magnitudes; only those that vary."""

    def __init__(self, proxies: pd.DataFrame) -> None:
        self.levels = [(c, v) for c in _CATEGORIES if c in proxies for v in sorted(proxies[c].dropna().unique())]
        numbers = [c for c in map(str, proxies.columns) if c in _NUMBERS or c.startswith("strength.")]
        logs = {c: _log(proxies[c]) for c in numbers}
        self.centres = {c: float(np.nanmean(v)) for c, v in logs.items() if np.isfinite(v).any() and np.nanstd(v) > 0}

    def __call__(self, runs: pd.DataFrame) -> list[np.ndarray]:
        is_level = [(runs[c] == v).to_numpy(dtype=float) if c in runs else np.zeros(len(runs)) for c, v in self.levels]
        numbers = []
        for column, centre in self.centres.items():
            values = _log(runs[column]) if column in runs else np.full(len(runs), np.nan)
            numbers.append(np.where(np.isfinite(values), values - centre, 0.0))
        return is_level + numbers


def _log(values: pd.Series) -> np.ndarray:
    numbers = values.to_numpy(dtype=float)
    return np.log(np.where(numbers > 0, numbers, np.nan))


def _features(runs: pd.DataFrame, names: list[str], prior: np.ndarray, encode: _Settings) -> np.ndarray:
    """(n_runs, n_features): prior, settings, and for each criterion its rank, that squared, and its seeds' mean."""
    datasets = runs["dataset"] if "dataset" in runs else pd.Series("target", index=runs.index)
    values = runs[[CRITERION + name for name in names]].astype(float).reset_index(drop=True)
    ranks = percentiles(values, datasets.reset_index(drop=True)) - _MIDDLE
    ranks = np.where(np.isnan(ranks), 0.0, ranks)
    kinds, configurations = pd.factorize(runs["configuration"])
    groups = pd.factorize(datasets)[0] * len(configurations) + kinds
    counts = np.bincount(groups)[:, None].clip(min=1)
    sums = (
        np.stack([np.bincount(groups, column) for column in ranks.T], axis=1) if names else np.zeros((len(counts), 0))
    )
    return np.column_stack([prior, *encode(runs), ranks, ranks**2, (sums / counts)[groups]])


def _prior_of_target(proxies: pd.DataFrame, ranks: np.ndarray) -> pd.Series:
    """Configuration -> mean over proxies of its mean rank."""
    return _means(proxies, ranks).groupby(level="configuration", observed=True).mean()


def _prior_of_proxies(proxies: pd.DataFrame, ranks: np.ndarray) -> np.ndarray:
    """The same for each proxy run, without what the run itself scored: other proxies, or with one proxy other seeds."""
    keys = [proxies["configuration"].to_numpy()]
    if proxies["dataset"].nunique() > 1:
        means = _means(proxies, ranks)
        total = means.groupby(level="configuration", observed=True).transform("sum")
        others = means.groupby(level="configuration", observed=True).transform("size") - 1
        without = ((total - means) / others.where(others > 0)).fillna(_MIDDLE)
        index = pd.MultiIndex.from_arrays([proxies["dataset"].to_numpy(), proxies["configuration"].to_numpy()])
        return without.reindex(index).to_numpy(dtype=float)
    groups = pd.Series(ranks).groupby(keys, observed=True)
    others = groups.transform("size") - 1
    return ((groups.transform("sum") - ranks) / others.where(others > 0)).fillna(_MIDDLE).to_numpy(dtype=float)


def _means(proxies: pd.DataFrame, ranks: np.ndarray) -> pd.Series:
    keys = [proxies["dataset"].to_numpy(), proxies["configuration"].to_numpy()]
    means = pd.Series(ranks).groupby(keys, observed=True).mean()
    means.index.names = ["dataset", "configuration"]
    return means


def _fit(model: str, inputs: np.ndarray, ranks: np.ndarray, weights: np.ndarray, seed: int) -> Any:
    if model == "boosting":
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(
            max_iter=100, learning_rate=0.05, max_leaf_nodes=15, random_state=seed
        ).fit(inputs, ranks, sample_weight=weights)
    if model == "forest":
        from sklearn.ensemble import ExtraTreesRegressor

        return ExtraTreesRegressor(100, min_samples_leaf=5, max_features=0.5, random_state=seed).fit(
            inputs, ranks, sample_weight=weights
        )
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    ridge = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(0, 4, 9)))
    return ridge.fit(inputs, ranks, ridgecv__sample_weight=weights)
