"""Dense layers on CPU by oneDNN: on an AMD processor its float32 products ran 2 to 4 times as fast as torch's default.

torch multiplies float32 matrices with MKL. The oneDNN operator below is the one that torch's own compiler emits; where
a build lacks it, the layer is a plain batched product.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ["dense_one_by_one", "one_by_one"]

SMALLEST = 32_768  # elements of a weight; below it the calls for each candidate cost more than they gain
ALIGNED = 16  # float32 numbers in 64 bytes


def one_by_one(x: Tensor, weight: Tensor) -> bool:
    """Whether the products of `x` (K, B, I) and `weight` (K, I, O) go candidate by candidate through oneDNN.

    They do where that is faster, and where matrices of a stack would begin at odd addresses: there MKL rounds
    otherwise, so that a candidate's result would depend on its neighbours.
    """
    batch, inputs, outputs = *x.shape[1:], weight.shape[2]
    odd = any(size % ALIGNED for size in (batch * inputs, inputs * outputs, batch * outputs))
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and (inputs * outputs >= SMALLEST or odd)
        and torch._C._has_mkldnn
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def dense_one_by_one(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply a dense layer of each candidate: (K, B, I), (K, I, O), (K, O) -> (K, B, O)."""
    return _Dense.apply(x, weight, bias)  # type: ignore[no-untyped-call]


def _product(a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return a @ b.T + bias of matrices."""
    if torch.compiler.is_compiling():
        return _opaque_product(a, b, bias)
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")


@torch.library.custom_op("selectdis::product", mutates_args=())
def _opaque_product(a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
    """`_product` as torch's compiler may see it: its own rules for the operator inside want constant weights."""
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")


@_opaque_product.register_fake
def _(a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
    return a.new_empty(len(a), len(b))


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return torch.stack([_product(a, w.t(), b) for a, w, b in zip(x, weight, bias, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = ctx.saved_tensors
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = torch.stack([_product(g, w) for g, w in zip(gradient, weight, strict=True)])
        to_weight = torch.stack([_product(a.t(), g.t()) for a, g in zip(x, gradient, strict=True)])
        return to_x, to_weight, gradient.sum(1)
