"""Adam for the kernels of `models._stacked`: one pass over everything, which leaves weights as the networks read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

__all__ = ["StackedAdam"]

BLOCK = 1024

Settings = tuple[float, ...]  # learning rate, beta1, beta2, epsilon
Layouts = Mapping[str, tuple[int, ...]]  # parameter -> order of its axes in memory


@triton.jit
def update(weight, first, second, gradient, copy, settings, N, HAS_COPY: tl.constexpr, BLOCK: tl.constexpr):
    """Update one tensor of each candidate; `settings` (K, 6): rate, betas, epsilon, and what corrects both moments."""
    k = tl.program_id(1).to(tl.int64)
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = place < N
    place += k * N
    rate = tl.load(settings + 6 * k)
    beta1 = tl.load(settings + 6 * k + 1)
    beta2 = tl.load(settings + 6 * k + 2)
    epsilon = tl.load(settings + 6 * k + 3)
    correction1 = tl.load(settings + 6 * k + 4)
    correction2 = tl.load(settings + 6 * k + 5)
    g = tl.load(gradient + place, mask=inside, other=0.0).to(tl.float32)
    m = tl.load(first + place, mask=inside, other=0.0)
    v = tl.load(second + place, mask=inside, other=0.0)
    m = beta1 * m + (1.0 - beta1) * g
    v = beta2 * v + (1.0 - beta2) * g * g
    w = tl.load(weight + place, mask=inside, other=0.0)
    w -= rate / correction1 * m / (tl.sqrt(v) / correction2 + epsilon)
    tl.store(first + place, m, mask=inside)
    tl.store(second + place, v, mask=inside)
    tl.store(weight + place, w, mask=inside)
    if HAS_COPY:
        tl.store(copy + place, w.to(copy.dtype.element_ty), mask=inside)


class StackedAdam:
    """Adam (Kingma & Ba 2015, Algorithm 1) for parameters (K, ...), each candidate with its own settings.

    Attributes
    ----------
    weights, first, second
        Weights and moments by name, with the axes that their names promise, whatever their order in memory.
    network
        The weights as the kernels read them: in their order in memory, matrices in the precision of the networks.
        Gradients go to these.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], layouts: Layouts, settings: Sequence[Settings], dtype: torch.dtype
    ) -> None:
        self._layouts = layouts
        self.weights = {name: self._laid_out(name, weight.detach()) for name, weight in weights.items()}
        self.first = {name: torch.zeros_like(weight) for name, weight in self.weights.items()}
        self.second = {name: torch.zeros_like(weight) for name, weight in self.weights.items()}
        self.network = {name: self._leaf(name, weight, dtype) for name, weight in self.weights.items()}
        device = next(iter(self.weights.values())).device
        self.steps = torch.zeros((), dtype=torch.float32, device=device)
        self._settings = torch.tensor(settings, dtype=torch.float32, device=device)
        self._betas = torch.tensor(settings, dtype=torch.float64, device=device)[:, 1:3]

    def _laid_out(self, name: str, weight: Tensor) -> Tensor:
        order = self._order(name, weight)
        return weight.permute(order).contiguous().permute([order.index(axis) for axis in range(weight.ndim)])

    def _order(self, name: str, tensor: Tensor) -> list[int]:
        return [0, *(axis + 1 for axis in self._layouts.get(name, range(tensor.ndim - 1)))]

    def _in_memory(self, name: str, tensor: Tensor) -> Tensor:
        return tensor.permute(self._order(name, tensor))

    def _leaf(self, name: str, weight: Tensor, dtype: torch.dtype) -> Tensor:
        is_bias = weight.ndim == 2
        return self._in_memory(name, weight).to(weight.dtype if is_bias else dtype).requires_grad_()

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over weights that were changed from outside."""
        for name, leaf in self.network.items():
            leaf.copy_(self._in_memory(name, self.weights[name]))

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients of `network`, which are then dropped."""
        self.steps += 1
        corrections = 1 - self._betas ** self.steps.double()
        corrections[:, 1].sqrt_()
        settings = torch.cat([self._settings, corrections.float()], 1)
        for name, leaf in self.network.items():
            if leaf.grad is None:
                continue
            weight, first, second = (
                self._in_memory(name, own[name]) for own in (self.weights, self.first, self.second)
            )
            separate = leaf.data_ptr() != weight.data_ptr()
            n = weight[0].numel()
            grid = (-(-n // BLOCK), len(weight))
            update[grid](weight, first, second, leaf.grad, leaf if separate else None, settings, n, separate, BLOCK)
            leaf.grad = None
