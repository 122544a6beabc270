"""BetaVAE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from selectdis.objectives._objective import Batch, Loss, Objective

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BETA_VAE", "beta_vae_loss"]


def beta_vae_loss(batch: Batch, strengths: Mapping[str, Tensor]) -> Loss:
    """Return reconstruction + beta * KL (Higgins et al. 2017, eq. 4); beta = 1 is the VAE of Kingma & Welling 2014."""
    return Loss(batch.reconstruction + strengths["beta"] * batch.kl, {})


BETA_VAE = Objective(
    name="beta_vae",
    loss=beta_vae_loss,
    defaults={"beta": 4.0},
    main="beta",
    grid=(1, 2, 4, 6, 8, 16),
    paper="Higgins et al. 2017, beta-VAE",
)
