"""Factorised support: whether every combination of two latents' values occurs."""

from __future__ import annotations

import itertools

import numpy as np

from selectdis._arrays import check_codes, live_columns
from selectdis.criteria._pool import standardise
from selectdis.criteria._trained import criterion_to_try
from selectdis.errors import SelectdisError

__all__ = ["FACTORISED_SUPPORT", "factorised_support"]


def factorised_support(codes: np.ndarray, *, active: np.ndarray | None = None, batch: int = 128) -> float:
    """Return how far the support of the codes is from the product of their supports.

    Roth et al. 2023, "Disentanglement of correlated factors via Hausdorff factorized support", equation 5: for each
    pair of latents, the largest distance from a point of the product of the two latents' values to the nearest code of
    the batch, summed over the pairs. Factors may be correlated, as long as every combination occurs.

    Parameters
    ----------
    codes : (n_samples, n_latents) float
        Representations; each latent is brought to deviation 1, without which the scale of the codes decides.
    active : (n_latents,) bool, optional
        Which latents count; constant ones never do.
    batch : int
        How many codes, the first ones: time grows with their number cubed.

    Returns
    -------
    float
        In [0, inf), in standard deviations; lower is better. With fewer than two latents left it is 0.

    Raises
    ------
    SelectdisError
        On codes that are not finite, or a mask of another shape.
    """
    codes = check_codes(codes)
    used = live_columns(codes)
    if active is not None:
        if np.shape(active) != used.shape:
            raise SelectdisError(f"active must be (n_latents,), here {used.shape}; found {np.shape(active)}")
        used &= np.asarray(active, dtype=bool)
    points = standardise(codes[:, used])[:batch]
    squares = [np.square(column[:, None] - column[None, :]) for column in points.T]  # (n, n): a value, a code
    return float(sum(_largest_distance(a, b) for a, b in itertools.combinations(squares, 2)))


def _largest_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return max over values a, b of min over codes k of sqrt(first[a, k] + second[b, k])."""
    nearest = np.full((len(first), len(second)), np.inf)
    for k in range(first.shape[1]):
        np.minimum(nearest, first[:, k, None] + second[None, :, k], out=nearest)
    return float(np.sqrt(nearest.max()))


FACTORISED_SUPPORT = criterion_to_try(
    "factorised_support",
    factorised_support,
    lambda run: factorised_support(run.mean, active=run.active),
    "Roth et al. 2023",
)
