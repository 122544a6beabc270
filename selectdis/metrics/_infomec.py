"""InfoMEC: modularity, explicitness and compactness by information."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selectdis._arrays import (
    check_codes,
    check_factors,
    entropy,
    known,
    standardise_by,
    varying_factors,
    warn_degenerate,
)
from selectdis.metrics._logistic import fit_logistic
from selectdis.metrics._neighbours import neighbour_information
from selectdis.metrics._registry import Metric, Samples

__all__ = ["INFOMEC", "InfoMEC", "infomec"]


class InfoMEC(NamedTuple):
    """Modularity (infom), explicitness (infoe) and compactness (infoc), each in [0, 1], higher is better."""

    infom: float
    infoe: float
    infoc: float


def infomec(
    codes: np.ndarray, factors: np.ndarray, *, n_neighbors: int = 10, inactive_range: float = 1 / 20, seed: int = 0
) -> InfoMEC:
    """Return InfoMEC of Hsu et al. 2023, "Disentanglement via Latent Quantization", section 4.

    With NMI(i, j) = I(factor i; code j) / H(factor i):
    InfoM = (mean_j max_i NMI / sum_i NMI - 1 / n_factors) / (1 - 1 / n_factors)  (equation 5),
    InfoC = (mean_i max_j NMI / sum_j NMI - 1 / n_latents) / (1 - 1 / n_latents)  (equation 6),
    InfoE = mean_i of 1 - (log loss of an unregularised logistic regression on all codes) / (that of uniform
    predictions)  (equation 8). As the authors compute it: information by nearest neighbours, classes balanced in the
    regression.

    Parameters
    ----------
    codes, factors : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations, and the class of each factor.
    n_neighbors : int
        Of the estimate of the information.
    inactive_range : float
        Codes whose range is not above this share of the widest range count as inactive and are left out of InfoM and
        InfoC.
    seed : int
        Of the tiny noise that tells equal codes apart; it matters for codes of few values only.

    Returns
    -------
    InfoMEC
        Each in [0, 1], higher is better; InfoE is 0 where the regressions do worse than uniform predictions. Constant
        factors are left out with a warning. With a single factor InfoM, with a single active code InfoC, is 1 by
        convention; with no factor or no live code left all are 0, with a warning.

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
    (x,) = standardise_by(codes)
    shares, explained = [], []
    for k in kept:
        rows, factor = known(x, factors[:, k])
        classes = np.unique(factor, return_inverse=True)[1]
        nats = [neighbour_information(z, classes, n_neighbors=n_neighbors, seed=seed) for z in rows.T[active]]
        shares.append(np.array(nats) / entropy(classes))
        explained.append(_explained(rows, classes))
    information = np.stack(shares, axis=1)  # (n_active, n_factors)
    return InfoMEC(_gap(information), max(float(np.mean(explained)), 0.0), _gap(information.T))


def _gap(information: np.ndarray) -> float:
    """Return the mean over rows of max / sum, rescaled so that a flat row gives 0 and a row with one entry 1."""
    k = information.shape[1]
    if k == 1:
        return 1.0
    total = information.sum(axis=1)
    share = np.where(total > 0, information.max(axis=1) / np.where(total > 0, total, 1.0), 1 / k)
    return float((share.mean() - 1 / k) / (1 - 1 / k))


def _explained(x: np.ndarray, classes: np.ndarray) -> float:
    """Return 1 - log loss / log n_classes of a regression that weighs classes alike, on the rows it learned from."""
    p = fit_logistic(x, classes, C=np.inf, class_weight="balanced").predict_proba(x)
    right = np.maximum(p[np.arange(len(x)), classes], np.finfo(p.dtype).eps)
    return float(1 + np.mean(np.log(right)) / np.log(p.shape[1]))


def _compute(samples: Samples) -> dict[str, float]:
    # Copies of an image lie at distance 0: to nearest neighbours they look like information.
    return infomec(*samples.each_once, seed=samples.seed)._asdict()


INFOMEC = Metric(
    name="infomec",
    produces=("infom", "infoe", "infoc"),
    function=infomec,
    compute=_compute,
    paper="Hsu et al. 2023",
)
