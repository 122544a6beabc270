"""Layers of K stacked candidates: every parameter has a leading axis of K, and nothing crosses between candidates.

Convolutions run with channels last, forwards and backwards: on CPU (oneDNN) every other layout costs copies of the
largest tensors, as long as the convolutions themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, baddbmm
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from selectdis.models._matmul import dense_one_by_one, one_by_one

__all__ = ["conv", "deconv", "deconv_to_image", "dense"]


def dense(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply a dense layer: (K, B, I), (K, I, O), (K, O) -> (K, B, O)."""
    if one_by_one(x, weight):
        return dense_one_by_one(x, weight, bias)
    return baddbmm(bias.unsqueeze(1), x, weight)


def conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolution that halves the image, then ReLU: (B, K * I, 2h, 2w), (K, O, I, s, s), (K, O) -> (B, K * O, h, w)."""
    return _by_candidate(_conv, x, weight, bias)


def deconv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Transposed 4x4 convolution that doubles the image, then ReLU.

    (B, K * I, h, w), (K, I, O, 4, 4), (K, O) -> (B, K * O, 2h, 2w).
    """
    return _by_candidate(_deconv, x, weight, bias)


def deconv_to_image(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`deconv` without ReLU, for few output channels: (B, K * I, h, w) -> (B, K * c, 2h, 2w)."""
    return _by_candidate(_DeconvToImage.apply, x, weight, bias)


def _by_candidate(layer: Callable[[Tensor, Tensor, Tensor], Tensor], x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply a layer to all candidates at once; on CPU one after the other, which is as fast there.

    oneDNN takes other kernels for groups of one channel, so that a candidate's result would depend on whether it has
    neighbours; and in bfloat16 one that reads a neighbour's channel times zero, so that a NaN would spread.
    """
    if x.device.type != "cpu" or len(weight) == 1:
        return layer(x, weight, bias)
    count = len(weight)
    candidates = zip(x.chunk(count, 1), weight.chunk(count), bias.chunk(count), strict=True)
    return torch.cat([layer(*own) for own in candidates], 1)


def _conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return _Conv.apply(x, weight.flatten(0, 1), bias.flatten(), len(weight))  # type: ignore[no-untyped-call]


def _deconv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return _Deconv.apply(x, weight.flatten(0, 1), bias.flatten(), len(weight))  # type: ignore[no-untyped-call]


def _channels_last(x: Tensor) -> Tensor:
    """`x` in channels-last layout, with strides that say so even where one channel leaves it open."""
    x = x.contiguous(memory_format=torch.channels_last)
    _, channels, height, width = x.shape
    return x.as_strided(x.shape, (channels * height * width, 1, width * channels, channels))


def _gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, groups: int, *, transposed: bool, to_x: bool = True
) -> tuple[Tensor | None, Tensor, Tensor]:
    """Gradients of input, weight and bias; the bias's is a plain sum, which the kernels do more slowly themselves."""
    padding = weight.shape[-1] // 2 - 1
    of_x, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [2, 2], [padding] * 2, [1, 1], transposed, [0, 0], groups, [to_x, True, False]
    )
    return of_x, of_weight, gradient.sum((0, 2, 3))


def _through_relu(gradient: Tensor, y: Tensor) -> Tensor:
    return torch.ops.aten.threshold_backward(_channels_last(gradient), y, 0)


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
        x, weight = _channels_last(x), _channels_last(weight)
        padding = weight.shape[-1] // 2 - 1  # "same" for kernels of 4 and 2 with stride 2
        y = _channels_last(F.conv2d(x, weight, bias, stride=2, padding=padding, groups=groups)).relu_()
        ctx.save_for_backward(x, weight, y)
        ctx.groups = groups
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        to_x = ctx.needs_input_grad[0]
        return *_gradients(_through_relu(gradient, y), x, weight, ctx.groups, transposed=False, to_x=to_x), None


class _Deconv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
        x, weight = _channels_last(x), _channels_last(weight)
        y = _channels_last(F.conv_transpose2d(x, weight, bias, stride=2, padding=1, groups=groups)).relu_()
        ctx.save_for_backward(x, weight, y)
        ctx.groups = groups
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, y = ctx.saved_tensors
        return *_gradients(_through_relu(gradient, y), x, weight, ctx.groups, transposed=True), None


class _DeconvToImage(torch.autograd.Function):
    """As a matrix product and a sum of shifted patches: kernels for transposed convolutions want many channels."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        x = _channels_last(x)
        k, inputs, channels = weight.shape[:3]
        batch, _, height, width = x.shape
        ctx.save_for_backward(x, weight)
        pixels = x.view(batch, k, inputs, height * width)
        patches = weight.reshape(k, inputs, channels * 16).transpose(1, 2) @ pixels  # (B, K, c * 16, h * w)
        y = F.fold(patches.flatten(0, 1), (2 * height, 2 * width), 4, padding=1, stride=2)
        return y.view(batch, k * channels, 2 * height, 2 * width).add_(bias.view(1, k * channels, 1, 1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        k, _, channels = weight.shape[:3]
        flat = _channels_last(weight.flatten(0, 1))
        to_x, to_weight, to_bias = _gradients(_channels_last(gradient), x, flat, k, transposed=True)
        return to_x, to_weight.view_as(weight), to_bias.view(k, channels)
