"""Layers of K stacked candidates: every parameter has a leading axis of K, and nothing crosses between candidates."""

from __future__ import annotations

from torch import Tensor, baddbmm
from torch.nn import functional as F

__all__ = ["conv", "deconv", "dense"]


def dense(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A dense layer: (K, B, I), (K, I, O), (K, O) -> (K, B, O)."""
    return baddbmm(bias.unsqueeze(1), x, weight)


def conv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A convolution that halves the image: (B, K * I, 2h, 2w), (K, O, I, s, s), (K, O) -> (B, K * O, h, w)."""
    padding = weight.shape[-1] // 2 - 1  # "same" for kernels of 4 and 2 with stride 2
    return F.conv2d(x, weight.flatten(0, 1), bias.flatten(), stride=2, padding=padding, groups=len(weight))


def deconv(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A transposed 4x4 convolution that doubles it: (B, K * I, h, w), (K, I, O, 4, 4), (K, O) -> (B, K * O, 2h, 2w)."""
    return F.conv_transpose2d(x, weight.flatten(0, 1), bias.flatten(), stride=2, padding=1, groups=len(weight))
