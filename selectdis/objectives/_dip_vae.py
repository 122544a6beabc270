"""What DIP-VAE-I and DIP-VAE-II share: a covariance and the penalty on its distance from the identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["covariance", "dip_penalty"]


def covariance(codes: Tensor) -> Tensor:
    """The covariance over the batch, divided by B as in the reference: (K, B, L) -> (K, L, L)."""
    centred = codes - codes.mean(1, keepdim=True)
    # No batched product: it rounds by where in memory a matrix begins, hence by the candidates before it.
    return (centred.unsqueeze(3) * centred.unsqueeze(2)).mean(1)


def dip_penalty(matrix: Tensor, strengths: Mapping[str, Tensor]) -> Tensor:
    """lambda_od * sum offdiagonal^2 + lambda_d * sum (diagonal - 1)^2 of (K, L, L): (K,)."""
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    off_diagonal = (matrix - diagonal.diag_embed()).square().sum((1, 2))
    return strengths["lambda_od"] * off_diagonal + strengths["lambda_d"] * (diagonal - 1).square().sum(1)
