"""Interventional robustness score."""

from __future__ import annotations

import numpy as np

from selectdis._arrays import as_classes, bin_codes, check_codes, check_factors, known, live_columns, warn_degenerate
from selectdis._factors import MISSING
from selectdis.metrics._registry import plain_metric

__all__ = ["IRS", "irs"]


def irs(codes: np.ndarray, factors: np.ndarray, *, quantile: float = 0.99, n_bins: int = 20) -> float:
    """Return the interventional robustness score of Suter et al. 2019, "Robustly Disentangled Causal Mechanisms".

    For a code and a factor, 1 minus the mean over the factor's values of the `quantile` of |z - E[z | value]|, over
    the code's largest deviation from its mean (their algorithm 1, the disentanglement case); a code takes its best
    factor, and codes are averaged with their largest deviations as weights.

    Parameters
    ----------
    codes, factors : (n_samples, n_latents) float, (n_samples, n_factors) int or float
        Representations, and the class or the value of each factor.
    quantile : float
        Of the deviations within a factor's value, in (0, 1].
    n_bins : int
        Factors with more values are merged into that many equal-width bins, as in the reference. Continuous factors
        are taken, and cut into that many bins of equal frequency.

    Returns
    -------
    float
        In [0, 1], higher is better: 1 where fixing one factor fixes each code. Constant codes are left out (they weigh
        nothing); with no code left the score is 0, with a warning.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    codes = check_codes(codes).astype(np.float64)
    factors = check_factors(factors, len(codes), bins=n_bins)
    codes = codes[:, live_columns(codes)]
    if codes.shape[1] == 0:
        warn_degenerate("irs", "every code is constant, so the score is 0 by convention")
        return 0.0
    usable = [known(codes, column) for column in factors.T if (column != MISSING).any()]
    if not usable:
        warn_degenerate("irs", "no factor can be used, so the score is 0 by convention")
        return 0.0
    deviations = np.column_stack(
        [_deviation(z, bin_codes(v[:, np.newaxis], n_bins)[:, 0], quantile) for z, v in usable]
    )  # (n_latents, n_factors)
    largest = np.abs(codes - codes.mean(axis=0)).max(axis=0)
    robustness = 1.0 - deviations / largest[:, np.newaxis]
    return float(np.average(robustness.max(axis=1), weights=largest))


def _deviation(codes: np.ndarray, values: np.ndarray, quantile: float) -> np.ndarray:
    """Mean over the values of one factor of the quantile of |z - E[z | value]|, (n_latents,)."""
    classes, n_classes = as_classes(values)
    groups = np.split(codes[np.argsort(classes, kind="stable")], np.cumsum(np.bincount(classes))[:-1])
    return sum(np.quantile(np.abs(z - z.mean(axis=0)), quantile, axis=0) for z in groups) / n_classes


IRS = plain_metric("irs", irs, "Suter et al. 2019", continuous=True)
