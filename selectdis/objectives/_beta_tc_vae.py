"""BetaTCVAE: the total correlation of the code, estimated from the batch alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from selectdis.objectives._objective import Batch, Loss, Objective

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BETA_TC_VAE", "beta_tc_vae_loss", "total_correlation"]


def total_correlation(mean: Tensor, log_variance: Tensor, sample: Tensor) -> Tensor:
    """Estimate TC(q(z)) from a minibatch: (K, B, L) thrice -> (K,) nats.

    E[log q(z) - sum_l log q(z_l)] with q(z_b) the average of q(z_b | x_b') over the batch (Chen et al. 2018, eq. 5,
    without the data set's size, as in the reference: it shifts the estimate and leaves its gradient as it is).
    """
    batch, latents = sample.shape[1:]
    difference = sample.unsqueeze(2) - mean.unsqueeze(1)  # (K, B, B', L)
    log_density = -0.5 * (difference.square() * (-log_variance).exp().unsqueeze(1) + log_variance.unsqueeze(1))
    # The log(2 pi) / 2 of each latent cancels between the two terms; the log(B) of the averages leaves the last one.
    log_joint = log_density.sum(3).logsumexp(2)  # (K, B)
    log_product = log_density.logsumexp(2).sum(2)  # (K, B)
    return (log_joint - log_product).mean(1) + (latents - 1) * math.log(batch)


def beta_tc_vae_loss(batch: Batch, strengths: Mapping[str, Tensor]) -> Loss:
    """Return reconstruction + KL + (beta - 1) * TC (Chen et al. 2018, eq. 4 with alpha = gamma = 1)."""
    tc = total_correlation(batch.mean, batch.log_variance, batch.sample)
    return Loss(batch.reconstruction + batch.kl + (strengths["beta"] - 1) * tc, {"tc": tc})


BETA_TC_VAE = Objective(
    name="beta_tc_vae",
    loss=beta_tc_vae_loss,
    defaults={"beta": 6.0},
    main="beta",
    grid=(1, 2, 4, 6, 8, 10),
    paper="Chen et al. 2018, Isolating sources of disentanglement in VAEs",
    terms=("tc",),
)
