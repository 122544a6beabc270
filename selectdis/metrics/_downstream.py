"""Downstream accuracy and sample efficiency."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from selectdis._arrays import check_parts, known, standardise_by, varying_factors, warn_degenerate
from selectdis._factors import MISSING
from selectdis.errors import check_choice, renamed
from selectdis.metrics._logistic import fit_logistic
from selectdis.metrics._registry import Metric, Samples
from selectdis.metrics._trees import fit_all_trees

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

__all__ = ["DOWNSTREAM_GBT", "DOWNSTREAM_LR", "Downstream", "downstream"]

SIZES = (10, 100, 1_000, 10_000)
INVERSE_PENALTIES = 10.0 ** np.arange(-2, 3)  # candidates for C of the logistic regression
FOLDS = 3
MAX_CROSS_VALIDATED = 1_000  # with more labels the choice of C hardly matters, and is made on this many


class Downstream(NamedTuple):
    """Mean test accuracy for each number of labels, and sample efficiency."""

    accuracy: dict[int, float]
    efficiency: float


@renamed(jobs="n_jobs")
def downstream(
    codes_train: np.ndarray,
    factors_train: np.ndarray,
    codes_test: np.ndarray,
    factors_test: np.ndarray,
    *,
    predictor: Literal["lr", "gbt"] = "lr",
    sizes: Sequence[int] = SIZES,
    seed: int = 0,
    n_jobs: int = 1,
) -> Downstream:
    """Return the downstream accuracy of Locatello et al. 2019, "Challenging Common Assumptions", section 5.7.

    A classifier predicts each factor from all codes, learned from the first `size` training samples; accuracies are
    averaged over factors. Sample efficiency is the accuracy at 100 labels over the accuracy at the largest size.

    Parameters
    ----------
    codes_train, factors_train, codes_test, factors_test : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations and the class of each factor, the training samples in random order.
    predictor : {"lr", "gbt"}
        Logistic regression on standardised codes, its strength cross-validated; or boosted trees.
    sizes : sequence of int
        Numbers of labels; those above n_samples are left out.
    seed : int
        Of the folds and of the trees.
    n_jobs : int
        Threads of the trees; the result does not depend on their number.

    Returns
    -------
    Downstream
        `accuracy` maps a size to a float in [0, 1], higher is better; `efficiency` is in [0, inf), at most about 1, and
        0 where nothing is predicted or 100 labels cannot be compared with more. Where the labelled samples hold one
        class, that class is predicted. Constant factors are left out with a warning; with none left the accuracies are
        1 by convention.

    Raises
    ------
    SelectdisError
        On codes that are not finite, shapes that do not fit, or an unknown predictor.
    """
    check_choice("predictor", predictor, ("lr", "gbt"))
    codes_train, factors_train, codes_test, factors_test = check_parts(
        codes_train, factors_train, codes_test, factors_test
    )
    kept = varying_factors(factors_train, f"downstream_{predictor}", factors_test)
    if not kept:
        warn_degenerate(f"downstream_{predictor}", "no factor varies, so the accuracies are 1 by convention")
    accuracy = {}
    for size in sorted(s for s in sizes if s <= len(codes_train)):
        split = codes_train[:size], factors_train[:size, kept], codes_test, factors_test[:, kept]
        hits = _hits_lr(*split, seed) if predictor == "lr" else _hits_gbt(*split, seed, n_jobs)
        accuracy[size] = float(np.mean(hits)) if kept else 1.0
    return Downstream(accuracy, sample_efficiency(accuracy))


def sample_efficiency(accuracy: dict[int, float]) -> float:
    """Return the accuracy at 100 labels over that at the largest number of labels; 0 where that is not defined."""
    largest = max(accuracy, default=0)
    return accuracy[100] / accuracy[largest] if 100 in accuracy and largest > 100 and accuracy[largest] > 0 else 0.0


def _hits_lr(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, seed: int
) -> list[float]:
    """Return the accuracy for each factor."""
    x_train, x_test = standardise_by(x_train, x_test)
    hits = []
    for k in range(y_train.shape[1]):
        (x, y), (x_asked, y_asked) = known(x_train, y_train[:, k]), known(x_test, y_test[:, k])
        guess: np.ndarray | int = y[0] if len(y) else MISSING  # where none is labelled, nothing is right
        if (y != guess).any():
            strength = _cross_validated(x[:MAX_CROSS_VALIDATED], y[:MAX_CROSS_VALIDATED], seed + k)
            guess = _logistic(strength, x, y).predict(x_asked)
        hits.append(float(np.mean(y_asked == guess)))
    return hits


def _hits_gbt(
    x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, seed: int, n_jobs: int
) -> list[float]:
    """Return the accuracy for each factor."""
    trees = fit_all_trees(x_train, y_train, x_test, y_test, seed=seed, n_jobs=n_jobs)
    return [
        trees[k].accuracy_test if k in trees else _hits_of_one(*known(y_train[:, k]), *known(y_test[:, k]))
        for k in range(y_train.shape[1])
    ]


def _hits_of_one(labels: np.ndarray, asked: np.ndarray) -> float:
    """Return the accuracy where the labelled samples hold one class, or none."""
    return float(np.mean(asked == labels[0])) if len(labels) else 0.0


def _cross_validated(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """Return the C whose held-out accuracy, summed over the folds, is best; ties go to the strongest penalty."""
    fold = np.random.default_rng(seed).permutation(len(x)) % FOLDS
    hits = np.zeros(len(INVERSE_PENALTIES))
    for held_out in range(FOLDS):
        train, test = fold != held_out, fold == held_out
        if (y[train] != y[train][0]).any():
            hits += [(_logistic(c, x[train], y[train]).predict(x[test]) == y[test]).sum() for c in INVERSE_PENALTIES]
    return float(INVERSE_PENALTIES[hits.argmax()])


def _logistic(strength: float, x: np.ndarray, y: np.ndarray) -> LogisticRegression:
    return fit_logistic(x, y, C=strength, tol=1e-3)


def _named(accuracy: dict[int, float], predictor: str) -> dict[str, float]:
    """Scores by name; those that the number of samples does not allow are absent."""
    scores = {f"downstream_{predictor}_{size}": value for size, value in accuracy.items()}
    if 100 in accuracy and max(accuracy) > 100:
        scores[f"downstream_efficiency_{predictor}"] = sample_efficiency(accuracy)
    return scores


def _compute_lr(samples: Samples) -> dict[str, float]:
    return _named(downstream(*samples.split, predictor="lr", seed=samples.seed).accuracy, "lr")


def _compute_gbt(samples: Samples) -> dict[str, float]:
    """Score; where a size is all training samples, its trees are those of DCI."""
    n = len(samples.codes_train)
    sizes = [size for size in SIZES if size < n]
    accuracy = downstream(
        *samples.split, predictor="gbt", sizes=sizes, seed=samples.seed, n_jobs=samples.n_jobs
    ).accuracy
    if n in SIZES and samples.trees:
        accuracy[n] = float(np.mean([fitted.accuracy_test for fitted in samples.trees.values()]))
    return _named(accuracy, "gbt")


def _describe(predictor: str, compute: Callable[[Samples], dict[str, float]]) -> Metric:
    return Metric(
        name=f"downstream_{predictor}",
        produces=(*(f"downstream_{predictor}_{size}" for size in SIZES), f"downstream_efficiency_{predictor}"),
        function=downstream,
        compute=compute,
        paper="Locatello et al. 2019",
        needs=("train", "test"),
        cost="slow",
    )


DOWNSTREAM_LR, DOWNSTREAM_GBT = _describe("lr", _compute_lr), _describe("gbt", _compute_gbt)
