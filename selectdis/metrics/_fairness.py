"""Fairness of predictions from the codes."""

from __future__ import annotations

import numpy as np

from selectdis._arrays import as_classes, check_parts, varying_factors, warn_degenerate
from selectdis.errors import renamed
from selectdis.metrics._registry import Metric, Samples
from selectdis.metrics._trees import FittedTrees, fit_all_trees

__all__ = ["FAIRNESS", "fairness"]


@renamed(jobs="n_jobs")
def fairness(
    codes_train: np.ndarray,
    factors_train: np.ndarray,
    codes_test: np.ndarray,
    factors_test: np.ndarray,
    *,
    seed: int = 0,
    n_jobs: int = 1,
) -> float:
    """Return 1 - unfairness of Locatello et al. 2019, "On the Fairness of Disentangled Representations", section 2.

    Each factor in turn is the target, predicted from the codes by boosted trees, and each other one the sensitive
    variable s. Unfairness is the mean over s of the total variation distance between the predictions
    given s and all predictions (their equation 2), averaged over the pairs.

    Parameters
    ----------
    codes_train, factors_train, codes_test, factors_test : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations and the class of each factor, to learn from and to test on.
    seed : int
        Of the trees.
    n_jobs : int
        Threads; the result does not depend on their number.

    Returns
    -------
    float
        In [0, 1], higher is fairer. Conditioning on s among the test samples stands for the intervention, so that
        finite groups leave some distance (about sqrt(classes / group size) / 2) even where nothing leaks. Constant
        factors are left out with a warning; with fewer than two factors the score is 1 by convention.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    parts = check_parts(codes_train, factors_train, codes_test, factors_test)
    varying_factors(parts[1], "fairness")
    return fairness_of_trees(fit_all_trees(*parts, seed=seed, n_jobs=n_jobs), parts[3])


def fairness_of_trees(trees: dict[int, FittedTrees], factors_test: np.ndarray) -> float:
    """Return the score of fitted classifiers, one per factor."""
    distances = [
        _total_variation(fitted.predicted_test, factors_test[:, sensitive])
        for target, fitted in trees.items()
        for sensitive in trees
        if sensitive != target
    ]
    if not distances:
        warn_degenerate("fairness", "fewer than two factors vary, so the score is 1 by convention")
        return 1.0
    return float(1.0 - np.mean(distances))


def _total_variation(predicted: np.ndarray, sensitive: np.ndarray) -> float:
    """Return the mean over `sensitive` of TV(p(predicted | value), p(predicted))."""
    y, n_classes = as_classes(predicted)
    s, n_values = as_classes(sensitive)
    counts = np.bincount(s * n_classes + y, minlength=n_values * n_classes).reshape(n_values, n_classes)
    given = counts / counts.sum(axis=1, keepdims=True)
    distances = 0.5 * np.abs(given - counts.sum(axis=0) / len(y)).sum(axis=1)
    return float(np.average(distances, weights=counts.sum(axis=1)))


def _compute(samples: Samples) -> dict[str, float]:
    return {"fairness": fairness_of_trees(samples.trees, samples.factors_test)}


FAIRNESS = Metric(
    name="fairness",
    produces=("fairness",),
    function=fairness,
    compute=_compute,
    paper="Locatello et al. 2019b",
    needs=("train", "test"),
    cost="slow",
)
