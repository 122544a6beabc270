"""AnnealedVAE: the capacity of the code grows during training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from selectdis.objectives._objective import Batch, Loss, Objective

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ANNEALED_VAE", "annealed_vae_loss", "capacity"]


def capacity(step: Tensor, c_max: Tensor, iterations: Tensor) -> Tensor:
    """Return the capacity C at a step: linear from 0 to `c_max` over `iterations` steps, then constant; (K,) nats."""
    return c_max * (step / iterations.clamp(min=1.0)).clamp(max=1.0)


def annealed_vae_loss(batch: Batch, strengths: Mapping[str, Tensor]) -> Loss:
    """Return reconstruction + gamma * abs(KL - C), C rising from 0 to c_max (Burgess et al. 2018, eq. 8)."""
    c = capacity(batch.step, strengths["c_max"], strengths["iterations"])
    penalty = strengths["gamma"] * (batch.kl - c).abs()
    return Loss(batch.reconstruction + penalty, {"capacity": c, "penalty": penalty})


ANNEALED_VAE = Objective(
    name="annealed_vae",
    loss=annealed_vae_loss,
    defaults={"gamma": 1000.0, "c_max": 25.0, "iterations": 100_000.0},
    main="c_max",
    grid=(5, 10, 25, 50, 75, 100),
    paper="Burgess et al. 2018, Understanding disentangling in beta-VAE",
    terms=("capacity", "penalty"),
)
