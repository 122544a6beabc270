"""Intervals that stay honest with two to seven data sets, where a percentile bootstrap does not."""

from __future__ import annotations

import numpy as np
from scipy import stats

__all__ = ["UNIFORM_VARIANCE", "group_resamples", "hierarchical_variance", "moderated_interval"]

UNIFORM_VARIANCE = 1.0 / 12.0  # of the percentile of a pick that knows nothing


def moderated_interval(
    values: np.ndarray,
    *,
    prior_variance: float = UNIFORM_VARIANCE,
    bootstrap_variance: float = 0.0,
    level: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[float, float]:
    """Return a t interval for the mean over data sets, with a variance that few data sets cannot make vanish.

    The variance over data sets is moderated (Smyth 2004, with one prior degree of freedom):
    s^2 = ((D - 1) var(values) + prior_variance) / D, with D degrees of freedom. Two data sets that agree by luck then
    give a wide interval rather than none. The standard error is never below that of the hierarchical bootstrap.

    Parameters
    ----------
    values
        (n_datasets,) in `bounds`.
    prior_variance
        Of one value where nothing is known: that of a random pick.
    bootstrap_variance
        Of the mean, from `hierarchical_variance`.
    level
        Coverage aimed at.
    bounds
        What the mean cannot leave.

    Returns
    -------
    (low, high)
    """
    count = len(values)
    spread = ((count - 1) * np.var(values, ddof=1) if count > 1 else 0.0) + prior_variance
    error = np.sqrt(max(spread / count / count, bootstrap_variance))
    half = stats.t.ppf(0.5 + level / 2, df=count) * error
    middle = float(np.mean(values))
    return max(bounds[0], middle - half), min(bounds[1], middle + half)


def hierarchical_variance(replicates: np.ndarray, rng: np.random.Generator) -> float:
    """Return the variance of the mean under resampling data sets, and seeds within each.

    Parameters
    ----------
    replicates
        (n_datasets, n_bootstrap): the value on each data set under resampled seeds.
    rng
        Draws the data sets, and for each of them one of its replicates.
    """
    n_datasets, n_bootstrap = replicates.shape
    if n_bootstrap < 2:
        return 0.0
    size = (max(1000, n_bootstrap), n_datasets)
    drawn = replicates[rng.integers(n_datasets, size=size), rng.integers(n_bootstrap, size=size)]
    return float(drawn.mean(axis=1).var(ddof=1))


def group_resamples(groups: np.ndarray, n_bootstrap: int, rng: np.random.Generator) -> np.ndarray:
    """Draw row numbers that resample runs with replacement within each group.

    Parameters
    ----------
    groups
        (n_runs,) int: codes 0 to k - 1, of configurations say.
    n_bootstrap, rng
        How many resamples, and from where.

    Returns
    -------
    (n_bootstrap, n_runs) int64, sorted by group.
    """
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[starts + (rng.random((n_bootstrap, len(groups))) * np.repeat(sizes, sizes)).astype(np.int64)]
