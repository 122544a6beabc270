"""Boosted trees from codes to one factor: the predictor of DCI, of the downstream accuracy and of fairness."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier

from selectdis.arrays import as_classes

__all__ = ["Estimator", "FittedTrees", "fit_all_trees", "fit_trees"]

Estimator = Literal["lightgbm", "sklearn"]
STAGES, DEPTH, LEARNING_RATE = 100, 3, 0.1  # GradientBoostingClassifier's defaults, which the reference used


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
    estimator: Estimator = "lightgbm",
    seed: int,
) -> dict[int, FittedTrees]:
    """One classifier for each factor that varies in the training part; the keys are the factors' indices."""
    varying = [k for k in range(factors_train.shape[1]) if (factors_train[:, k] != factors_train[0, k]).any()]
    return {
        k: fit_trees(
            codes_train, factors_train[:, k], codes_test, factors_test[:, k], estimator=estimator, seed=seed + k
        )
        for k in varying
    }


def fit_trees(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    *,
    estimator: Estimator,
    seed: int,
) -> FittedTrees:
    """Boosted trees from codes (n, n_latents) to classes (n,) with at least two values."""
    fit = {"lightgbm": _fit_lightgbm, "sklearn": _fit_sklearn}[estimator]
    importances, predicted_train, predicted_test = fit(x_train, y_train, x_test, seed)
    return FittedTrees(
        importances,
        float(np.mean(predicted_train == y_train)),
        float(np.mean(predicted_test == y_test)),
        predicted_test,
    )


def _fit_sklearn(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The reference's estimator, but seeded."""
    model = GradientBoostingClassifier(
        n_estimators=STAGES, max_depth=DEPTH, learning_rate=LEARNING_RATE, random_state=seed
    ).fit(x_train, y_train)
    return np.abs(model.feature_importances_), model.predict(x_train), model.predict(x_test)


def _fit_lightgbm(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import lightgbm

    classes, n_classes = as_classes(y_train)
    values = np.unique(y_train)
    parameters = {
        "objective": "multiclass" if n_classes > 2 else "binary",
        "num_leaves": 2**DEPTH,
        "max_depth": DEPTH,
        "learning_rate": LEARNING_RATE,
        "min_data_in_leaf": 1,
        "min_data_in_bin": 1,
        "min_sum_hessian_in_leaf": 0.0,
        "num_threads": 0,
        "deterministic": True,
        "seed": seed,
        "verbosity": -1,
    }
    if n_classes > 2:
        parameters["num_class"] = n_classes
    booster = lightgbm.train(parameters, lightgbm.Dataset(x_train, classes), num_boost_round=STAGES)
    gains = booster.feature_importance("gain")
    importances = gains / gains.sum() if gains.sum() > 0 else np.zeros(x_train.shape[1])
    return importances, values[_predict(booster, x_train)], values[_predict(booster, x_test)]


def _predict(booster: object, x: np.ndarray) -> np.ndarray:
    raw = booster.predict(x, raw_score=True)  # type: ignore[attr-defined]
    return np.asarray(raw > 0, dtype=np.int64) if raw.ndim == 1 else raw.argmax(axis=1)
