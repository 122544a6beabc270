"""DIP-VAE-II."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from selectdis.objectives._dip_vae import covariance, dip_penalty
from selectdis.objectives._objective import Batch, Loss, Objective

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DIP_VAE_II", "dip_vae_ii_loss"]


def dip_vae_ii_loss(batch: Batch, strengths: Mapping[str, Tensor]) -> Loss:
    """Reconstruction + KL + the penalty on Cov[z] = Cov[mu(x)] + E[diag sigma^2(x)] (Kumar et al. 2018, eq. 7)."""
    variance = batch.log_variance.exp().mean(1)  # (K, B, L) -> (K, L)
    penalty = dip_penalty(covariance(batch.mean) + variance.diag_embed(), strengths)
    return Loss(batch.reconstruction + batch.kl + penalty, {"penalty": penalty})


DIP_VAE_II = Objective(
    name="dip_vae_ii",
    loss=dip_vae_ii_loss,
    defaults={"lambda_od": 5.0},
    derived={"lambda_d": ("lambda_od", 1.0)},
    main="lambda_od",
    grid=(1, 2, 5, 10, 20, 50),
    paper="Kumar et al. 2018, Variational inference of disentangled latent concepts",
    terms=("penalty",),
)
