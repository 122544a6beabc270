"""Networks of K stacked candidates by the kernels of `_kernels`: a chain of layers, forwards and backwards.

A chain is one autograd function, because its kernels do the work of neighbouring layers together: the one that stores a
gradient takes it back through the ReLU before it and sums it for the gradient of the bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from triton import cdiv

from selectdis.models import _kernels as kernels
from selectdis.models._tiles import Tiles, matmul_tiles, power, tiles_of, weight_tiles

__all__ = ["bernoulli", "convolutions", "dense_layers", "transposed_convolutions"]

RELU = kernels.RELU
ACTIVATIONS = {"none": kernels.NONE, "relu": RELU, "tanh": kernels.TANH, "leaky_relu": kernels.LEAKY}
BLOCK = 1024  # numbers that a program of a pass over elements takes
# Kernels count the numbers of one candidate in 32 bits, CUDA programs on all but the first axis of a grid in 16.
MOST_NUMBERS, MOST_PROGRAMS = 2**31 - 1, 2**16 - 1


def _run(kernel: Any, grid: tuple[int, ...], arguments: tuple[Any, ...], tiles: Tiles) -> None:
    numbers = max(a[0].numel() for a in arguments if isinstance(a, Tensor))
    if numbers > MOST_NUMBERS or max(grid[1:]) > MOST_PROGRAMS:
        raise ValueError(f"a batch this large is more than the kernels count: {numbers} numbers, a grid of {grid}")
    kernel[grid](
        *arguments,
        BM=tiles.rows,
        BN=tiles.columns,
        BK=tiles.depth,
        num_warps=tiles.warps,
        num_stages=tiles.stages,
    )


# Convolutions ---------------------------------------------------------------------------------------


def conv(
    x: Tensor, weight: Tensor, bias: Tensor | None, strides: tuple[int, int, int], side: int, outputs: int, *,
    precision: str, activation: int = kernels.NONE, mask: Tensor | None = None, transposed: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """Convolve (or convolve transposed) x (K, B, H, W, C); with `mask` also return the sums for a bias, (K, O)."""
    k, batch, height, width, inputs = x.shape
    tiles = tiles_of("deconv" if transposed else "conv", inputs, outputs, side)
    scale = (2 * height, 2 * width) if transposed else (height // 2, width // 2)
    rows = batch * height * width if transposed else batch * scale[0] * scale[1]
    count = cdiv(rows, tiles.rows) * (4 if transposed else 1)
    y = x.new_empty((k, batch, *scale, outputs), dtype=weight.dtype)
    sums = x.new_empty((k, count, outputs), dtype=torch.float32) if mask is not None else None
    arguments = (
        x, weight, bias, mask, y, sums, batch, height, width, inputs, outputs, side, *strides,
        activation, bias is not None, mask is not None, precision,
    )  # fmt: skip
    grid = (count, k, cdiv(outputs, tiles.columns))
    _run(kernels.deconv if transposed else kernels.conv, grid, arguments, tiles)
    return y, None if sums is None else reduced(sums, torch.float32)


def conv_weights(
    large: Tensor, small: Tensor, strides: tuple[int, int, int], side: int, like: Tensor, precision: str
) -> Tensor:
    """Gradient of a convolution's weights, of the shape and dtype of `like`."""
    k, batch, height, width, inputs = large.shape
    outputs = small.shape[-1]
    tiles = weight_tiles(height, inputs, outputs, side, batch)
    out = (
        torch.empty_like(like)
        if tiles.splits == 1
        else like.new_empty((k, tiles.splits, like[0].numel()), dtype=torch.float32)
    )
    grid = (cdiv(side * side * inputs, tiles.rows) * cdiv(outputs, tiles.columns), k, tiles.splits)
    arguments = (large, small, out, batch, height, width, inputs, outputs, side, *strides, tiles.splits, precision)
    _run(kernels.conv_weights, grid, arguments, tiles)
    return out if tiles.splits == 1 else reduced(out, like.dtype).view_as(like)


def reduced(parts: Tensor, dtype: torch.dtype) -> Tensor:
    """Sum parts (K, S, n) over S in an order of their own: (K, n)."""
    k, count, n = parts.shape
    y = parts.new_empty((k, n), dtype=dtype)
    rows = min(power(count, 1), 64)
    block = max(16, min(power(n), 4096 // rows))
    kernels.reduce[(k, cdiv(n, block))](parts, y, count, n, rows, block)
    return y


@dataclass(frozen=True)
class Layer:
    """A convolution of stride 2: weights (K, S, S, in, out), or (K, in, S, S, out) where `to_image`.

    One that is transposed doubles the image. The last of these, to the few channels of an image, has no ReLU.
    """

    transposed: bool = False
    to_image: bool = False

    def sizes(self, weight: Tensor) -> tuple[int, int, int, tuple[int, int, int]]:
        """Return taps a side, channels in and out, and the strides of taps, channels in and channels out."""
        if self.to_image:
            inputs, side, _, outputs = weight.shape[1:]
            return side, inputs, outputs, (outputs, side * side * outputs, 1)
        side, _, inputs, outputs = weight.shape[1:]
        return side, inputs, outputs, (inputs * outputs, outputs, 1)

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor, precision: str) -> Tensor:
        """Return the values (K, B, H, W, out) of the layer."""
        if self.to_image:
            return to_image(x, weight, bias, precision)
        side, _, outputs, strides = self.sizes(weight)
        made = conv(
            x, weight, bias, strides, side, outputs, precision=precision, activation=RELU, transposed=self.transposed
        )
        return made[0]

    def to_input(self, g: Tensor, weight: Tensor, precision: str, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return the gradient of the input, and with `mask`, the values of a ReLU before it, that of its bias."""
        side, inputs, _, (tap, to_in, to_out) = self.sizes(weight)
        strides = (tap, to_out, to_in)
        return conv(
            g, weight, None, strides, side, inputs, precision=precision, mask=mask, transposed=not self.transposed
        )

    def to_weight(self, x: Tensor, g: Tensor, weight: Tensor, precision: str) -> Tensor:
        """Return the gradient of the weights."""
        side, _, _, (tap, to_in, to_out) = self.sizes(weight)
        if self.transposed:  # the gradient is the larger side, so that the channels change roles
            return conv_weights(g, x, (tap, to_out, to_in), side, weight, precision)
        return conv_weights(x, g, (tap, to_in, to_out), side, weight, precision)


class _Convolutions(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, precision: str, layers: tuple[Layer, ...], *parameters: Tensor) -> Tensor:
        weights, biases = parameters[::2], parameters[1::2]
        values = [x]
        for layer, weight, bias in zip(layers, weights, biases, strict=True):
            values.append(layer.forward(values[-1], weight, bias, precision))
        ctx.save_for_backward(*values, *weights)
        ctx.precision, ctx.layers = precision, layers
        return values[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        count, precision = len(ctx.layers), ctx.precision
        values, weights = ctx.saved_tensors[: count + 1], ctx.saved_tensors[count + 1 :]
        last = kernels.NONE if ctx.layers[-1].to_image else RELU
        g = backward_through(gradient, values[-1], last).contiguous()
        to_bias: Tensor | None = sums_of_images(g)
        found: list[Tensor | None] = []
        for i in reversed(range(count)):
            layer, x, weight = ctx.layers[i], values[i], weights[i]
            found = [layer.to_weight(x, g, weight, precision), to_bias, *found]
            if i or ctx.needs_input_grad[0]:
                g, to_bias = layer.to_input(g, weight, precision, x if i else None)
        return g if ctx.needs_input_grad[0] else None, None, None, *found


def to_image(x: Tensor, weight: Tensor, bias: Tensor, precision: str) -> Tensor:
    """Convolve transposed to few channels: x (K, B, h, w, I), weight (K, I, S, S, c) -> (K, B, 2h, 2w, c)."""
    k, batch, height, width, inputs = x.shape
    side, _, channels = weight.shape[2:]
    patches = product(x.view(k, -1, inputs), weight.view(k, inputs, -1), precision)
    y = x.new_empty((k, batch, 2 * height, 2 * width, channels))
    grid = (cdiv(y[0].numel(), BLOCK), k)
    kernels.fold[grid](patches, bias, y, batch, height, width, channels, side, BLOCK)
    return y


def sums_of_images(gradient: Tensor) -> Tensor:
    """Sum a gradient (K, B, H, W, c) over all but candidates and channels: (K, c)."""
    k, batch, *_, channels = gradient.shape
    return reduced(
        reduced(gradient.view(k * batch, -1, channels), torch.float32).view(k, batch, channels), torch.float32
    )


# Dense layers ---------------------------------------------------------------------------------------


def product(
    a: Tensor, b: Tensor, precision: str, *, bias: Tensor | None = None, activation: int = kernels.NONE,
    a_transposed: bool = False, b_transposed: bool = False, value: Tensor | None = None, through: int = kernels.NONE,
    sums: bool = False,
) -> Any:  # fmt: skip
    """Multiply a (K, M, D) and b (K, D, N), either stored transposed; see `matmul` of the kernels."""
    k = len(a)
    rows, depth = (a.shape[2], a.shape[1]) if a_transposed else (a.shape[1], a.shape[2])
    columns = b.shape[1] if b_transposed else b.shape[2]
    tiles = matmul_tiles(rows, columns, depth)
    parts = cdiv(rows, tiles.rows)
    y = b.new_empty((k, rows, columns))
    partial = b.new_empty((k, parts, columns), dtype=torch.float32) if sums else None
    arguments = (
        a, b, bias, value, y, partial, rows, columns, depth,
        *((1, rows) if a_transposed else (depth, 1)), *((1, depth) if b_transposed else (columns, 1)),
        activation, bias is not None, through, sums, precision,
    )  # fmt: skip
    _run(kernels.matmul, (cdiv(columns, tiles.columns), k, parts), arguments, tiles)
    if partial is None:
        return y
    return y, reduced(partial, torch.float32) if parts > 1 else partial[:, 0]


class _Dense(torch.autograd.Function):
    """Dense layers: x (K, B, I), weights (K, in, out), biases (K, out)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, precision: str, activations: tuple[int, ...], *parameters: Tensor) -> Tensor:
        weights, biases = parameters[::2], parameters[1::2]
        values = [x]
        for w, b, activation in zip(weights, biases, activations, strict=True):
            values.append(product(values[-1], w, precision, bias=b, activation=activation))
        ctx.save_for_backward(*values, *weights)
        ctx.precision, ctx.activations = precision, activations
        return values[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        count, precision = len(ctx.activations), ctx.precision
        values, weights = ctx.saved_tensors[: count + 1], ctx.saved_tensors[count + 1 :]
        needs = ctx.needs_input_grad
        g = backward_through(gradient.to(weights[0].dtype).contiguous(), values[-1], ctx.activations[-1])
        to_bias: Tensor | None = reduced(g, torch.float32) if needs[4] else None
        found: list[Tensor | None] = []
        for i in reversed(range(count)):
            to_weight = product(values[i], g, precision, a_transposed=True) if needs[3] else None
            found = [to_weight, to_bias, *found]
            if i:
                through = ctx.activations[i - 1]
                g, to_bias = product(
                    g, weights[i], precision, b_transposed=True, value=values[i], through=through, sums=True
                )
            elif needs[0]:
                g = product(g, weights[i], precision, b_transposed=True)
        return g if needs[0] else None, None, None, *found


def backward_through(gradient: Tensor, value: Tensor, activation: int) -> Tensor:
    """Take a gradient back through an activation."""
    if activation == kernels.NONE:
        return gradient
    slope = {
        kernels.RELU: lambda: torch.where(value <= 0, 0.0, gradient),
        kernels.TANH: lambda: gradient * (1 - value * value),
        kernels.LEAKY: lambda: torch.where(value <= 0, 0.2 * gradient, gradient),
    }
    return slope[activation]()


def dense_layers(x: Tensor, parameters: Sequence[Tensor], activations: Sequence[str], precision: str) -> Tensor:
    """Apply dense layers to x (K, B, I), bytes of images included; `parameters`: weight and bias of each in turn."""
    if x.is_floating_point():
        x = x.to(parameters[0].dtype)
    return _Dense.apply(x.contiguous(), precision, tuple(ACTIVATIONS[name] for name in activations), *parameters)  # type: ignore[no-untyped-call]


def convolutions(x: Tensor, parameters: Sequence[Tensor], precision: str) -> Tensor:
    """Apply convolutions that halve the image, each with ReLU, to x (K, B, H, W, C), bytes of images included."""
    layers = (Layer(),) * (len(parameters) // 2)
    return _Convolutions.apply(x.contiguous(), precision, layers, *parameters)  # type: ignore[no-untyped-call]


def transposed_convolutions(x: Tensor, parameters: Sequence[Tensor], precision: str) -> Tensor:
    """Apply convolutions that double the image, all but the last with ReLU, to x (K, B, h, w, C)."""
    inner = (Layer(transposed=True),) * (len(parameters) // 2 - 1)
    layers = (*inner, Layer(transposed=True, to_image=True))
    return _Convolutions.apply(x.contiguous(), precision, layers, *parameters)  # type: ignore[no-untyped-call]


# Reconstruction -------------------------------------------------------------------------------------


class _Bernoulli(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, images: Tensor) -> Tensor:
        k, batch = logits.shape[:2]
        nats = logits.new_empty((k, batch), dtype=torch.float32)
        kernels.bernoulli_forward[(k * batch,)](logits, images, nats, logits[0, 0].numel(), BLOCK)
        ctx.save_for_backward(logits, images)
        return nats

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        logits, images = ctx.saved_tensors
        y, pixels = torch.empty_like(logits), logits[0, 0].numel()
        grid = (logits.shape[0] * logits.shape[1], cdiv(pixels, BLOCK))
        kernels.bernoulli_backward[grid](logits, images, gradient.contiguous(), y, pixels, BLOCK)
        return y, None


def bernoulli(logits: Tensor, images: Tensor) -> Tensor:
    """-log p(x | z) of each image, summed over its pixels: (K, B, ...) twice, in one order -> (K, B) nats."""
    return _Bernoulli.apply(logits, images)  # type: ignore[no-untyped-call]
