"""FactorVAE: a discriminator estimates the total correlation of the code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from selectdis.objectives._objective import Adversary, Batch, Loss, Objective

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FACTOR_VAE", "discriminator_loss", "factor_vae_loss", "permute_codes"]


def factor_vae_loss(batch: Batch, strengths: Mapping[str, Tensor]) -> Loss:
    """Return reconstruction + KL + gamma * TC (Kim & Mnih 2018, eq. 2).

    TC is the density-ratio estimate of their eq. 3: the mean of logit_true - logit_permuted over the batch.
    """
    if batch.logits is None:
        raise ValueError("FactorVAE needs the discriminator's logits")
    tc = (batch.logits[..., 0] - batch.logits[..., 1]).mean(-1)  # (K, B, 2) -> (K,)
    return Loss(batch.reconstruction + batch.kl + strengths["gamma"] * tc, {"tc": tc})


def permute_codes(sample: Tensor, order: Tensor) -> Tensor:
    """Shuffle each latent of `sample` (K, B, L) over the batch by its own permutation in `order` (K, B, L).

    Algorithm 1 of Kim & Mnih 2018: the result is a draw from the product of the marginals.
    """
    return sample.gather(1, order)


def discriminator_loss(true_logits: Tensor, permuted_logits: Tensor) -> Tensor:
    """Return the cross-entropy of telling true codes (class 0) from permuted ones (1), halved over both: (K,) nats.

    Kim & Mnih 2018, Algorithm 2; logits are (K, B, 2).
    """
    true = true_logits.logsumexp(-1) - true_logits[..., 0]
    permuted = permuted_logits.logsumexp(-1) - permuted_logits[..., 1]
    return 0.5 * (true.mean(-1) + permuted.mean(-1))


FACTOR_VAE = Objective(
    name="factor_vae",
    loss=factor_vae_loss,
    defaults={"gamma": 30.0},
    main="gamma",
    grid=(10, 20, 30, 40, 50, 100),
    paper="Kim & Mnih 2018, Disentangling by factorising",
    terms=("tc",),
    adversary=Adversary(discriminator_loss),
)
