"""Many small lasso problems that share their predictors, by coordinate descent on the Gram matrix."""

from __future__ import annotations

import numpy as np

__all__ = ["lasso_coefficients"]


def lasso_coefficients(
    x: np.ndarray, y: np.ndarray, *, alpha: float, tolerance: float = 1e-4, max_sweeps: int = 1000
) -> np.ndarray:
    """Return the w that minimise |y - x w|^2 / (2 n) + alpha |w|_1, one target at a time.

    The steps of scikit-learn 1.9's `Lasso` in its order: cyclic descent, and a stop on the duality gap with gap-safe
    screening (Fercoq et al. 2015), so that even the error of an early stop is the same, to rounding. All targets go
    together, and the samples are touched once.

    Parameters
    ----------
    x : (n_samples, n_predictors) float64
        Columns of mean 0.
    y : (n_samples, n_targets) float64
        Columns of mean 0.
    alpha : float
        Weight of the penalty.
    tolerance, max_sweeps : float, int
        When to stop: the duality gap over |y|^2, and passes over the predictors.

    Returns
    -------
    (n_predictors, n_targets) float64
        The coefficients.
    """
    gram, xy, yy = x.T @ x, x.T @ y, np.einsum("nt,nt->t", y, y)
    problem = _Problem(gram, xy, yy, alpha * len(x), tolerance)
    problem.solve(max_sweeps)
    return problem.w


class _Problem:
    """The state of all targets: w (p, t), and q = x'(y - x w) (p, t)."""

    def __init__(self, gram: np.ndarray, xy: np.ndarray, yy: np.ndarray, penalty: float, tolerance: float) -> None:
        self.gram, self.xy, self.yy, self.penalty = gram, xy, yy, penalty
        self.step_tolerance, self.gap_tolerance = tolerance, tolerance * yy
        self.norm2 = np.diag(gram)
        self.w, self.q = np.zeros_like(xy), xy.copy()
        self.used = np.broadcast_to(self.norm2[:, np.newaxis] > 0, xy.shape).copy()

    def solve(self, max_sweeps: int) -> None:
        open_targets = self._check(np.arange(self.xy.shape[1]))
        for _ in range(max_sweeps):
            if not len(open_targets):
                return
            step, size = self._sweep(open_targets)
            settled = (size == 0) | (step <= self.step_tolerance * size)
            still_open = self._check(open_targets[settled])
            open_targets = np.sort(np.concatenate([open_targets[~settled], still_open]))

    def _sweep(self, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pass once over the predictors for the targets `t`; return the largest step and coefficient of each."""
        w, q, used = self.w[:, t], self.q[:, t], self.used[:, t]
        step, size = np.zeros(len(t)), np.zeros(len(t))
        for j in np.flatnonzero(self.norm2 > 0):
            z = q[j] + w[j] * self.norm2[j]
            new = np.sign(z) * np.maximum(np.abs(z) - self.penalty, 0.0) / self.norm2[j]
            change = np.where(used[j], new - w[j], 0.0)
            w[j] += change
            q -= np.outer(self.gram[:, j], change)
            step, size = np.maximum(step, np.abs(change)), np.maximum(size, np.abs(w[j]) * used[j])
        self.w[:, t], self.q[:, t] = w, q
        return step, size

    def _check(self, t: np.ndarray) -> np.ndarray:
        """Return the targets of `t` whose duality gap is still too wide; screen out predictors that must end at 0."""
        w, q = self.w[:, t], self.q[:, t]
        fit = np.einsum("pt,pt->t", w, self.xy[:, t])
        residual = self.yy[t] - 2 * fit + np.einsum("pt,pq,qt->t", w, self.gram, w)
        dual_norm = np.abs(q).max(axis=0)
        scale = np.minimum(1.0, self.penalty / np.where(dual_norm > 0, dual_norm, 1.0))
        primal = 0.5 * residual + self.penalty * np.abs(w).sum(axis=0)
        gap = primal + 0.5 * scale**2 * residual - scale * (self.yy[t] - fit)
        still = gap > self.gap_tolerance[t]
        self._screen(t[still], gap[still], dual_norm[still])
        return t[still]

    def _screen(self, t: np.ndarray, gap: np.ndarray, dual_norm: np.ndarray) -> None:
        slack = 1 - np.abs(self.q[:, t]) / np.maximum(self.penalty, dual_norm)
        norm = np.sqrt(self.norm2)[:, np.newaxis]
        keep = self.used[:, t] & (slack <= norm * np.sqrt(2 * gap) / self.penalty)
        dropped = np.where(keep, 0.0, self.w[:, t])
        self.q[:, t] += self.gram @ dropped
        self.w[:, t] -= dropped
        self.used[:, t] = keep
