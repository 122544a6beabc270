"""What an objective is: a pure function of a batch, the names of its strengths, and the grid of the literature."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selectdis._arrays import ACTIVE_NATS
from selectdis.errors import SelectdisError, nearest

if TYPE_CHECKING:  # the names and defaults must be readable without loading torch
    from torch import Tensor

__all__ = ["Adversary", "Batch", "Codebook", "Loss", "Objective", "active_by_kl", "active_by_values"]


class Batch(NamedTuple):
    """What one forward pass of K stacked candidates gives an objective; B images, L latents."""

    reconstruction: Tensor  # (K,) nats per image: summed over pixels, mean over the batch
    kl_per_latent: Tensor  # (K, L) nats: mean over the batch
    mean: Tensor  # (K, B, L)
    log_variance: Tensor  # (K, B, L)
    sample: Tensor  # (K, B, L)
    step: Tensor  # () the number of steps done before this one
    logits: Tensor | None = None  # (K, B, 2) the discriminator's view of `sample`, where the objective has one
    quantised: Tensor | None = None  # (K, B, L) values of the codebook, with their gradient, where there is one
    pixels: int = 1  # numbers per image: channels x height x width

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
class Codebook:
    """The values that each latent may have, trained beside the weights; at first equally spaced, ends included."""

    values: int = 10
    low: float = -0.5
    high: float = 0.5


def active_by_kl(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """Return which latents have a mean KL above 0.01 nats (Duan et al. 2020): (n, L) twice -> (L,) bool."""
    mean, log_variance = mean.astype(np.float64), log_variance.astype(np.float64)
    kl = 0.5 * (np.square(mean) + np.exp(log_variance) - log_variance - 1)
    return np.asarray(kl.mean(axis=0) > ACTIVE_NATS)


def active_by_values(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """Return which latents have more than one value in use: codes (n, L) -> (L,) bool."""
    return np.asarray(mean.max(axis=0) > mean.min(axis=0))


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
        The values of the main strength in the literature (of the first six, in Locatello et al. 2019).
    terms : tuple of str
        The names of the terms that the loss reports.
    adversary : Adversary, optional
        The loss of a discriminator, where the objective needs one.
    codebook : Codebook, optional
        Where codes are quantised: there is no posterior, hence no KL, and `Batch.mean` is what the encoder says before.
    share : callable, optional
        ``(mean, log_variance) -> (mean, log_variance)``, (K, B, L) each, where the objective learns from pairs: image b
        of the first half of a batch and image b of the second half are one, and codes are sampled from what it returns.
    active : callable
        ``(mean, log_variance) -> mask``, arrays (n, L) twice to (L,) bool: which latents a trained model uses.
    weight_decay : float
        Of a candidate that does not say its own.
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
    codebook: Codebook | None = None
    share: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    active: Callable[[np.ndarray, np.ndarray], np.ndarray] = active_by_kl
    weight_decay: float = 0.0

    @property
    def has_kl(self) -> bool:
        """Whether codes have a posterior, and with it a KL to the prior."""
        return self.codebook is None

    @property
    def changes_codes(self) -> bool:
        """Whether codes in training are other than samples of what the encoder says."""
        return self.codebook is not None or self.share is not None

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
