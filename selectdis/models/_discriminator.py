"""FactorVAE's discriminator: six dense layers, leaky ReLU 0.2, two logits (Kim & Mnih 2018, appendix A)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from selectdis.models._model import Weights
from selectdis.models._parameters import Parameter, bias, glorot_weight, of_layers

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["discriminate", "discriminate_by_kernels", "discriminator_parameters"]

LAYERS = 6


def discriminator_parameters(latents: int, width: int) -> tuple[Parameter, ...]:
    """Return the discriminator's parameters: `latents` in, six hidden layers of `width`, two out."""
    sizes = (latents, *(width,) * LAYERS, 2)
    parameters: list[Parameter] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        parameters.append(glorot_weight(f"discriminator.dense{i}.weight", (inputs, outputs), inputs, outputs))
        parameters.append(bias(f"discriminator.dense{i}.bias", outputs))
    return tuple(parameters)


def discriminate(weights: Weights, codes: Tensor) -> Tensor:
    """Logits of "true" and "permuted" for codes (K, B, L): (K, B, 2)."""
    from torch.nn.functional import leaky_relu_

    from selectdis.models._layers import dense

    x = codes
    for i in range(LAYERS):
        x = dense(x, weights[f"discriminator.dense{i}.weight"], weights[f"discriminator.dense{i}.bias"])
        x = leaky_relu_(x, 0.2)
    return dense(x, weights[f"discriminator.dense{LAYERS}.weight"], weights[f"discriminator.dense{LAYERS}.bias"])


def discriminate_by_kernels(weights: Weights, codes: Tensor, precision: str) -> Tensor:
    """`discriminate` by our own kernels, on CUDA devices."""
    from selectdis.models._stacked import dense_layers

    layers = of_layers(weights, (f"discriminator.dense{i}" for i in range(LAYERS + 1)))
    return dense_layers(codes, layers, (*("leaky_relu",) * LAYERS, "none"), precision)
