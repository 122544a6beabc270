"""Independent mechanisms: whether latents move a decoded image in orthogonal ways, by volumes."""

from __future__ import annotations

import numpy as np

from selectdis.criteria._gram import correlations
from selectdis.criteria._trained import criterion_to_try

__all__ = ["INDEPENDENT_MECHANISMS", "independent_mechanisms"]


def independent_mechanisms(gram: np.ndarray, *, active: np.ndarray | None = None, floor: float = 1e-3) -> float:
    """Return the contrast of independent mechanism analysis, in nats.

    Gresele et al. 2021, "Independent mechanism analysis, a new concept?", equation 9: the sum of the logarithms of the
    norms of the Jacobian's columns less half of log det J^T J, averaged over places. It is the logarithm of how much
    smaller the volume is that the columns span than that of a box with the same edges.

    Parameters
    ----------
    gram : (n_places, n_latents, n_latents) float
        J^T J, with J the decoder's Jacobian.
    active : (n_latents,) bool, optional
        Which latents count; a column that is 0 at a place never does there.
    floor : float
        The smallest eigenvalue that the columns' correlations are taken to have: what is below is rounding, in float16.

    Returns
    -------
    float
        In [0, inf), lower is better: 0 for orthogonal columns. With fewer than two columns it is 0.

    Raises
    ------
    SelectdisError
        On matrices that are not square, not finite, or a mask of another shape.
    """
    contrasts = [
        -0.5 * float(np.log(np.clip(np.linalg.eigvalsh(matrix), floor, None)).sum())
        for matrix in correlations(gram, active)
    ]
    return max(float(np.mean(contrasts)), 0.0)


INDEPENDENT_MECHANISMS = criterion_to_try(
    "independent_mechanisms",
    independent_mechanisms,
    lambda run: independent_mechanisms(run.gram, active=run.active),
    "Gresele et al. 2021",
)
