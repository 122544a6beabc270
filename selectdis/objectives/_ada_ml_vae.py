"""Ada-ML-VAE: as Ada-GVAE, but posteriors that are shared are multiplied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selectdis.objectives._ada_gvae import ADA_GVAE, both, shared_latents

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ADA_ML_VAE", "share_by_precision"]


def share_by_precision(mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return posteriors (K, B, L) whose shared latents have the mean precision, and means weighted by precision.

    Bouchacourt et al. 2018, as in the reference of Locatello et al. 2020: the normalised product of both densities,
    with the variance of one and not of two observations.
    """
    shared = shared_latents(mean, log_variance)
    (mean1, mean2), (log1, log2) = mean.chunk(2, 1), log_variance.chunk(2, 1)
    # With precision weight w = 1/v1 / (1/v1 + 1/v2); the log of the mean precision never divides by a small one.
    weight = (log2 - log1).sigmoid()
    average = weight * mean1 + (1 - weight) * mean2
    log_precision = (-log1).logaddexp(-log2) - 0.6931471805599453  # log 2
    return both(shared, average, mean), both(shared, -log_precision, log_variance)


ADA_ML_VAE = replace(ADA_GVAE, name="ada_ml_vae", share=share_by_precision)
