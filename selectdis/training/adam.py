"""Adam over stacked tensors, with each candidate's own learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["Adam"]

ALIGNED = 64  # float32 numbers of the widest vectors that the kernels on CPU take at once

Settings = tuple[float, float, float, float]  # learning rate, beta1, beta2, epsilon


class Adam:
    """Adam (Kingma & Ba 2015, Algorithm 1) for parameters (K, ...): one fused pass over weights, moments and gradients.

    Candidates with the same settings are updated together; where settings differ, each distinct one updates its rows.
    """

    def __init__(self, weights: Mapping[str, Tensor], settings: Sequence[Settings]) -> None:
        self.weights = dict(weights)
        self.first = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self.second = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        device = next(iter(weights.values())).device
        self.steps = torch.zeros((), dtype=torch.float32, device=device)
        self._rows = {own: [k for k, other in enumerate(settings) if other == own] for own in dict.fromkeys(settings)}
        self._whole = {name: self._may_be_stacked(weight) for name, weight in weights.items()}

    def _may_be_stacked(self, weight: Tensor) -> bool:
        """Whether one update of all rows rounds as one of each row does, which depends on how vectors cover a row."""
        return len(self._rows) == 1 and (weight.device.type != "cpu" or weight[0].numel() % ALIGNED == 0)

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients of the weights, which are then dropped."""
        self.steps += 1
        for settings, rows in self._rows.items():
            self._update(settings, rows)
        for weight in self.weights.values():
            weight.grad = None

    def _update(self, settings: Settings, rows: list[int]) -> None:
        learning_rate, beta1, beta2, epsilon = settings
        weights = self._parts(self.weights, rows)
        torch._fused_adam_(
            weights,
            self._parts({name: weight.grad for name, weight in self.weights.items() if weight.grad is not None}, rows),
            self._parts(self.first, rows),
            self._parts(self.second, rows),
            [],
            [self.steps] * len(weights),
            lr=learning_rate,
            beta1=beta1,
            beta2=beta2,
            weight_decay=0.0,
            eps=epsilon,
            amsgrad=False,
            maximize=False,
        )

    def _parts(self, tensors: Mapping[str, Tensor], rows: list[int]) -> list[Tensor]:
        """The tensors whole where they may be, else the given rows of each."""
        parts: list[Tensor] = []
        for name, tensor in tensors.items():
            if self._whole[name]:
                parts.append(tensor.detach())
            else:
                every = tensor.detach().unbind()
                parts += [every[k] for k in rows]
        return parts
