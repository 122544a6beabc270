"""InfoMEC: modularity, explicitness and compactness by information."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from selectdis._arrays import (
    bin_codes,
    check_codes,
    check_factors,
    entropy,
    mutual_information_matrix,
    standardise_by,
    varying_factors,
    warn_degenerate,
)
from selectdis.metrics._registry import Metric, Samples

__all__ = ["INFOMEC", "InfoMEC", "infomec"]


class InfoMEC(NamedTuple):
    """Modularity (infom), explicitness (infoe) and compactness (infoc), each in [0, 1], higher is better."""

    infom: float
    infoe: float
    infoc: float


def infomec(codes: np.ndarray, factors: np.ndarray, *, n_bins: int = 20, inactive_range: float = 1 / 8) -> InfoMEC:
    """Return InfoMEC of Hsu et al. 2023, "Disentanglement via Latent Quantization", section 4.

    With NMI(i, j) = I(factor i; code j) / H(factor i):
    InfoM = (mean_j max_i NMI / sum_i NMI - 1 / n_factors) / (1 - 1 / n_factors)  (equation 5),
    InfoC = (mean_i max_j NMI / sum_j NMI - 1 / n_latents) / (1 - 1 / n_latents)  (equation 6),
    InfoE = mean_i of 1 - (log loss of an unregularised logistic regression on all codes) / H(factor i)  (equation 8).

    Parameters
    ----------
    codes, factors : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations, and the class of each factor.
    n_bins : int
        Equal-width bins of each code. The authors estimate the information of continuous codes with nearest neighbours;
        the bins here are those of the MIG.
    inactive_range : float
        Codes whose range is not above this share of the widest range count as inactive and are left out of InfoM and
        InfoC.

    Returns
    -------
    InfoMEC
        Each in [0, 1], higher is better. Constant factors are left out with a warning. With a single factor InfoM, with
        a single active code InfoC, is 1 by convention; with no factor or no live code left all are 0, with a warning.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    codes = check_codes(codes)
    factors = check_factors(factors, len(codes))
    kept = varying_factors(factors, "infomec")
    width = np.ptp(codes, axis=0)
    active = width > inactive_range * width.max()
    if not kept or not active.any():
        warn_degenerate("infomec", "no factor varies or every code is constant, so the scores are 0 by convention")
        return InfoMEC(0.0, 0.0, 0.0)
    factors = factors[:, kept]
    entropies = np.array([entropy(column) for column in factors.T])
    information = mutual_information_matrix(bin_codes(codes[:, active], n_bins), factors) / entropies
    (x,) = standardise_by(codes)
    explained = [_explained(x, column, h) for column, h in zip(factors.T, entropies, strict=True)]
    return InfoMEC(_gap(information), float(np.mean(explained)), _gap(information.T))


def _gap(information: np.ndarray) -> float:
    """Return the mean over rows of max / sum, rescaled so that a flat row gives 0 and a row with one entry 1."""
    k = information.shape[1]
    if k == 1:
        return 1.0
    total = information.sum(axis=1)
    share = np.where(total > 0, information.max(axis=1) / np.where(total > 0, total, 1.0), 1 / k)
    return float((share.mean() - 1 / k) / (1 - 1 / k))


def _explained(x: np.ndarray, factor: np.ndarray, h: float) -> float:
    """Return the share of the entropy `h` that a logistic regression explains: V-information, clipped to [0, 1]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=np.inf).fit(x, factor)
    p = model.predict_proba(x)[np.arange(len(x)), np.searchsorted(model.classes_, factor)]
    return float(np.clip(1 + np.mean(np.log(np.maximum(p, 1e-15))) / h, 0.0, 1.0))


def _compute(samples: Samples) -> dict[str, float]:
    return infomec(samples.codes_train, samples.factors_train)._asdict()


INFOMEC = Metric(
    name="infomec",
    produces=("infom", "infoe", "infoc"),
    function=infomec,
    compute=_compute,
    paper="Hsu et al. 2023",
)
