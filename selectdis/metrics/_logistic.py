"""The logistic regression that several metrics fit."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

__all__ = ["fit_logistic"]


def fit_logistic(x: np.ndarray, y: np.ndarray, **options: Any) -> LogisticRegression:
    """Fit scikit-learn's regression with its `options`, silent about too few iterations."""
    from sklearn.exceptions import ConvergenceWarning  # seconds, which only who fits one should wait for
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(**options).fit(x, y)
