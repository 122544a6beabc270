"""The calibrated rule: what criteria and settings say of the supervised score, learned where labels are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import CONFIGURATION, CRITERION, DATASET, OBJECTIVE, STRENGTH, criterion_names, need
from selectdis.selection._run_choosers import RunScores
from selectdis.selection._scores import WIN_RATE, current_score_name, percentiles, run_scores

__all__ = ["Calibrated", "calibrated"]

_CATEGORIES = (OBJECTIVE, "architecture")
_NUMBERS = ("latents", "batch_size", "learning_rate", "steps")
_MODELS = ("ridge", "boosting", "forest")
_ALPHAS = np.logspace(0, 4, 9)
_MIDDLE = 0.5  # the rank of a run of which nothing is known


@dataclass(frozen=True, repr=False)
class Calibrated:
    """A regression from ranks of criteria and from settings to the rank of the supervised score; see `calibrated`."""

    model: Literal["ridge", "boosting", "forest"] = "ridge"
    score: str = WIN_RATE
    criteria: tuple[str, ...] | None = None
    seed: int = 0
    min_runs: int = 20
    target_columns: tuple[str, ...] = ()

    words = "the one with the best score as it is predicted from all that needs no labels"

    def __post_init__(self) -> None:
        if self.model not in _MODELS:
            raise SelectdisError(f"calibrated knows the models {', '.join(_MODELS)}, got {self.model!r}")

    def __repr__(self) -> str:
        given = [repr(self.model)] if self.model != "ridge" else []
        given += [f"score={self.score!r}"] if self.score != WIN_RATE else []
        given += [f"criteria={list(self.criteria)}"] if self.criteria is not None else []
        given += [f"seed={self.seed}"] if self.seed else []
        return f"calibrated({', '.join(given)})"

    @property
    def label(self) -> str:
        return "calibrated" + ("" if self.model == "ridge" else f":{self.model}")

    def fit(self, proxies: pd.DataFrame) -> RunScores:
        """Learn on the proxies' runs of the configurations that the target has; once for each such set."""
        need(proxies, DATASET, CONFIGURATION)
        supervised = run_scores(proxies, self.score)
        proxies, supervised = proxies[np.isfinite(supervised)], supervised[np.isfinite(supervised)]
        known: dict[frozenset, RunScores] = {}

        def scores(target: pd.DataFrame) -> np.ndarray:
            configurations = frozenset(target[CONFIGURATION].unique())
            if configurations not in known:
                shared = proxies[CONFIGURATION].isin(configurations).to_numpy()
                rows = shared if shared.sum() >= self.min_runs else np.ones(len(proxies), dtype=bool)
                known[configurations] = self._learn(proxies[rows], supervised[rows], target)
            return known[configurations](target)

        return scores

    def _learn(self, proxies: pd.DataFrame, supervised: np.ndarray, target: pd.DataFrame) -> RunScores:
        ranks = percentiles(pd.Series(supervised), proxies[DATASET].reset_index(drop=True))
        if len(proxies) < self.min_runs:  # too few to learn slopes from: the configuration's own mean, seeds tie
            return _prior(proxies, ranks)
        names, settings = self._criteria(proxies, target), _Settings(proxies)
        if proxies[DATASET].nunique() == 1:
            return self._learn_from_one(proxies, ranks, names, settings)
        known, seen = _prior(proxies, ranks), _prior_elsewhere(proxies, ranks)
        inputs = np.column_stack([seen, _features(proxies, names, settings)])
        weights = 1.0 / proxies.groupby(DATASET, observed=True)[DATASET].transform("size").to_numpy(dtype=float)
        model = _fit(self.model, inputs, ranks, weights * len(weights) / weights.sum(), self.seed)

        def scores(runs: pd.DataFrame) -> np.ndarray:
            inputs = np.column_stack([known(runs), _features(runs, names, settings)])
            return np.asarray(model.predict(inputs), dtype=float)

        return scores

    def _learn_from_one(
        self, proxy: pd.DataFrame, ranks: np.ndarray, names: list[str], settings: _Settings
    ) -> RunScores:
        """Learn which configuration a run is of, which the penalty shrinks as a random effect.

        With one proxy the mean over the *other* seeds will not do: together with the criteria's means over all seeds
        it gives away the run's own score.
        """
        kinds = pd.Index(proxy[CONFIGURATION].unique())

        def which(runs: pd.DataFrame) -> np.ndarray:
            return kinds.get_indexer(runs[CONFIGURATION])  # -1: unknown

        inputs = _features(proxy, names, settings)
        if self.model == "ridge":
            ridge = _GroupRidge().fit(which(proxy), inputs, ranks)
            return lambda runs: ridge.predict(which(runs), _features(runs, names, settings))

        def columns(runs: pd.DataFrame) -> np.ndarray:
            return np.eye(len(kinds) + 1)[which(runs), :-1]

        model = _fit(self.model, np.column_stack([columns(proxy), inputs]), ranks, np.ones(len(ranks)), self.seed)
        return lambda runs: model.predict(np.column_stack([columns(runs), _features(runs, names, settings)]))

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
    score: str = WIN_RATE,
    criteria: Sequence[str] | None = None,
    seed: int = 0,
) -> Calibrated:
    """Choose the run with the best predicted supervised score.

    A regression from a run's criteria (as ranks within its data set, of the run and of the mean over its
    configuration's seeds), its settings, and what its configuration scored on the *other* proxies (with one proxy:
    which configuration it is) to the rank of its supervised score within its data set. Learned on the proxies' runs of
    the configurations that the target has; each proxy weighs the same.

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
    return Calibrated(model, current_score_name(score), None if criteria is None else tuple(criteria), seed)


class _Settings:
    """Settings as numbers: one column a category's level, logarithms of magnitudes; only those that vary."""

    def __init__(self, proxies: pd.DataFrame) -> None:
        self.levels = [(c, v) for c in _CATEGORIES if c in proxies for v in sorted(proxies[c].dropna().unique())]
        numbers = [c for c in map(str, proxies.columns) if c in _NUMBERS or c.startswith(STRENGTH)]
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


def _features(runs: pd.DataFrame, names: list[str], settings: _Settings) -> np.ndarray:
    """(n_runs, n_features): settings, and for each criterion its rank, that squared, and the mean over its seeds."""
    datasets = runs[DATASET] if DATASET in runs else pd.Series("target", index=runs.index)
    values = runs[[CRITERION + name for name in names]].astype(float)
    ranks = percentiles(values, datasets) - _MIDDLE
    ranks = np.where(np.isnan(ranks), 0.0, ranks)
    kinds, configurations = pd.factorize(runs[CONFIGURATION], use_na_sentinel=False)
    groups = pd.factorize(datasets)[0] * len(configurations) + kinds
    counts = np.bincount(groups)[:, None].clip(min=1)
    sums = (
        np.stack([np.bincount(groups, column) for column in ranks.T], axis=1) if names else np.zeros((len(counts), 0))
    )
    return np.column_stack([*settings(runs), ranks, ranks**2, (sums / counts)[groups]])


def _prior(proxies: pd.DataFrame, ranks: np.ndarray) -> RunScores:
    """Return the mean over proxies of the win rate of a run's configuration."""
    means = _means(proxies, ranks).groupby(level=CONFIGURATION, observed=True).mean()
    return lambda runs: runs[CONFIGURATION].map(means).fillna(_MIDDLE).to_numpy(dtype=float)


def _prior_elsewhere(proxies: pd.DataFrame, ranks: np.ndarray) -> np.ndarray:
    """Return it for each proxy run without its own data set: what it scored itself must not be among its inputs."""
    means = _means(proxies, ranks)
    total = means.groupby(level=CONFIGURATION, observed=True).transform("sum")
    others = means.groupby(level=CONFIGURATION, observed=True).transform("size") - 1
    elsewhere = ((total - means) / others.where(others > 0)).fillna(_MIDDLE)
    index = pd.MultiIndex.from_arrays([proxies[DATASET].to_numpy(), proxies[CONFIGURATION].to_numpy()])
    return elsewhere.reindex(index).to_numpy(dtype=float)


def _means(proxies: pd.DataFrame, ranks: np.ndarray) -> pd.Series:
    keys = [proxies[DATASET].to_numpy(), proxies[CONFIGURATION].to_numpy()]
    means = pd.Series(ranks).groupby(keys, observed=True).mean()
    means.index.names = [DATASET, CONFIGURATION]
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

    ridge = make_pipeline(StandardScaler(), RidgeCV(alphas=_ALPHAS))
    return ridge.fit(inputs, ranks, ridgecv__sample_weight=weights)


class _GroupRidge:
    """What scikit-learn's ``StandardScaler`` and ``RidgeCV`` give for ``[one column for each group, inputs]``.

    minimise |y - mu - G u - X b|^2 + alpha (|u|^2 + |b|^2), where a column of G marks the runs of one of the C groups,
    divided by its standard deviation s_c, and X is standardised. Given b and mu the effects u are shrunk means of the
    residuals in their groups, so that y ~ [1, X] has the covariance V = I + G G' / alpha, which has one block for each
    group: V^-1 = I - w_c / n_c on it, with w_c = n_c / (n_c + alpha s_c^2). Alpha is chosen by the squared
    leave-one-out errors r_i / (1 - h_i). Time and memory grow with runs x inputs, not with runs x groups.
    """

    def fit(self, groups: np.ndarray, inputs: np.ndarray, values: np.ndarray) -> _GroupRidge:
        """Learn from (n_runs,) codes 0 to C - 1, (n_runs, n_inputs) and (n_runs,) values."""
        self._centre, scale = inputs.mean(axis=0), inputs.std(axis=0)
        self._scale = np.where(scale > 1e-12, scale, 1.0)
        design = np.column_stack([np.ones(len(values)), (inputs - self._centre) / self._scale])
        sizes = np.bincount(groups).astype(float)
        shares = sizes / len(values)
        variances = shares * (1 - shares)
        sums = np.stack([np.bincount(groups, column) for column in [*design.T, values]], axis=1)  # (C, 1 + inputs + 1)
        gram = np.column_stack([design, values]).T @ np.column_stack([design, values])
        best = np.inf
        for alpha in _ALPHAS:
            shrunk = np.where(
                variances > 0, 1.0 / (sizes + alpha * variances), 0.0
            )  # w_c / n_c; 0: one group is no group
            system = gram - (sums * shrunk[:, None]).T @ sums
            penalised = system[:-1, :-1] + alpha * np.diag([0.0, *np.ones(inputs.shape[1])])
            inverse = np.linalg.inv(penalised)
            slopes = inverse @ system[:-1, -1]
            effects = shrunk * (sums[:, -1] - sums[:, :-1] @ slopes)
            residuals = values - design @ slopes - effects[groups]
            leverage = _leverage(design - (sums[:, :-1] * shrunk[:, None])[groups], inverse)
            error = float(np.mean((residuals / (1 - shrunk[groups] - leverage)) ** 2))
            if error < best:
                best, self._slopes, self._effects = error, slopes, effects
        return self

    def predict(self, groups: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """Return the (n_runs,) values expected; a run of no known group has the code -1."""
        effects = np.append(self._effects, 0.0)[groups]
        return self._slopes[0] + (inputs - self._centre) / self._scale @ self._slopes[1:] + effects


def _leverage(rows: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ij,ij->i", rows @ inverse, rows))
