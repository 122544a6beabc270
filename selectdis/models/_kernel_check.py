"""Whether the kernels compute on a device what torch does: layer by layer, forwards and backwards."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor
from torch.nn import functional as F

from selectdis.models._model import KernelPasses
from selectdis.models._parameters import Parameter
from selectdis.models._stacked import RELU, Layer, product

__all__ = ["disagreement"]

CANDIDATES = 2
# precision -> largest difference from float64, as a share of the norm of what is compared
TOLERANCES = {"float32": 1e-5, "tf32": 3e-3, "bf16": 2e-2}

Pair = tuple[Tensor, Tensor]  # of a kernel, of torch in float64


def disagreement(
    passes: KernelPasses,
    parameters: Sequence[Parameter],
    shape: tuple[int, int, int],
    batch: int,
    device: torch.device,
    products: str,
    precision: str,
) -> str:
    """Return the layer that differs most and by how much, or nothing: each on random numbers of its own.

    A discriminator sees codes of one batch and of two, so that its layers are compared at both sizes.
    """
    generator = torch.Generator(device).manual_seed(0)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32

    def draw(*sides: int) -> Tensor:
        return torch.randn((CANDIDATES, *sides), generator=generator, device=device)

    found = {}
    height = {"encoder": shape[1], "decoder": 4}
    for parameter in (p for p in parameters if p.name.endswith(".weight")):
        order = passes.layouts.get(parameter.name)
        own = tuple(parameter.shape[axis] for axis in order or range(len(parameter.shape)))
        weight = (draw(*own) / math.sqrt(math.prod(own) / own[-1])).to(dtype)
        if order is None:
            counts = (batch, 2 * batch) if parameter.name.startswith("discriminator.") else (batch,)
            drawn = [(draw(n, own[0]).to(dtype), draw(n, own[1]).to(dtype)) for n in counts]
            pairs: Iterable[Pair] = chain.from_iterable(_dense(x, weight, draw(own[1]), g, products) for x, g in drawn)
        else:
            part = parameter.name.partition(".")[0]
            layer = Layer(transposed=part == "decoder", to_image=order[0] == 0)
            _, inputs, outputs, _ = layer.sizes(weight)
            side = height[part]
            height[part] = side * 2 if layer.transposed else side // 2
            x, g = draw(batch, side, side, inputs).to(dtype), draw(batch, *[height[part]] * 2, outputs).to(dtype)
            pairs = _convolution(layer, x, weight, draw(outputs), g, products)
        found[parameter.name] = max(float((a.double() - b).norm() / b.norm()) for a, b in pairs)
    name = max(found, key=lambda key: found[key] if math.isfinite(found[key]) else math.inf)
    return "" if found[name] <= TOLERANCES[precision] else f"{name} differs from torch by {found[name]:.1g} of its norm"


def _dense(x: Tensor, weight: Tensor, bias: Tensor, g: Tensor, products: str) -> Iterator[Pair]:
    a, w, b, gradient = (t.double() for t in (x, weight, bias, g))
    yield product(x, weight, products, bias=bias, activation=RELU), torch.baddbmm(b.unsqueeze(1), a, w).relu()
    yield product(g, weight, products, b_transposed=True), gradient @ w.mT
    yield product(x, g, products, a_transposed=True), a.mT @ gradient


def _convolution(layer: Layer, x: Tensor, weight: Tensor, bias: Tensor, g: Tensor, products: str) -> Iterator[Pair]:
    exact = [t.double().requires_grad_() for t in (x, weight, bias)]
    linear = torch.stack([_by_torch(layer, *own) for own in zip(*exact, strict=True)])
    yield layer.forward(x, weight, bias, products), linear.detach() if layer.to_image else linear.detach().relu()
    to_x, to_weight, _ = torch.autograd.grad(linear, exact, g.double())
    yield layer.to_weight(x, g, weight, products), to_weight
    passed, sums = layer.to_input(g, weight, products, x)
    assert sums is not None
    masked = torch.where(x > 0, to_x, 0.0)
    yield passed, masked
    yield sums, masked.sum((1, 2, 3))


def _by_torch(layer: Layer, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the layer of one candidate without its ReLU, on x (B, H, W, C)."""
    image = x.permute(0, 3, 1, 2)
    if layer.to_image:
        y = F.conv_transpose2d(image, weight.permute(0, 3, 1, 2), bias, stride=2, padding=1)
    elif layer.transposed:
        y = F.conv_transpose2d(image, weight.permute(2, 3, 0, 1), bias, stride=2, padding=1)
    else:
        y = F.conv2d(image, weight.permute(3, 2, 0, 1), bias, stride=2, padding=weight.shape[0] // 2 - 1)
    return y.permute(0, 2, 3, 1)
