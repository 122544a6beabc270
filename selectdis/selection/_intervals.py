"""Intervals that stay honest with a dozen data sets or fewer, where a percentile bootstrap does not."""

from __future__ import annotations

import numpy as np
import scipy

__all__ = [
    "UNIFORM_VARIANCE",
    "group_resamples",
    "hierarchical_variance",
    "moderated_interval",
    "prediction_range",
    "probability_interval",
]

UNIFORM_VARIANCE = 1.0 / 12.0  # of the percentile of a pick that knows nothing
_PRIOR = 2  # degrees of freedom of what is assumed of the variance before any data set is seen


def probability_interval(
    values: np.ndarray, *, bootstrap_variance: float = 0.0, level: float = 0.95
) -> tuple[float, float]:
    """Return an interval for the mean over data sets of a probability: that of so many coin tosses.

    With m the mean of the D values, their variance is moderated (Smyth 2004) by two prior degrees of freedom at
    m (1 - m) / 3, which is what a uniform distribution has at m = 1/2: v = ((D - 1) var(values) + 2 m (1 - m) / 3) /
    (D + 1). The values tell as much as n = D m (1 - m) / v tosses would, within [D / 2, 4 (D - 1)], of which m n came
    up: the interval is that of Clopper and Pearson 1934. It is skewed as a probability near 1 has to be, and data sets
    that agree by luck are no certainty. ``benchmarks/coverage.py`` measures how often it holds the truth.

    Parameters
    ----------
    values
        (n_datasets,) in [0, 1].
    bootstrap_variance
        Of the mean, from `hierarchical_variance`: v / D is never taken below it.
    level
        Coverage aimed at.

    Returns
    -------
    (low, high)
    """
    count, middle = len(values), float(np.mean(values))
    toss = middle * (1.0 - middle)
    spread = (count - 1) * np.var(values, ddof=1) if count > 1 else 0.0
    variance = max((spread + _PRIOR * toss / 3) / (count - 1 + _PRIOR), count * bootstrap_variance)
    sure = toss < 1e-12  # every value is 0, or every one is 1
    most = max(count, 4 * (count - 1))
    tosses = most if sure else np.clip(count * toss / variance, count / 2, most)
    won, lost, tail = middle * tosses, (1.0 - middle) * tosses, (1.0 - level) / 2
    low = scipy.stats.beta.ppf(tail, won, lost + 1) if won > 1e-9 else 0.0
    high = scipy.stats.beta.ppf(1.0 - tail, won + 1, lost) if lost > 1e-9 else 1.0
    return float(low), float(high)


def prediction_range(values: np.ndarray, *, variance: float | None = None, level: float = 0.95) -> tuple[float, float]:
    """Return the range in which the value on one more data set is expected: that of a single pick, not of the mean.

    mean +- t sqrt(v (1 + 1 / D)) within [0, 1], D degrees of freedom, v as in `moderated_interval`.

    Parameters
    ----------
    values
        (n_datasets,) in [0, 1].
    variance
        Of single picks, where `values` are means over several; default: that of `values`.
    level
        Coverage aimed at.

    Returns
    -------
    (low, high)
    """
    count, middle = len(values), float(np.mean(values))
    if variance is None:
        variance = float(np.var(values, ddof=1)) if count > 1 else 0.0
    spread = ((count - 1) * variance + UNIFORM_VARIANCE) / count
    half = scipy.stats.t.ppf(0.5 + level / 2, df=count) * np.sqrt(spread * (1 + 1 / count))
    return max(0.0, middle - half), min(1.0, middle + half)


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
    half = scipy.stats.t.ppf(0.5 + level / 2, df=count) * error
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
