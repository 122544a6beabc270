"""Ridge regression with a random effect for each group, whose columns are never made."""

from __future__ import annotations

import numpy as np

__all__ = ["GroupRidge"]

ALPHAS = np.logspace(0, 4, 9)


class GroupRidge:
    """What scikit-learn's ``StandardScaler`` and ``RidgeCV`` give for ``[one column for each group, inputs]``.

    minimise |y - mu - G u - X b|^2 + alpha (|u|^2 + |b|^2), where a column of G marks the runs of one of the C groups,
    divided by its standard deviation s_c, and X is standardised. Given b and mu the effects u are shrunk means of the
    residuals in their groups, so that y ~ [1, X] has the covariance V = I + G G' / alpha, which has one block for each
    group: V^-1 = I - w_c / n_c on it, with w_c = n_c / (n_c + alpha s_c^2). Alpha is chosen by the squared
    leave-one-out errors r_i / (1 - h_i). Time and memory grow with runs x inputs, not with runs x groups.
    """

    def fit(self, groups: np.ndarray, inputs: np.ndarray, values: np.ndarray) -> GroupRidge:
        """Learn from (n_runs,) codes 0 to C - 1, (n_runs, n_inputs) and (n_runs,) values."""
        self._centre, scale = inputs.mean(axis=0), inputs.std(axis=0)
        self._scale = np.where(scale > 1e-12, scale, 1.0)
        design = np.column_stack([np.ones(len(values)), (inputs - self._centre) / self._scale])
        sizes = np.bincount(groups).astype(float)
        shares = sizes / len(values)
        variances = shares * (1 - shares)
        sums = np.stack([np.bincount(groups, column) for column in [*design.T, values]], axis=1)  # (C, 1 + inputs + 1)
        gram = np.column_stack([design, values]).T @ np.column_stack([design, values])
        best = np.inf
        for alpha in ALPHAS:
            shrunk = np.where(
                variances > 0, 1.0 / (sizes + alpha * variances), 0.0
            )  # w_c / n_c; 0: one group is no group
            system = gram - (sums * shrunk[:, None]).T @ sums
            penalised = system[:-1, :-1] + alpha * np.diag([0.0, *np.ones(inputs.shape[1])])
            inverse = np.linalg.inv(penalised)
            slopes = inverse @ system[:-1, -1]
            effects = shrunk * (sums[:, -1] - sums[:, :-1] @ slopes)
            residuals = values - design @ slopes - effects[groups]
            leverage = _leverage(design - (sums[:, :-1] * shrunk[:, None])[groups], inverse)
            error = float(np.mean((residuals / (1 - shrunk[groups] - leverage)) ** 2))
            if error < best:
                best, self._slopes, self._effects = error, slopes, effects
        return self

    def predict(self, groups: np.ndarray, inputs: np.ndarray) -> np.ndarray:
        """Return the (n_runs,) values expected; a run of no known group has the code -1."""
        effects = np.append(self._effects, 0.0)[groups]
        return self._slopes[0] + (inputs - self._centre) / self._scale @ self._slopes[1:] + effects


def _leverage(rows: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("ij,ij->i", rows @ inverse, rows))
