"""How a criterion describes itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Criterion", "Input"]

# "run": one run on held-out images; "pool": stacked codes of many runs on the same images; "decoder": decoded images.
Input = Literal["run", "pool", "decoder"]


@dataclass(frozen=True)
class Criterion:
    """A score that needs no labels: what it is called, what it needs, and where it comes from."""

    name: str
    produces: tuple[str, ...]
    function: Callable[..., Any]
    needs: Input
    paper: str
    range: tuple[float, float]
    higher_is_better: bool | None
    cost: Literal["cheap", "slow"] = "cheap"
