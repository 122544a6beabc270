"""How a criterion describes itself, and what it is computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

__all__ = ["Criterion", "Decoded", "HeldOut", "Input", "Pool", "criterion_of_codes"]

# "run": one run on held-out images; "pool": stacked codes of many runs on the same images; "decoder": decoded images;
# "trained": all that is published of a run, in the arena alone.
Input = Literal["run", "pool", "decoder", "trained"]


@dataclass(frozen=True)
class HeldOut:
    """One run on images that it was not trained on.

    Attributes
    ----------
    codes : (n, latents) float
        Mean or sampled.
    reconstruction_error : (n,) float
        In nats.
    kl : (n, latents) float, or None
        In nats; None where codes have no posterior (quantised ones). A criterion that reads it says `needs_kl`.
    active : (latents,) bool
        Which latents are in use, as the run's objective says it.
    """

    codes: np.ndarray
    reconstruction_error: np.ndarray
    kl: np.ndarray | None
    active: np.ndarray


@dataclass(frozen=True)
class Pool:
    """Many runs on the same images.

    Attributes
    ----------
    codes : (runs, n, latents) float
        Mean codes.
    kl : (runs, latents) float
        In nats; NaN in a run whose codes have no posterior.
    active : (runs, latents) bool
        Which latents are in use, as the runs' objectives say it.
    configurations : (runs,)
        Labels.
    blocks : (runs,), optional
        Labels, where a large pool is compared block by block.
    """

    codes: np.ndarray
    kl: np.ndarray
    active: np.ndarray
    configurations: np.ndarray
    blocks: np.ndarray | None = None


@dataclass(frozen=True)
class Decoded:
    """Images (n, ...) that a run decodes from real codes, and from the same codes with their latents shuffled."""

    images: np.ndarray
    shuffled: np.ndarray
    seed: int


@dataclass(frozen=True)
class Criterion:
    """A score that needs no labels: what it is called, what it needs, and where it comes from.

    `function` is the public function of arrays; `compute` calls it on what `needs` says and names what comes out:
    one number each on `HeldOut`, `Decoded` and `TrainedRun`, an array (runs,) each on `Pool`. One that `needs_kl`
    is missing, and not zero, in the records of runs that have none.
    """

    name: str
    produces: tuple[str, ...]
    function: Callable[..., Any]
    compute: Callable[[Any], dict[str, Any]]
    needs: Input
    paper: str
    range: tuple[float, float]
    higher_is_better: bool | None
    cost: Literal["cheap", "slow"] = "cheap"
    of_codes: bool = False  # also given on sampled codes
    needs_kl: bool = False


def criterion_of_codes(name: str, function: Callable[[np.ndarray], float], paper: str) -> Criterion:
    """Describe a `function` of one run's codes, mean or sampled: at least 0, and lower is better."""
    compute = partial(_score_of_codes, name, function)
    return Criterion(name, (name,), function, compute, "run", paper, (0.0, float("inf")), False, of_codes=True)


def _score_of_codes(name: str, function: Callable[[np.ndarray], float], run: HeldOut) -> dict[str, float]:
    return {name: function(run.codes)}
