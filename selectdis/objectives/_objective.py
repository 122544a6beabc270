"""What an objective is: a pure function of a batch, the names of its strengths, and the grid of the literature."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from selectdis.errors import SelectdisError, nearest

if TYPE_CHECKING:  # the names and defaults must be readable without loading torch
    from torch import Tensor

__all__ = ["Adversary", "Batch", "Loss", "Objective"]


class Batch(NamedTuple):
    """What one forward pass of K stacked candidates gives an objective; B images, L latents."""

    reconstruction: Tensor  # (K,) nats per image: summed over pixels, mean over the batch
    kl_per_latent: Tensor  # (K, L) nats: mean over the batch
    mean: Tensor  # (K, B, L)
    log_variance: Tensor  # (K, B, L)
    sample: Tensor  # (K, B, L)
    step: Tensor  # () the number of steps done before this one
    logits: Tensor | None = None  # (K, B, 2) the discriminator's view of `sample`, where the objective has one

    @property
    def kl(self) -> Tensor:
        """KL(q(z|x) || p(z)), summed over latents: (K,) nats."""
        return self.kl_per_latent.sum(-1)


class Loss(NamedTuple):
    """The loss of each of K candidates and the terms that it adds to reconstruction and KL; each (K,)."""

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Adversary:
    """The loss of a discriminator that is trained beside the model: logits (K, B, 2) of true and of permuted codes."""

    loss: Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """A named objective.

    Attributes
    ----------
    name, paper : str
        What it is called, and where it comes from.
    loss : callable
        ``(batch, strengths) -> Loss``; every strength is a (K,) tensor.
    defaults : mapping
        Each strength's default value.
    derived : mapping
        Strengths whose default is a multiple of another one: ``{"lambda_d": ("lambda_od", 10.0)}``.
    main : str
        The strength that the literature sweeps.
    grid : tuple of float
        The values of the main strength in Locatello et al. 2019.
    terms : tuple of str
        The names of the terms that the loss reports.
    adversary : Adversary, optional
        The loss of a discriminator, where the objective needs one.
    """

    name: str
    loss: Callable[[Batch, Mapping[str, Tensor]], Loss]
    defaults: Mapping[str, float]
    main: str
    grid: tuple[float, ...]
    paper: str
    derived: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    terms: tuple[str, ...] = ()
    adversary: Adversary | None = None

    @property
    def strength_names(self) -> tuple[str, ...]:
        return (*self.defaults, *self.derived)

    def complete(self, strengths: Mapping[str, float]) -> dict[str, float]:
        """Return `strengths` checked and filled up with the defaults, in a fixed order.

        Parameters
        ----------
        strengths : mapping
            Some or all of `strength_names`, with their values.

        Raises
        ------
        SelectdisError
            If a name is not one of this objective's, or a value is not a finite number of at least 0.
        """
        given = {name: self._checked(name, value) for name, value in strengths.items()}
        complete = {name: given.get(name, float(default)) for name, default in self.defaults.items()}
        for name, (source, factor) in self.derived.items():
            complete[name] = given.get(name, factor * complete[source])
        return complete

    def _checked(self, name: str, value: float) -> float:
        known = self.strength_names
        if name not in known:
            raise SelectdisError(
                f"{self.name} has the strengths {', '.join(known)}, found {name!r}{nearest(str(name), known)}"
            )
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not (math.isfinite(number) and number >= 0):
            raise SelectdisError(f"the strength {name} of {self.name} must be a finite number >= 0, found {value!r}")
        return number
