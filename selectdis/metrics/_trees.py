"""Boosted trees from codes to one factor: the predictor of DCI, of the downstream accuracy and of fairness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, NamedTuple

import numpy as np

from selectdis._arrays import known
from selectdis._factors import MISSING
from selectdis.metrics._boosting import DEPTH, boost

__all__ = ["ESTIMATORS", "Estimator", "FittedTrees", "fit_all_trees", "fit_trees", "with_interventions"]

Estimator = Literal["auto", "exact", "binned", "sklearn"]
EXACT_UP_TO = 500  # training samples: there a bin for each value costs a few times the seconds of the binned trees
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
    estimator: Estimator = "auto",
    seed: int,
    n_jobs: int = 1,
) -> dict[int, FittedTrees]:
    """Fit one classifier for each factor that varies in the training part; the keys are the factors' indices.

    A classifier learns from, and is judged on, the rows that have a value of its factor; it predicts all test rows.
    """

    def fit(k: int) -> FittedTrees:
        split = *known(codes_train, factors_train[:, k]), codes_test, factors_test[:, k]
        return fit_trees(*split, estimator=estimator, seed=seed + k)

    sizes = [len(np.unique(known(column)[0])) for column in factors_train.T]
    varying = [k for k, size in enumerate(sizes) if size > 1 and known(factors_test[:, k])[0].size]
    largest_first = sorted(varying, key=lambda k: -sizes[k])
    with ThreadPoolExecutor(n_jobs) as pool:
        fitted = dict(zip(largest_first, pool.map(fit, largest_first), strict=True))
    return {k: fitted[k] for k in varying}


def with_interventions(
    codes_test: np.ndarray, factors_test: np.ndarray, interventions: Sequence[np.ndarray] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the test part with the changed images behind it: to be predicted, and not to be judged."""
    if not interventions:
        return codes_test, factors_test
    extra = np.concatenate([codes.reshape(-1, codes_test.shape[1]) for codes in interventions])
    unknown = np.full((len(extra), factors_test.shape[1]), MISSING)
    return np.concatenate([codes_test, extra]), np.concatenate([factors_test, unknown])


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
        float(np.mean(np.equal(*known(predicted_test, y_test)))),
        predicted_test,
    )


def _fit_sklearn(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fit the reference's estimator, but seeded."""
    from sklearn.ensemble import GradientBoostingClassifier  # here: it takes seconds to import

    model = GradientBoostingClassifier(
        n_estimators=STAGES, max_depth=DEPTH, learning_rate=LEARNING_RATE, random_state=seed
    ).fit(x_train, y_train)
    return np.abs(model.feature_importances_), model.predict(x_train), model.predict(x_test)


def _fit_boosted(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int, exact: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grow the reference's trees for all classes at once, on binned codes or with a bin for each value."""
    values, classes = np.unique(y_train, return_inverse=True)
    n_bins = len(x_train) if exact else None
    rng = np.random.default_rng(seed)
    boosted = boost(x_train, classes, x_test, rng=rng, stages=STAGES, learning_rate=LEARNING_RATE, n_bins=n_bins)
    return boosted.importances, values[boosted.predicted_train], values[boosted.predicted_test]


def _fit_auto(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return _fit_boosted(x_train, y_train, x_test, seed, exact=len(x_train) <= EXACT_UP_TO)


Fit = Callable[[np.ndarray, np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray, np.ndarray]]
ESTIMATORS: dict[str, Fit] = {
    "auto": _fit_auto,
    "exact": partial(_fit_boosted, exact=True),
    "binned": partial(_fit_boosted, exact=False),
    "sklearn": _fit_sklearn,
}
