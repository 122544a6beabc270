"""Mutual information of a continuous and a discrete variable, by nearest neighbours."""

from __future__ import annotations

import numpy as np
import scipy

__all__ = ["neighbour_information"]

NOISE = 1e-10  # relative; breaks ties, as in scikit-learn's estimator


def neighbour_information(x: np.ndarray, classes: np.ndarray, *, n_neighbors: int = 10, seed: int = 0) -> float:
    """Return I(x; class) in nats: Ross 2014, "Mutual Information between Discrete and Continuous Data Sets".

    What scikit-learn's `mutual_info_classif` gives for one feature, by sorting instead of trees of neighbours.

    Parameters
    ----------
    x : (n,) float
        Continuous values.
    classes : (n,) int
        Of each row, from 0; a class with a single row is left out.
    n_neighbors : int
        How far the ball around a point reaches among the points of its class.
    seed : int
        Of the noise that breaks ties.
    """
    counts = np.bincount(classes)
    x = x / (x.std() or 1.0)
    x = x + NOISE * max(1.0, np.abs(x).mean()) * np.random.default_rng(seed).standard_normal(len(x))
    shared = counts[classes] > 1
    x, classes = x[shared], classes[shared]
    if not len(x):
        return 0.0
    radius, neighbours = np.empty(len(x)), np.minimum(n_neighbors, counts[classes] - 1)
    for c in np.flatnonzero(counts > 1):
        radius[classes == c] = _distances(x[classes == c], min(n_neighbors, counts[c] - 1))
    inside = _inside(x, radius)
    information = (
        scipy.special.digamma(len(x))
        + scipy.special.digamma(neighbours).mean()
        - scipy.special.digamma(counts[classes]).mean()
        - scipy.special.digamma(inside).mean()
    )
    return max(float(information), 0.0)


def _distances(x: np.ndarray, k: int) -> np.ndarray:
    """Return the distance of each of x (n,) to its k-th neighbour: the best of the k + 1 windows that hold it."""
    order = np.argsort(x, kind="stable")
    values, best = x[order], np.full(len(x), np.inf)
    for left in range(k + 1):
        at = np.arange(left, len(x) - k + left)
        width = np.maximum(values[at] - values[at - left], values[at - left + k] - values[at])
        best[at] = np.minimum(best[at], width)
    distances = np.empty_like(best)
    distances[order] = best
    return distances


def _inside(x: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Count the points nearer to each of x (n,) than its radius, itself with them."""
    values = np.sort(x)
    own = np.searchsorted(values, x)
    low = np.searchsorted(values, x - radius, side="left")
    high = np.searchsorted(values, x + radius, side="right") - 1
    # x - radius is rounded, so that the ends may lie a point or two too far out: differences decide.
    while (far := (low < own) & (x - values[low] >= radius)).any():
        low += far
    while (far := (high > own) & (values[high] - x >= radius)).any():
        high -= far
    return high - low + 1
