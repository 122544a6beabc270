"""Adam over stacked tensors, with each candidate's own learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["Adam"]

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

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients of the weights, which are then dropped."""
        self.steps += 1
        for settings, rows in self._rows.items():
            self._update(settings, None if len(self._rows) == 1 else rows)
        for weight in self.weights.values():
            weight.grad = None

    def _update(self, settings: Settings, rows: list[int] | None) -> None:
        learning_rate, beta1, beta2, epsilon = settings
        weights = _parts(self.weights.values(), rows)
        torch._fused_adam_(
            weights,
            _parts([weight.grad for weight in self.weights.values()], rows),
            _parts(self.first.values(), rows),
            _parts(self.second.values(), rows),
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


def _parts(tensors, rows: list[int] | None) -> list[Tensor]:  # type: ignore[no-untyped-def]
    if rows is None:
        return [tensor.detach() for tensor in tensors]
    return [tensor.detach()[k] for tensor in tensors for k in rows]
