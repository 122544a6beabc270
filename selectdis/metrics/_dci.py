"""Disentanglement, completeness, informativeness."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selectdis._arrays import check_parts, varying_factors, warn_degenerate
from selectdis.errors import check_choice, renamed
from selectdis.metrics._registry import Metric, Samples
from selectdis.metrics._trees import ESTIMATORS, Estimator, FittedTrees, fit_all_trees

__all__ = ["DCI", "DCI_METRIC", "dci"]

FLOOR = 1e-11  # inside the logarithms, as in the reference


class DCI(NamedTuple):
    """The three scores of DCI; informativeness is accuracy (not error), given on both parts."""

    disentanglement: float
    completeness: float
    informativeness_train: float
    informativeness_test: float


@renamed(jobs="n_jobs")
def dci(
    codes_train: np.ndarray,
    factors_train: np.ndarray,
    codes_test: np.ndarray,
    factors_test: np.ndarray,
    *,
    estimator: Estimator = "auto",
    seed: int = 0,
    n_jobs: int = 1,
) -> DCI:
    """Return the DCI of Eastwood and Williams 2018.

    "A Framework for the Quantitative Evaluation of Disentangled Representations".
    Boosted trees predict each factor from all codes. With R the importances (n_latents, n_factors), normalised per
    factor, disentanglement is the mean over codes of 1 - H(R over factors) weighted by the code's share of R
    (their equation 1 and below), completeness the mean over factors of 1 - H(R over codes), weighted likewise
    (equation 2), informativeness the mean accuracy.

    Parameters
    ----------
    codes_train, factors_train, codes_test, factors_test : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations and the class of each factor, to learn from and to test on.
    estimator : {"auto", "exact", "binned", "sklearn"}
        "sklearn" is the reference's GradientBoostingClassifier (seeded); "exact" grows the same trees, with a threshold
        between any two values of a code; "binned" is an approximation, on at most 255 bins per code, many times faster
        (docs/metrics.md has its error: up to 0.04 on 500 to 2,000 samples, 0.02 from 5,000). "auto" is exact up
        to 500 training samples, and binned above: compare scores of one estimator only.
    seed : int
        Of the trees.
    n_jobs : int
        Threads; the result does not depend on their number.

    Returns
    -------
    DCI
        Each in [0, 1], higher is better. A factor that is constant in the training part is left out with a warning.
        With a single factor disentanglement is 1 by convention (0 where no code helps), with a single code
        completeness; with no factor left all are 0.

    Raises
    ------
    SelectdisError
        On codes that are not finite, shapes that do not fit, or an unknown estimator.
    """
    check_choice("estimator", estimator, ESTIMATORS)
    parts = check_parts(codes_train, factors_train, codes_test, factors_test)
    varying_factors(parts[1], "dci", parts[3])
    return dci_of_trees(fit_all_trees(*parts, estimator=estimator, seed=seed, n_jobs=n_jobs))


def dci_of_trees(trees: dict[int, FittedTrees]) -> DCI:
    """Return the scores of fitted classifiers, one per factor."""
    if not trees:
        warn_degenerate("dci", "no factor varies, so the scores are 0 by convention")
        return DCI(0.0, 0.0, 0.0, 0.0)
    importances = np.column_stack([fitted.importances for fitted in trees.values()])  # (n_latents, n_factors)
    return DCI(
        disentanglement(importances),
        disentanglement(importances.T),  # completeness is the same with the roles exchanged
        float(np.mean([fitted.accuracy_train for fitted in trees.values()])),
        float(np.mean([fitted.accuracy_test for fitted in trees.values()])),
    )


def disentanglement(importances: np.ndarray) -> float:
    """Return the mean over rows of 1 - entropy (base: the row's length), weighted by the row's share of the total."""
    total = importances.sum()
    if total == 0:
        return 0.0
    if importances.shape[1] == 1:
        return 1.0
    p = importances + FLOOR
    p = p / p.sum(axis=1, keepdims=True)
    per_row = 1.0 + np.sum(p * np.log(p), axis=1) / np.log(importances.shape[1])
    return float(np.sum(per_row * importances.sum(axis=1) / total))


def _compute(samples: Samples) -> dict[str, float]:
    scores = dci_of_trees(samples.trees)
    return {
        "dci_disentanglement": scores.disentanglement,
        "dci_completeness": scores.completeness,
        "dci_informativeness": scores.informativeness_test,
    }


DCI_METRIC = Metric(
    name="dci",
    produces=("dci_disentanglement", "dci_completeness", "dci_informativeness"),
    function=dci,
    compute=_compute,
    paper="Eastwood and Williams 2018",
    needs=("train", "test"),
    cost="slow",
)
