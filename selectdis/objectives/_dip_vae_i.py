"""DIP-VAE-I."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from selectdis.objectives._dip_vae import covariance, dip_penalty
from selectdis.objectives._objective import Batch, Loss, Objective

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["DIP_VAE_I", "dip_vae_i_loss"]


def dip_vae_i_loss(batch: Batch, strengths: Mapping[str, Tensor]) -> Loss:
    """Reconstruction + KL + the penalty on Cov[mu(x)] (Kumar et al. 2018, eq. 6)."""
    penalty = dip_penalty(covariance(batch.mean), strengths)
    return Loss(batch.reconstruction + batch.kl + penalty, {"penalty": penalty})


DIP_VAE_I = Objective(
    name="dip_vae_i",
    loss=dip_vae_i_loss,
    defaults={"lambda_od": 5.0},
    derived={"lambda_d": ("lambda_od", 10.0)},
    main="lambda_od",
    grid=(1, 2, 5, 10, 20, 50),
    paper="Kumar et al. 2018, Variational inference of disentangled latent concepts",
    terms=("penalty",),
)
