"""Downstream accuracy and sample efficiency."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from selectdis.arrays import check_codes, check_factors, live_columns, varying_factors, warn_degenerate
from selectdis.errors import SelectdisError, nearest
from selectdis.metrics._registry import Metric, Samples
from selectdis.metrics._trees import fit_trees

__all__ = ["DOWNSTREAM_GBT", "DOWNSTREAM_LR", "Downstream", "downstream"]

SIZES = (10, 100, 1_000, 10_000)
PREDICTORS = ("lr", "gbt")
STRENGTHS = 10.0 ** np.arange(-3, 4)  # candidates for C of the logistic regression
FOLDS = 3
MAX_CROSS_VALIDATED = 1_000  # with more labels the choice of C hardly matters, and is made on this many


class Downstream(NamedTuple):
    """Mean test accuracy for each number of labels, and sample efficiency."""

    accuracy: dict[int, float]
    efficiency: float


def downstream(
    codes_train: np.ndarray,
    factors_train: np.ndarray,
    codes_test: np.ndarray,
    factors_test: np.ndarray,
    *,
    predictor: Literal["lr", "gbt"] = "lr",
    sizes: Sequence[int] = SIZES,
    seed: int = 0,
) -> Downstream:
    """Downstream accuracy of Locatello et al. 2019, "Challenging Common Assumptions", section 5.7 (and appendix).

    A classifier predicts each factor from all codes, learned from the first `size` training samples; accuracies are
    averaged over factors. Sample efficiency is the accuracy at 100 labels over the accuracy at the largest size.

    Parameters
    ----------
    codes_train, codes_test : (n_samples, n_latents) float; the training samples in random order
    factors_train, factors_test : (n_samples, n_factors) int
    predictor : "lr", logistic regression on standardised codes, its strength cross-validated; "gbt", boosted trees
    sizes : numbers of labels; those above n_samples are left out
    seed : of the folds and of the trees

    Returns
    -------
    Downstream(accuracy, efficiency): accuracy maps a size to a float in [0, 1], higher is better; efficiency is in
    [0, inf), at most about 1, and 0 where nothing is predicted or 100 labels cannot be compared with more. Where the
    labelled samples hold one class, that class is predicted. Constant factors are left out with a warning; with none
    left the accuracies are 1 by convention.

    Raises
    ------
    SelectdisError
        On codes that are not finite, shapes that do not fit, or an unknown predictor.
    """
    if predictor not in PREDICTORS:
        raise SelectdisError(
            f"predictor must be one of {PREDICTORS}; found {predictor!r}{nearest(predictor, PREDICTORS)}"
        )
    codes_train, codes_test = check_codes(codes_train, "codes_train"), check_codes(codes_test, "codes_test")
    factors_train = check_factors(factors_train, len(codes_train), "factors_train")
    factors_test = check_factors(factors_test, len(codes_test), "factors_test")
    kept = varying_factors(factors_train, f"downstream_{predictor}")
    if not kept:
        warn_degenerate(f"downstream_{predictor}", "no factor varies, so the accuracies are 1 by convention")
    accuracy = {
        size: _accuracy(
            codes_train[:size], factors_train[:size, kept], codes_test, factors_test[:, kept], predictor, seed
        )
        for size in sorted(sizes)
        if size <= len(codes_train)
    }
    return Downstream(accuracy, sample_efficiency(accuracy))


def sample_efficiency(accuracy: dict[int, float]) -> float:
    """Accuracy at 100 labels over the accuracy at the largest number of labels; 0 where that is not defined."""
    largest = max(accuracy, default=0)
    return accuracy[100] / accuracy[largest] if 100 in accuracy and largest > 100 and accuracy[largest] > 0 else 0.0


def _accuracy(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, predictor: str, seed: int
) -> float:
    if y_train.shape[1] == 0:
        return 1.0
    predict = _predict_lr if predictor == "lr" else _predict_gbt
    hits = [
        np.mean(predict(x_train, y_train[:, k], x_test, seed + k) == y_test[:, k])
        if (y_train[:, k] != y_train[0, k]).any()
        else np.mean(y_test[:, k] == y_train[0, k])
        for k in range(y_train.shape[1])
    ]
    return float(np.mean(hits))


def _predict_gbt(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int) -> np.ndarray:
    return fit_trees(x_train, y_train, x_test, np.zeros(len(x_test)), estimator="binned", seed=seed).predicted_test


def _predict_lr(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, seed: int) -> np.ndarray:
    live = live_columns(x_train)
    mean, deviation = x_train.mean(axis=0), np.where(live, x_train.std(axis=0), 1.0)
    x_train, x_test = (np.where(live, (x - mean) / deviation, 0.0) for x in (x_train, x_test))
    strength = _cross_validated(x_train[:MAX_CROSS_VALIDATED], y_train[:MAX_CROSS_VALIDATED], seed)
    return np.asarray(_logistic(strength, x_train, y_train).predict(x_test))


def _cross_validated(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """The C whose held-out accuracy, summed over the folds, is best; ties go to the strongest penalty."""
    fold = np.random.default_rng(seed).permutation(len(x)) % FOLDS
    hits = np.zeros(len(STRENGTHS))
    for held_out in range(FOLDS):
        train, test = fold != held_out, fold == held_out
        if (y[train] != y[train][0]).any():
            hits += [(_logistic(c, x[train], y[train]).predict(x[test]) == y[test]).sum() for c in STRENGTHS]
    return float(STRENGTHS[hits.argmax()])


def _logistic(strength: float, x: np.ndarray, y: np.ndarray) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, tol=1e-3).fit(x, y)


def _named(result: Downstream, predictor: str) -> dict[str, float]:
    scores = {f"downstream_{predictor}_{size}": accuracy for size, accuracy in result.accuracy.items()}
    return scores | {f"downstream_efficiency_{predictor}": result.efficiency}


def _compute_lr(samples: Samples) -> dict[str, float]:
    return _named(downstream(*samples.split, predictor="lr", seed=samples.seed), "lr")


def _compute_gbt(samples: Samples) -> dict[str, float]:
    """The largest size is all training samples: its trees are fitted already."""
    n = len(samples.codes_train)
    few = downstream(*samples.split, predictor="gbt", sizes=[s for s in SIZES if s < n], seed=samples.seed)
    accuracy = dict(few.accuracy)
    if n in SIZES and samples.trees:
        accuracy[n] = float(np.mean([fitted.accuracy_test for fitted in samples.trees.values()]))
    return _named(Downstream(accuracy, sample_efficiency(accuracy)), "gbt")


def _scores(predictor: str) -> tuple[str, ...]:
    return (*(f"downstream_{predictor}_{size}" for size in SIZES), f"downstream_efficiency_{predictor}")


DOWNSTREAM_LR = Metric(
    name="downstream_lr",
    produces=_scores("lr"),
    function=downstream,
    compute=_compute_lr,
    paper="Locatello et al. 2019",
    needs=("train", "test"),
    cost="slow",
)
DOWNSTREAM_GBT = Metric(
    name="downstream_gbt",
    produces=_scores("gbt"),
    function=downstream,
    compute=_compute_gbt,
    paper="Locatello et al. 2019",
    needs=("train", "test"),
    cost="slow",
)
