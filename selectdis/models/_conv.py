"""The convolutional architecture of Locatello et al. 2019 (Table 1 of Burgess et al. 2018 with 2x2 kernels inside).

Encoder at 64 pixels: 4x4/2 to 32 channels, 4x4/2 to 32, 2x2/2 to 64, 2x2/2 to 64, dense 256, then mean and
log-variance, ReLU throughout. The decoder mirrors it: dense 256, dense 1024, 4x4x64, transposed 4x4/2 to 64, 32, 32 and
the image. Smaller images need fewer stages to come down to 4x4: at 32 pixels the last 2x2 stage is left out (and its
mirror), at 16 the second 4x4 stage too; at 128 there is one 4x4 stage more.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from selectdis.models._model import Architecture, KernelPasses, Model, Weights
from selectdis.models._parameters import Parameter, bias, glorot_weight, head_parameters, of_layers

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CONV"]

# image size -> (channels, kernel) of each stage of the encoder
STAGES: dict[int, tuple[tuple[int, int], ...]] = {
    128: ((32, 4), (32, 4), (32, 4), (64, 2), (64, 2)),
    64: ((32, 4), (32, 4), (64, 2), (64, 2)),
    32: ((32, 4), (32, 4), (64, 2)),
    16: ((32, 4), (64, 2)),
}
GRID = 4  # the images come down to GRID x GRID


def conv_model(image_shape: tuple[int, int, int], latents: int, width: int) -> Model:
    """Return the convolutional model for images (c, h, h), h in 128, 64, 32, 16, with dense layers of `width` units."""
    stages = STAGES[image_shape[1]]
    encoder, top = _encoder_parameters(image_shape[0], stages, latents, width)
    decoder = _decoder_parameters(image_shape[0], stages, latents, width)
    return Model(
        parameters=(*encoder, *decoder),
        encode=partial(_encode, stages=len(stages)),
        decode=partial(_decode, stages=len(stages), top=top),
        batch_first=True,
        kernels=KernelPasses(
            layouts=_layouts(len(stages)),
            encode=partial(_encode_by_kernels, stages=len(stages)),
            decode=partial(_decode_by_kernels, stages=len(stages)),
            channels_last=True,
        ),
    )


def _dense_parameters(name: str, inputs: int, outputs: int) -> list[Parameter]:
    weight = glorot_weight(f"{name}.weight", (inputs, outputs), inputs, outputs)
    return [weight, bias(f"{name}.bias", outputs)]


def _encoder_parameters(
    channels: int, stages: tuple[tuple[int, int], ...], latents: int, width: int
) -> tuple[list[Parameter], int]:
    parameters: list[Parameter] = []
    inputs = channels
    for i, (outputs, kernel) in enumerate(stages):
        area = kernel * kernel
        shape = (outputs, inputs, kernel, kernel)
        parameters.append(glorot_weight(f"encoder.conv{i}.weight", shape, area * inputs, area * outputs))
        parameters.append(bias(f"encoder.conv{i}.bias", outputs))
        inputs = outputs
    parameters += _dense_parameters("encoder.dense", inputs * GRID * GRID, width)
    return parameters + head_parameters(width, latents), inputs


def _decoder_parameters(
    channels: int, stages: tuple[tuple[int, int], ...], latents: int, width: int
) -> list[Parameter]:
    widths = [outputs for outputs, _ in reversed(stages)]
    parameters = _dense_parameters("decoder.dense0", latents, width)
    parameters += _dense_parameters("decoder.dense1", width, widths[0] * GRID * GRID)
    for i, (inputs, outputs) in enumerate(zip(widths, [*widths[1:], channels], strict=True)):
        shape = (inputs, outputs, 4, 4)
        parameters.append(glorot_weight(f"decoder.deconv{i}.weight", shape, 16 * inputs, 16 * outputs))
        parameters.append(bias(f"decoder.deconv{i}.bias", outputs))
    return parameters


def _encode(weights: Weights, images: Tensor, *, stages: int) -> tuple[Tensor, Tensor]:
    from selectdis.models._layers import conv, dense

    k, batch = images.shape[:2]
    x = images.transpose(0, 1).flatten(1, 2)  # (K, B, c, h, w) -> (B, K * c, h, w)
    for i in range(stages):
        x = conv(x, weights[f"encoder.conv{i}.weight"], weights[f"encoder.conv{i}.bias"])
    x = x.reshape(batch, k, -1).transpose(0, 1)  # (B, K * C, 4, 4) -> (K, B, C * 16)
    x = dense(x, weights["encoder.dense.weight"], weights["encoder.dense.bias"]).relu_()
    mean, log_variance = dense(x, weights["encoder.head.weight"], weights["encoder.head.bias"]).chunk(2, -1)
    return mean, log_variance


def _decode(weights: Weights, codes: Tensor, *, stages: int, top: int) -> Tensor:
    from selectdis.models._layers import deconv, deconv_to_image, dense

    k, batch = codes.shape[:2]
    x = dense(codes, weights["decoder.dense0.weight"], weights["decoder.dense0.bias"]).relu_()
    x = dense(x, weights["decoder.dense1.weight"], weights["decoder.dense1.bias"]).relu_()
    x = x.transpose(0, 1).reshape(batch, k * top, GRID, GRID)  # (K, B, C * 16) -> (B, K * C, 4, 4)
    for i in range(stages):
        layer = deconv if i < stages - 1 else deconv_to_image
        x = layer(x, weights[f"decoder.deconv{i}.weight"], weights[f"decoder.deconv{i}.bias"])
    return x.view(batch, k, -1, *x.shape[2:]).transpose(0, 1)  # (B, K * c, h, w) -> (K, B, c, h, w)


def _layouts(stages: int) -> dict[str, tuple[int, ...]]:
    """Taps first and the channels that are summed before those that are made; see `models._stacked`."""
    layouts: dict[str, tuple[int, ...]] = {f"encoder.conv{i}.weight": (2, 3, 1, 0) for i in range(stages)}
    layouts |= {f"decoder.deconv{i}.weight": (2, 3, 0, 1) for i in range(stages - 1)}
    return layouts | {f"decoder.deconv{stages - 1}.weight": (0, 2, 3, 1)}


def _encode_by_kernels(weights: Weights, images: Tensor, precision: str, *, stages: int) -> tuple[Tensor, Tensor]:
    from selectdis.models._stacked import convolutions, dense_layers

    x = convolutions(images, of_layers(weights, (f"encoder.conv{i}" for i in range(stages))), precision)
    x = x.permute(0, 1, 4, 2, 3).flatten(2)  # (K, B, 4, 4, C) -> (K, B, C * 16)
    layers = of_layers(weights, ("encoder.dense", "encoder.head"))
    mean, log_variance = dense_layers(x, layers, ("relu", "none"), precision).chunk(2, -1)
    return mean, log_variance


def _decode_by_kernels(weights: Weights, codes: Tensor, precision: str, *, stages: int) -> Tensor:
    from selectdis.models._stacked import dense_layers, transposed_convolutions

    layers = of_layers(weights, ("decoder.dense0", "decoder.dense1"))
    x = dense_layers(codes, layers, ("relu", "relu"), precision)
    x = x.view(*x.shape[:2], -1, GRID, GRID).permute(0, 1, 3, 4, 2)  # (K, B, C * 16) -> (K, B, 4, 4, C)
    return transposed_convolutions(x, of_layers(weights, (f"decoder.deconv{i}" for i in range(stages))), precision)


def _activations(image_shape: tuple[int, int, int], width: int) -> int:
    stages = STAGES.get(image_shape[1], STAGES[64])
    areas = (image_shape[1] * image_shape[2] // 4 ** (i + 1) for i in range(len(stages)))
    return 2 * (sum(channels * area for (channels, _), area in zip(stages, areas, strict=True)) + width)


CONV = Architecture(
    name="conv",
    build=conv_model,
    width=256,
    activations=_activations,
    sizes=tuple(STAGES),
    stacks_on_cpu=False,  # its layers are large enough for one candidate to fill a core
)
