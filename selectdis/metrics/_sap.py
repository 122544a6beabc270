"""Separated attribute predictability."""

from __future__ import annotations

import numpy as np

from selectdis._arrays import check_parts, known, varying_factors, warn_degenerate
from selectdis.metrics._registry import plain_metric

__all__ = ["SAP", "sap"]


def sap(
    codes_train: np.ndarray,
    factors_train: np.ndarray,
    codes_test: np.ndarray,
    factors_test: np.ndarray,
    *,
    C: float = 0.01,
) -> float:
    """Return SAP of Kumar et al. 2018, "Variational Inference of Disentangled Latent Concepts", section 3.

    The mean over (discrete) factors of the gap between the two codes that predict the factor best, each alone, by the
    test accuracy of a linear support vector machine (squared hinge, one against the rest, balanced classes).

    Parameters
    ----------
    codes_train, factors_train, codes_test, factors_test : (n_samples, n_latents) float, (n_samples, n_factors) int
        Representations and the class of each factor, to learn from and to test on.
    C : float
        Weight of the hinge against the squared norm.

    Returns
    -------
    float
        In [0, 1], higher is better. A linear machine on one number cannot single out middle classes, so that a perfect
        code with many values scores about 0.3. With a single code the second accuracy is 0; a factor that is constant
        in the training part is left out with a warning; with no factor left the score is 0.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    codes_train, factors_train, codes_test, factors_test = check_parts(
        codes_train, factors_train, codes_test, factors_test
    )
    kept = varying_factors(factors_train, "sap", factors_test)
    if not kept:
        warn_degenerate("sap", "no factor varies, so the score is 0 by convention")
        return 0.0
    from sklearn.svm import LinearSVC  # here: it takes seconds to import

    accuracies = np.zeros((codes_train.shape[1] + 1, len(kept)))  # the last row stands for "no code"
    for j in range(codes_train.shape[1]):
        for column, k in enumerate(kept):
            x, y = known(codes_train[:, [j]], factors_train[:, k])
            machine = LinearSVC(C=C, class_weight="balanced", dual=False).fit(x, y)
            x, y = known(codes_test[:, [j]], factors_test[:, k])
            accuracies[j, column] = np.mean(machine.predict(x) == y)
    ranked = np.sort(accuracies, axis=0)
    return float(np.mean(ranked[-1] - ranked[-2]))


SAP = plain_metric("sap", sap, "Kumar et al. 2018", needs=("train", "test"))
