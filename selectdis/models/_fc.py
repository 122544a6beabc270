"""The fully connected architecture of Locatello et al. 2019: 1200-1200 ReLU, and 1200-1200-1200 tanh back."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

from selectdis.models._model import Architecture, KernelPasses, Model, Weights
from selectdis.models._parameters import Parameter, bias, glorot_weight, head_parameters, of_layers

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FC"]


def fc_model(image_shape: tuple[int, int, int], latents: int, width: int) -> Model:
    """Return the fully connected model for images (c, h, w), with hidden layers of `width` units."""
    pixels = prod(image_shape)
    encoder = _stack("encoder", (pixels, width, width)) + head_parameters(width, latents)
    decoder = _stack("decoder", (latents, width, width, width, pixels))
    return Model(
        parameters=(*encoder, *decoder),
        encode=_encode,
        decode=partial(_decode, image_shape=image_shape),
        batch_first=False,
        kernels=KernelPasses(
            layouts={},
            encode=_encode_by_kernels,
            decode=partial(_decode_by_kernels, image_shape=image_shape),
            channels_last=False,
        ),
    )


def _stack(name: str, sizes: tuple[int, ...]) -> list[Parameter]:
    parameters: list[Parameter] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        parameters.append(glorot_weight(f"{name}.dense{i}.weight", (inputs, outputs), inputs, outputs))
        parameters.append(bias(f"{name}.dense{i}.bias", outputs))
    return parameters


def _encode(weights: Weights, images: Tensor) -> tuple[Tensor, Tensor]:
    from selectdis.models._layers import dense

    x = images.flatten(2)  # (K, B, c, h, w) -> (K, B, c * h * w)
    for i in range(2):
        x = dense(x, weights[f"encoder.dense{i}.weight"], weights[f"encoder.dense{i}.bias"]).relu_()
    mean, log_variance = dense(x, weights["encoder.head.weight"], weights["encoder.head.bias"]).chunk(2, -1)
    return mean, log_variance


def _decode(weights: Weights, codes: Tensor, *, image_shape: tuple[int, int, int]) -> Tensor:
    from selectdis.models._layers import dense

    x = codes
    for i in range(3):
        x = dense(x, weights[f"decoder.dense{i}.weight"], weights[f"decoder.dense{i}.bias"]).tanh_()
    x = dense(x, weights["decoder.dense3.weight"], weights["decoder.dense3.bias"])
    return x.view(*x.shape[:2], *image_shape)  # (K, B, c * h * w) -> (K, B, c, h, w)


def _encode_by_kernels(weights: Weights, images: Tensor, precision: str) -> tuple[Tensor, Tensor]:
    from selectdis.models._stacked import dense_layers

    layers = of_layers(weights, ("encoder.dense0", "encoder.dense1", "encoder.head"))
    mean, log_variance = dense_layers(images.flatten(2), layers, ("relu", "relu", "none"), precision).chunk(2, -1)
    return mean, log_variance


def _decode_by_kernels(weights: Weights, codes: Tensor, precision: str, *, image_shape: tuple[int, int, int]) -> Tensor:
    from selectdis.models._stacked import dense_layers

    layers = of_layers(weights, (f"decoder.dense{i}" for i in range(4)))
    x = dense_layers(codes, layers, ("tanh", "tanh", "tanh", "none"), precision)
    return x.view(*x.shape[:2], *image_shape)  # (K, B, c * h * w) -> (K, B, c, h, w)


FC = Architecture(
    name="fc",
    build=fc_model,
    width=1200,
    activations=lambda image_shape, width: 8 * width + prod(image_shape),
    stacks_on_cpu=True,
)
