"""Fairness of predictions from the codes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selectdis._arrays import as_classes, check_batches, check_parts, varying_factors, warn_degenerate
from selectdis._factors import MISSING
from selectdis.errors import SelectdisError, renamed
from selectdis.metrics._registry import Metric, Samples
from selectdis.metrics._trees import FittedTrees, fit_all_trees, with_interventions

__all__ = ["FAIRNESS", "fairness"]

ROUNDING = 1e-12  # differences of shares below it are none


@renamed(jobs="n_jobs")
def fairness(
    codes_train: np.ndarray,
    factors_train: np.ndarray,
    codes_test: np.ndarray,
    factors_test: np.ndarray,
    *,
    interventions: Sequence[np.ndarray] | None = None,
    seed: int = 0,
    n_jobs: int = 1,
) -> float:
    """Return 1 - unfairness of Locatello et al. 2019, "On the Fairness of Disentangled Representations", section 2.

    Each factor in turn is the target, predicted from the codes by boosted trees, and each other one the sensitive
    variable s. Unfairness is the mean over the values of s of the total variation distance between the predictions
    given the value and all predictions (their equation 2), averaged over the pairs. What the predictions are given is
    an intervention: s is set, and all else stays.

    Parameters
    ----------
    codes_train, factors_train, codes_test, factors_test : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations and the class of each factor, to learn from and to test on.
    interventions : sequence of (n_values, n_images, n_latents) float, optional
        For each factor, representations of the same images with the factor set to each of its values
        (`ImageDataset.draw_interventions`). Without it the test samples stand in: those that have a value of s are
        weighed so that the target is distributed among them as among all, over the targets that come with the value.
    seed : int
        Of the trees.
    n_jobs : int
        Threads; the result does not depend on their number.

    Returns
    -------
    float
        In [0, 1], higher is fairer; 1 where every prediction is right. Predictions that are partly wrong leave some
        distance even where nothing leaks, because images are finite: about sqrt(classes / images) / 2 where they are
        random. Constant factors are left out with a warning; with fewer than two factors the score is 1 by convention.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    x_train, y_train, x_test, y_test = check_parts(codes_train, factors_train, codes_test, factors_test)
    varying_factors(y_train, "fairness", y_test)
    changed = None
    if interventions is not None:
        changed = [check_batches(codes, f"interventions[{k}]") for k, codes in enumerate(interventions)]
        if len(changed) != y_train.shape[1]:
            raise SelectdisError(f"interventions hold one array per factor ({y_train.shape[1]}); found {len(changed)}")
    trees = fit_all_trees(x_train, y_train, *with_interventions(x_test, y_test, changed), seed=seed, n_jobs=n_jobs)
    return fairness_of_trees(trees, y_test, changed)


def fairness_of_trees(
    trees: dict[int, FittedTrees], factors_test: np.ndarray, interventions: Sequence[np.ndarray] | None
) -> float:
    """Return the score of classifiers, one per factor, that were fitted to the parts of `with_interventions`."""
    n = len(factors_test)
    starts = n + np.cumsum([0, *(codes.shape[0] * codes.shape[1] for codes in interventions or ())])
    distances = []
    for target, fitted in trees.items():
        for sensitive in trees.keys() - {target}:
            if interventions:
                predicted = fitted.predicted_test[starts[sensitive] : starts[sensitive + 1]]
                distances.append(_intervened(predicted.reshape(interventions[sensitive].shape[:2])))
            else:
                sample = fitted.predicted_test[:n], factors_test[:, sensitive], factors_test[:, target]
                distances.append(_adjusted(*sample))
    if not distances:
        warn_degenerate("fairness", "fewer than two factors vary, so the score is 1 by convention")
        return 1.0
    return float(1.0 - np.mean(distances))


def _intervened(predicted: np.ndarray) -> float:
    """Return the mean over values v of TV(p(predicted | do(v)), p(predicted)) of predictions (n_values, n_images)."""
    classes, n_classes = as_classes(predicted.ravel())
    n_values, n_images = predicted.shape
    cell = np.repeat(np.arange(n_values), n_images) * n_classes + classes
    counts = np.bincount(cell, minlength=n_values * n_classes).reshape(n_values, n_classes)
    # Whole numbers, so that equal distributions are at a distance of exactly 0.
    return float(np.abs(counts * n_values - counts.sum(axis=0)).sum() / (2 * n_values**2 * n_images))


def _adjusted(predicted: np.ndarray, sensitive: np.ndarray, target: np.ndarray) -> float:
    """Return the mean over values s of TV between sum_y p(y) p(predicted | s, y) and sum_y p(y) p(predicted | y).

    The sums run over the targets y that come with s.
    """
    rows = (sensitive != MISSING) & (target != MISSING)
    predicted, sensitive, target = predicted[rows], sensitive[rows], target[rows]
    (p, n_p), (s, n_s), (y, n_y) = (as_classes(labels) for labels in (predicted, sensitive, target))
    if not len(p):
        return 0.0
    cells = np.bincount(s * n_y + y, minlength=n_s * n_y).reshape(n_s, n_y)
    weight = np.bincount(y) / len(y) * (cells > 0)
    given = np.bincount(s * n_p + p, weight[s, y] / cells[s, y], minlength=n_s * n_p).reshape(n_s, n_p)
    of_target = np.bincount(y * n_p + p, minlength=n_y * n_p).reshape(n_y, n_p) / np.bincount(y)[:, np.newaxis]
    difference = np.abs(given - weight @ of_target) / weight.sum(axis=1, keepdims=True)
    distances = 0.5 * np.where(difference > ROUNDING, difference, 0.0).sum(axis=1)
    return float(np.average(distances, weights=cells.sum(axis=1)))


def _compute(samples: Samples) -> dict[str, float]:
    return {"fairness": fairness_of_trees(samples.trees, samples.checked[3], samples.interventions)}


FAIRNESS = Metric(
    name="fairness",
    produces=("fairness",),
    function=fairness,
    compute=_compute,
    paper="Locatello et al. 2019b",
    needs=("train", "test", "interventions"),
    cost="slow",
)
