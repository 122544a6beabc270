"""Gram matrices of a decoder's Jacobian, J^T J, at several places."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from selectdis._arrays import as_numpy
from selectdis.errors import SelectdisError

__all__ = ["correlations"]


def correlations(gram: np.ndarray, active: np.ndarray | None) -> Iterator[np.ndarray]:
    """Yield the cosines between the columns of J at each place, (k, k), of the k active ones that are not 0 there."""
    gram = as_numpy(gram).astype(np.float64)
    if gram.ndim != 3 or gram.shape[1] != gram.shape[2] or 0 in gram.shape:
        raise SelectdisError(f"gram must be (n_places, n_latents, n_latents) and not empty; found {gram.shape}")
    used = np.ones(gram.shape[1], dtype=bool) if active is None else np.asarray(active, dtype=bool)
    if used.shape != gram.shape[1:2]:
        raise SelectdisError(f"active must be (n_latents,), here {gram.shape[1:2]}; found {used.shape}")
    if not np.isfinite(gram).all():
        raise SelectdisError("gram must be finite: leave out the run")
    for matrix in gram:
        moves = used & (np.diag(matrix) > 0)
        lengths = np.sqrt(np.diag(matrix)[moves])
        yield matrix[np.ix_(moves, moves)] / np.outer(lengths, lengths)
