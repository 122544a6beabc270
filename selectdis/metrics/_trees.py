"""Boosted trees from codes to one factor: the predictor of DCI, of the downstream accuracy and of fairness."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from selectdis.metrics._boosting import DEPTH, boost

__all__ = ["ESTIMATORS", "Estimator", "FittedTrees", "fit_all_trees", "fit_trees"]

Estimator = Literal["binned", "sklearn"]
STAGES, LEARNING_RATE = 100, 0.1  # GradientBoostingClassifier's defaults, which the reference used


class FittedTrees(NamedTuple):
    """What a boosted classifier of one factor gives."""

    importances: np.ndarray  # (n_latents,), sum 1, or all 0 where no split helped
    accuracy_train: float
    accuracy_test: float
    predicted_test: np.ndarray  # (n_test,) factor values


def fit_all_trees(
    codes_train: np.ndarray,
    factors_train: np.ndarray,
    codes_test: np.ndarray,
    factors_test: np.ndarray,
    *,
    estimator: Estimator = "binned",
    seed: int,
    n_jobs: int = 1,
) -> dict[int, FittedTrees]:
    """Fit one classifier for each factor that varies in the training part; the keys are the factors' indices."""

    def fit(k: int) -> FittedTrees:
        split = codes_train, factors_train[:, k], codes_test, factors_test[:, k]
        return fit_trees(*split, estimator=estimator, seed=seed + k)

    varying = [k for k in range(factors_train.shape[1]) if (factors_train[:, k] != factors_train[0, k]).any()]
    largest_first = sorted(varying, key=lambda k: -len(np.unique(factors_train[:, k])))
    with ThreadPoolExecutor(n_jobs) as pool:
        fitted = dict(zip(largest_first, pool.map(fit, largest_first), strict=True))
    return {k: fitted[k] for k in varying}


def fit_trees(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    *,
    estimator: Estimator,
    seed: int,
) -> FittedTrees:
    """Fit boosted trees from codes (n, n_latents) to classes (n,) with at least two values."""
    importances, predicted_train, predicted_test = ESTIMATORS[estimator](x_train, y_train, x_test, seed)
    return FittedTrees(
        importances,
        float(np.mean(predicted_train == y_train)),
        float(np.mean(predicted_test == y_test)),
        predicted_test,
    )


def _fit_sklearn(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit the reference's estimator, but seeded."""
    model = GradientBoostingClassifier(
        n_estimators=STAGES, max_depth=DEPTH, learning_rate=LEARNING_RATE, random_state=seed
    ).fit(x_train, y_train)
    return np.abs(model.feature_importances_), model.predict(x_train), model.predict(x_test)


def _fit_binned(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    values, classes = np.unique(y_train, return_inverse=True)
    boosted = boost(
        x_train, classes, x_test, rng=np.random.default_rng(seed), stages=STAGES, learning_rate=LEARNING_RATE
    )
    return boosted.importances, values[boosted.predicted_train], values[boosted.predicted_test]


ESTIMATORS = {"binned": _fit_binned, "sklearn": _fit_sklearn}
