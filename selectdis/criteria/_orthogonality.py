"""Orthogonality: whether latents move a decoded image in orthogonal ways, by angles."""

from __future__ import annotations

import numpy as np

from selectdis.criteria._gram import correlations
from selectdis.criteria._trained import criterion_to_try

__all__ = ["JACOBIAN_ORTHOGONALITY", "jacobian_orthogonality"]


def jacobian_orthogonality(gram: np.ndarray, *, active: np.ndarray | None = None) -> float:
    """Return the mean absolute cosine between two columns of the decoder's Jacobian.

    The local orthogonality that Rolinek et al. 2019, "Variational autoencoders pursue PCA directions (by accident)",
    find in VAEs, as a number; averaged over pairs of columns, then over places.

    Parameters
    ----------
    gram : (n_places, n_latents, n_latents) float
        J^T J, with J the decoder's Jacobian.
    active : (n_latents,) bool, optional
        Which latents count; a column that is 0 at a place never does there.

    Returns
    -------
    float
        In [0, 1], lower is better: 0 for orthogonal columns. With fewer than two columns it is 0.

    Raises
    ------
    SelectdisError
        On matrices that are not square, not finite, or a mask of another shape.
    """
    cosines = [
        float(np.abs(matrix[np.triu_indices(len(matrix), 1)]).mean()) if len(matrix) > 1 else 0.0
        for matrix in correlations(gram, active)
    ]
    return min(float(np.mean(cosines)), 1.0)


JACOBIAN_ORTHOGONALITY = criterion_to_try(
    "jacobian_orthogonality",
    jacobian_orthogonality,
    lambda run: jacobian_orthogonality(run.gram, active=run.active),
    "Rolinek et al. 2019",
    high=1.0,
)
