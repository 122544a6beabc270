"""Explicitness."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import scipy

from selectdis._arrays import check_parts, known, standardise_by, varying_factors, warn_degenerate
from selectdis.metrics._logistic import fit_logistic
from selectdis.metrics._registry import Metric, Samples

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

__all__ = ["EXPLICITNESS", "Explicitness", "explicitness"]


class Explicitness(NamedTuple):
    """Mean AUC on the training and on the test part; the test part is the score."""

    train: float
    test: float


def explicitness(
    codes_train: np.ndarray, factors_train: np.ndarray, codes_test: np.ndarray, factors_test: np.ndarray
) -> Explicitness:
    """Return the explicitness of Ridgeway and Mozer 2018.

    "Learning Deep Disentangled Embeddings with the F-Statistic Loss".
    The mean over factors of the area under the ROC curve, averaged over the factor's classes (each against the rest),
    of a multinomial logistic regression on all codes, standardised with the training part's mean and deviation.

    Parameters
    ----------
    codes_train, factors_train, codes_test, factors_test : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations and the class of each factor, to learn from and to test on.

    Returns
    -------
    Explicitness
        Each in [0, 1], higher is better, 0.5 for codes that know nothing (the raw area, not rescaled). A constant code
        carries nothing; a factor that is constant in the training part, and a class that is missing from a part or
        fills it, are left out with a warning; with nothing left the score is 0.5.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    codes_train, factors_train, codes_test, factors_test = check_parts(
        codes_train, factors_train, codes_test, factors_test
    )
    x_train, x_test = standardise_by(codes_train, codes_test)
    areas = []
    for k in varying_factors(factors_train, "explicitness", factors_test):
        train, test = known(x_train, factors_train[:, k]), known(x_test, factors_test[:, k])
        model = fit_logistic(*train)
        areas.append(
            (_macro_auc(model, train, f"factor {k}, training part"), _macro_auc(model, test, f"factor {k}, test part"))
        )
    return Explicitness(_mean([train for train, _ in areas]), _mean([test for _, test in areas]))


def _macro_auc(model: LogisticRegression, sample: tuple[np.ndarray, ...], part: str) -> float | None:
    """Mean area over the classes that the model knows and that are neither absent from `y` nor all of it."""
    x, y = sample
    one_hot = y[:, np.newaxis] == model.classes_  # (n, n_classes)
    positives = one_hot.sum(axis=0)
    usable = (positives > 0) & (positives < len(y))
    if not usable.all():
        warn_degenerate("explicitness", f"{part}: left out class(es) {model.classes_[~usable].tolist()}")
    if not usable.any():
        return None
    ranks = scipy.stats.rankdata(model.predict_proba(x)[:, usable], axis=0)
    one_hot, positives = one_hot[:, usable], positives[usable]
    # The area is the Mann-Whitney statistic, ties counting one half.
    wins = (ranks * one_hot).sum(axis=0) - positives * (positives + 1) / 2
    return float(np.mean(wins / (positives * (len(y) - positives))))


def _mean(areas: list[float | None]) -> float:
    known = [area for area in areas if area is not None]
    if not known:
        warn_degenerate("explicitness", "no class can be told from another, so the score is 0.5 by convention")
        return 0.5
    return float(np.mean(known))


def _compute(samples: Samples) -> dict[str, float]:
    return {"explicitness": explicitness(*samples.split).test}


EXPLICITNESS = Metric(
    name="explicitness",
    produces=("explicitness",),
    function=explicitness,
    compute=_compute,
    paper="Ridgeway and Mozer 2018",
    needs=("train", "test"),
)
