"""Ada-GVAE: of two images that share some factors, the latents that differ least are averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selectdis.objectives._beta_vae import beta_vae_loss
from selectdis.objectives._objective import Objective

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ADA_GVAE", "pair_kl", "share_by_mean", "shared_latents"]


def pair_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(q(z | x1) || q(z | x2)) of each pair and latent: (K, B, L) twice -> (K, B / 2, L) nats."""
    (mean1, mean2), (log1, log2) = mean.chunk(2, 1), log_variance.chunk(2, 1)
    return 0.5 * ((log1 - log2).exp() + (mean1 - mean2).square() * (-log2).exp() - 1 + log2 - log1)


def shared_latents(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return which latents a pair shares: (K, B, L) twice -> bool (K, B / 2, L).

    Those whose KL lies in the lower of two bins of one width between the smallest and the largest (Locatello et al.
    2020, section 4.1).
    """
    kl = pair_kl(mean.detach(), log_variance.detach())
    return kl < 0.5 * (kl.amin(2, keepdim=True) + kl.amax(2, keepdim=True))


def share_by_mean(mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
    """Return posteriors (K, B, L) whose shared latents have the mean of both means and of both variances.

    Hosoya 2019, as in the reference of Locatello et al. 2020.
    """
    shared = shared_latents(mean, log_variance)
    average = 0.5 * (mean.chunk(2, 1)[0] + mean.chunk(2, 1)[1])
    log1, log2 = log_variance.chunk(2, 1)
    return both(shared, average, mean), both(shared, (0.5 * (log1.exp() + log2.exp())).log(), log_variance)


def both(shared: Tensor, common: Tensor, own: Tensor) -> Tensor:
    """Return `own` (K, B, L) with `common` (K, B / 2, L) in both images of a pair where it is `shared`."""
    return common.repeat(1, 2, 1).where(shared.repeat(1, 2, 1), own)


ADA_GVAE = Objective(
    name="ada_gvae",
    loss=beta_vae_loss,  # of both images, with the posteriors that they share
    defaults={"beta": 1.0},
    main="beta",
    grid=(1, 2, 4, 6, 8, 16),
    paper="Locatello et al. 2020, Weakly-supervised disentanglement without compromises",
    share=share_by_mean,
)
