"""Gaussian total correlation and Wasserstein correlation of codes."""

from __future__ import annotations

import warnings

import numpy as np
import scipy

from selectdis._arrays import check_codes, live_columns, warn_degenerate
from selectdis.criteria._registry import criterion_of_codes

__all__ = ["GAUSSIAN_TC", "GAUSSIAN_WASSERSTEIN", "gaussian_total_correlation", "gaussian_wasserstein"]


def gaussian_total_correlation(codes: np.ndarray) -> float:
    """Return the total correlation of a Gaussian with the covariance of the codes, in nats.

    KL(N(0, S) || N(0, diag S)) = (sum_i log S_ii - log det S) / 2; Locatello et al. 2019, section 5.1.

    Parameters
    ----------
    codes : (n_samples, n_latents) float
        Representations.

    Returns
    -------
    float
        In [0, inf), lower is better: 0 for uncorrelated codes. Constant codes are left out, with a warning. Codes that
        determine one another have an infinite total correlation: what comes out is then a large number set by rounding,
        with a warning. With fewer than two codes left, or one sample, it is 0.

    Raises
    ------
    SelectdisError
        On codes that are not finite.
    """
    codes = check_codes(codes)
    live = live_columns(codes)
    if not live.all():
        left_out = ", ".join(map(str, np.flatnonzero(~live)))
        warn_degenerate("gaussian_tc", f"left out constant code(s) {left_out}")
    if live.sum() < 2:
        return 0.0
    covariance = np.cov(codes[:, live].T)
    deviation = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(deviation, deviation)
    if np.linalg.matrix_rank(correlation, hermitian=True) < len(correlation):
        warn_degenerate("gaussian_tc", "codes depend linearly on one another, so the number is set by rounding")
    log_det = np.linalg.slogdet(covariance)[1]
    if not np.isfinite(log_det):
        smallest = np.finfo(np.float64).eps * len(correlation)
        log_det = (
            np.log(np.diag(covariance)).sum() + np.log(np.clip(np.linalg.eigvalsh(correlation), smallest, None)).sum()
        )
    return float(max(0.5 * (np.log(np.diag(covariance)).sum() - log_det), 0.0))


def gaussian_wasserstein(codes: np.ndarray, *, normalised: bool = False) -> float:
    """Return the squared Wasserstein-2 distance of a Gaussian with the codes' covariance S to its product of marginals.

    2 tr S - 2 tr (D S)^(1/2) with D = diag S; Locatello et al. 2019, section 5.1 (after Watters et al. 2019).

    Parameters
    ----------
    codes : (n_samples, n_latents) float
        Representations.
    normalised : bool
        Divide by tr S, the total variance, so that the scale of the codes does not matter.

    Returns
    -------
    float
        In [0, inf), in squared units of the codes (no unit when normalised), lower is better. Constant codes add
        nothing; where all are constant, or there is one sample, it is 0.

    Raises
    ------
    SelectdisError
        On codes that are not finite.
    """
    codes = check_codes(codes)
    if not live_columns(codes).any():
        return 0.0
    covariance = np.atleast_2d(np.cov(codes.T))
    total = float(np.trace(covariance))
    # Redundant codes leave eigenvalues of about -1e-17, whose roots are imaginary: the real part is what counts.
    distance = 2 * total - 2 * float(np.trace(_root(covariance * np.diag(covariance)[:, np.newaxis])).real)
    distance = max(distance, 0.0)
    return distance / total if normalised else distance


def _root(matrix: np.ndarray) -> np.ndarray:
    """Return the principal square root; of a singular matrix (dead or redundant codes) too, which exists here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scipy.linalg.LinAlgWarning)
        root: np.ndarray = scipy.linalg.sqrtm(matrix)
    return root


GAUSSIAN_TC = criterion_of_codes("gaussian_tc", gaussian_total_correlation, "Locatello et al. 2019")
GAUSSIAN_WASSERSTEIN = criterion_of_codes("gaussian_wasserstein", gaussian_wasserstein, "Locatello et al. 2019")
