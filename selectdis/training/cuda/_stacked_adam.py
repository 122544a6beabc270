"""Adam where networks run by our own kernels: one pass, which leaves weights as the kernels read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from triton import cdiv

from selectdis.models import _kernels as kernels
from selectdis.training._adam import Settings

__all__ = ["StackedAdam"]

BLOCK = 1024

Layouts = Mapping[str, tuple[int, ...]]  # parameter -> order of its axes in memory


def decays(name: str) -> bool:
    """Whether a parameter is a matrix of a layer, which may decay, and which the networks read in their precision."""
    return name.endswith(".weight")


class StackedAdam:
    """The updates of `Adam` for parameters (K, ...), each candidate with its own settings.

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
        # Detached, so that it is a leaf where it is no copy.
        return self._in_memory(name, weight).detach().to(dtype if decays(name) else weight.dtype).requires_grad_()

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
            grid = (cdiv(n, BLOCK), len(weight))
            copy = leaf if separate else None
            kernels.adam[grid](weight, first, second, leaf.grad, copy, settings, n, decays(name), separate, BLOCK)
            leaf.grad = None
