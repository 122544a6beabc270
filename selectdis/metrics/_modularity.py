"""Modularity."""

from __future__ import annotations

import numpy as np

from selectdis._arrays import check_codes, check_factors, information_matrix, warn_degenerate
from selectdis._factors import MISSING
from selectdis.metrics._registry import plain_metric

__all__ = ["MODULARITY", "modularity"]


def modularity(codes: np.ndarray, factors: np.ndarray, *, n_bins: int = 20) -> float:
    """Return the modularity of Ridgeway and Mozer 2018.

    "Learning Deep Disentangled Embeddings with the F-Statistic Loss".
    The mean over codes of 1 - sum over the other factors of I(z; v)^2 / (I_max^2 (n_factors - 1)), where I_max is the
    information of the code about its best factor (their section 3, equation 2).

    Parameters
    ----------
    codes, factors : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations, and the class of each factor.
    n_bins : int
        Equal-width bins of each code.

    Returns
    -------
    float
        In [0, 1], higher is better: 1 where each code knows about one factor alone. All codes count, so that noise
        codes have a say; a code with no information at all counts as 0. A constant factor stays one of the n_factors,
        as in the reference. With a single factor a code with any information counts as 1.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    codes = check_codes(codes)
    factors = check_factors(factors, len(codes))
    factors = factors[:, (factors != MISSING).any(axis=0)]
    squared = np.square(information_matrix(codes, factors, n_bins))  # (n_latents, n_factors)
    if factors.shape[1] == 1:
        warn_degenerate("modularity", "with a single factor every code that knows anything of it counts as 1")
    top = squared.max(axis=1)
    others = squared.sum(axis=1) - top
    scale = np.where(top > 0, top, 1.0) * max(factors.shape[1] - 1, 1)
    return float(np.mean(np.where(top > 0, 1.0 - others / scale, 0.0)))


MODULARITY = plain_metric("modularity", modularity, "Ridgeway and Mozer 2018")
