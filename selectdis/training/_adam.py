"""Adam over stacked tensors, with each candidate's own learning rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["Adam", "Settings"]

ALIGNED = 64  # float32 numbers of the widest vectors that the kernels on CPU take at once

Settings = tuple[float, float, float, float, float]  # learning rate, beta1, beta2, epsilon, weight decay


class Adam:
    """Adam (Kingma & Ba 2015, Algorithm 1) for parameters (K, ...): one fused pass over weights, moments and gradients.

    Weight decay is decoupled from the gradients (AdamW: Loshchilov & Hutter 2019, Algorithm 2); only what is called
    ``*.weight`` decays, no bias and no codebook.

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
        self._groups = [group for own in self._rows for group in _groups(own, list(weights))]
        # Views that stay: weights and moments change in place.
        self._parts = [self._split(tensors) for tensors in (self.weights, self.first, self.second)]

    def _may_be_stacked(self, weight: Tensor) -> bool:
        """Whether one update of all rows rounds as one of each row does, which depends on how vectors cover a row."""
        return len(self._rows) == 1 and (weight.device.type != "cpu" or weight[0].numel() % ALIGNED == 0)

    def _split(self, tensors: Mapping[str, Tensor]) -> list[list[Tensor]]:
        """For each of the groups its parts: the tensors whole where they may be, else its rows of each."""
        every = {name: [t.detach()] if self._whole[name] else list(t.detach().unbind()) for name, t in tensors.items()}
        return [
            [
                part
                for name in names
                for part in (every[name] if self._whole[name] else (every[name][k] for k in self._rows[own]))
            ]
            for own, _, names in self._groups
        ]

    @property
    def network(self) -> dict[str, Tensor]:
        """The weights that the networks take, and that gradients go to."""
        return self.weights

    def refresh(self) -> None:
        """Take over weights that were changed from outside; there is nothing to do, since there is no copy."""

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients of the weights, which are then dropped."""
        self.steps += 1
        gradients = self._split({name: w.grad for name, w in self.weights.items() if w.grad is not None})
        for (settings, decay, _), weights, first, second, own in zip(
            self._groups, *self._parts, gradients, strict=True
        ):
            self._update(settings, decay, weights, own, first, second)
        for weight in self.weights.values():
            weight.grad = None

    def _update(
        self,
        settings: Settings,
        decay: float,
        weights: list[Tensor],
        gradients: list[Tensor],
        first: list[Tensor],
        second: list[Tensor],
    ) -> None:
        learning_rate, beta1, beta2, epsilon, _ = settings
        update = torch._fused_adamw_ if decay else torch._fused_adam_
        update(
            weights,
            gradients,
            first,
            second,
            [],
            [self.steps] * len(weights),
            lr=learning_rate,
            beta1=beta1,
            beta2=beta2,
            weight_decay=decay,
            eps=epsilon,
            amsgrad=False,
            maximize=False,
        )


def _groups(settings: Settings, names: list[str]) -> list[tuple[Settings, float, list[str]]]:
    """Return which weights of candidates with these settings are updated together, with their decay."""
    decay = settings[-1]
    if not decay:
        return [(settings, 0.0, names)]
    decaying = [name for name in names if name.endswith(".weight")]
    parts = [(decay, decaying), (0.0, [name for name in names if name not in decaying])]
    return [(settings, own, part) for own, part in parts if part]
