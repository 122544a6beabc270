"""DIP-VAE-I and DIP-VAE-II: a penalty on the distance of a covariance from the identity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from selectdis.objectives._objective import Batch, Loss, Objective

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DIP_VAE_I", "DIP_VAE_II", "dip_vae_i_loss", "dip_vae_ii_loss"]


def dip_vae_i_loss(batch: Batch, strengths: Mapping[str, Tensor]) -> Loss:
    """Return reconstruction + KL + the penalty on Cov[mu(x)] (Kumar et al. 2018, eq. 6)."""
    return _loss(batch, covariance(batch.mean), strengths)


def dip_vae_ii_loss(batch: Batch, strengths: Mapping[str, Tensor]) -> Loss:
    """Return reconstruction + KL + the penalty on Cov[z] = Cov[mu(x)] + E[diag sigma^2(x)] (eq. 7)."""
    variance = batch.log_variance.exp().mean(1)  # (K, B, L) -> (K, L)
    return _loss(batch, covariance(batch.mean) + variance.diag_embed(), strengths)


def covariance(codes: Tensor) -> Tensor:
    """Return the covariance over the batch, divided by B as in the reference: (K, B, L) -> (K, L, L)."""
    centred = codes - codes.mean(1, keepdim=True)
    # No batched product: it rounds by where in memory a matrix begins, hence by the candidates before it.
    return (centred.unsqueeze(3) * centred.unsqueeze(2)).mean(1)


def _loss(batch: Batch, matrix: Tensor, strengths: Mapping[str, Tensor]) -> Loss:
    """Penalise (K, L, L): lambda_od * sum offdiagonal^2 + lambda_d * sum (diagonal - 1)^2."""
    diagonal = matrix.diagonal(dim1=1, dim2=2)
    off_diagonal = (matrix - diagonal.diag_embed()).square().sum((1, 2))
    penalty = strengths["lambda_od"] * off_diagonal + strengths["lambda_d"] * (diagonal - 1).square().sum(1)
    return Loss(batch.reconstruction + batch.kl + penalty, {"penalty": penalty})


def _describe(name: str, loss: Callable[[Batch, Mapping[str, Tensor]], Loss], lambda_d_over_od: float) -> Objective:
    return Objective(
        name=name,
        loss=loss,
        defaults={"lambda_od": 5.0},
        derived={"lambda_d": ("lambda_od", lambda_d_over_od)},
        main="lambda_od",
        grid=(1, 2, 5, 10, 20, 50),
        paper="Kumar et al. 2018, Variational inference of disentangled latent concepts",
        terms=("penalty",),
    )


DIP_VAE_I = _describe("dip_vae_i", dip_vae_i_loss, 10.0)
DIP_VAE_II = _describe("dip_vae_ii", dip_vae_ii_loss, 1.0)
