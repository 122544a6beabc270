"""QLAE: each latent takes one of a few values of its own, and weights decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from selectdis.objectives._objective import Batch, Codebook, Loss, Objective, active_by_values

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["QLAE", "qlae_loss", "quantise"]


def quantise(continuous: Tensor, codebook: Tensor) -> Tensor:
    """Return the nearest value of each latent's codebook: (K, B, L) and (K, L, V) -> (K, B, L).

    Hsu et al. 2023, section 3; of two values as near, the first. The gradient goes to the codebook alone.
    """
    distance = (continuous.detach().unsqueeze(3) - codebook.detach().unsqueeze(1)).abs()  # (K, B, L, V)
    places = codebook.detach().new_ones(codebook.shape[2]).cumsum(0) - 1
    chosen = distance.argmin(3, keepdim=True) == places
    # A sum, and no gather, whose gradient on a GPU is added up in an order that changes.
    return (codebook.unsqueeze(1) * chosen).sum(3)


def qlae_loss(batch: Batch, strengths: Mapping[str, Tensor]) -> Loss:
    """Return reconstruction + pixels * (lambda_quantize * quantization + lambda_commit * commitment).

    Hsu et al. 2023, section 3. There the reconstruction is a mean over pixels, which the strengths of the literature
    are for; here it is their sum, as in the other objectives, so that both penalties count as often as there are
    pixels. Both are means over latents, and equal but for where their gradients go: to the codebook, to the encoder.
    """
    if batch.quantised is None:
        raise ValueError("QLAE needs the quantised codes")
    quantization = (batch.mean.detach() - batch.quantised).square().mean((1, 2))  # (K, B, L) -> (K,)
    commitment = (batch.mean - batch.quantised.detach()).square().mean((1, 2))
    penalty = strengths["lambda_quantize"] * quantization + strengths["lambda_commit"] * commitment
    terms = {"quantization": quantization, "commitment": commitment}
    return Loss(batch.reconstruction + batch.pixels * penalty, terms)


QLAE = Objective(
    name="qlae",
    loss=qlae_loss,
    defaults={"lambda_quantize": 0.01},
    derived={"lambda_commit": ("lambda_quantize", 1.0)},
    main="lambda_quantize",
    grid=(0.001, 0.01),  # of the published configurations
    paper="Hsu et al. 2023, Disentanglement via latent quantization",
    terms=("quantization", "commitment"),
    codebook=Codebook(values=10, low=-0.5, high=0.5),
    active=active_by_values,
    weight_decay=0.1,
)
