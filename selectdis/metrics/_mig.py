"""Mutual information gap."""

from __future__ import annotations

import numpy as np

from selectdis._arrays import (
    check_codes,
    check_factors,
    entropy,
    information_matrix,
    known,
    varying_factors,
    warn_degenerate,
)
from selectdis.metrics._registry import plain_metric

__all__ = ["MIG", "mig"]


def mig(codes: np.ndarray, factors: np.ndarray, *, n_bins: int = 20) -> float:
    """Return the MIG of Chen et al. 2018, "Isolating Sources of Disentanglement in VAEs", equation 6.

    The mean over factors v of (I(z_first; v) - I(z_second; v)) / H(v), where z_first and z_second are the two codes
    that know most about v.

    Parameters
    ----------
    codes, factors : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations, and the class of each factor.
    n_bins : int
        Equal-width bins of each code.

    Returns
    -------
    float
        In [0, 1], higher is better: 1 where each factor is known by one code alone. With a single code the second
        information is 0; a constant factor is left out with a warning; with no factor left the score is 0.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    codes = check_codes(codes)
    factors = check_factors(factors, len(codes))
    kept = varying_factors(factors, "mig")
    if not kept:
        warn_degenerate("mig", "no factor varies, so the score is 0 by convention")
        return 0.0
    factors = factors[:, kept]
    information = information_matrix(codes, factors, n_bins)  # (n_latents, n_factors)
    ranked = np.sort(np.vstack([np.zeros(len(kept)), information]), axis=0)
    entropies = np.array([entropy(*known(column)) for column in factors.T])
    return float(np.mean((ranked[-1] - ranked[-2]) / entropies))


MIG = plain_metric("mig", mig, "Chen et al. 2018")
