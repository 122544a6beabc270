"""The parameters of a model: their names, shapes and first values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Parameter", "bias", "glorot_weight", "head_parameters", "initial_values", "of_layers"]


@dataclass(frozen=True)
class Parameter:
    """One tensor of one candidate; its first values are uniform in [-limit, limit].

    With `ends` nothing is drawn: the values along the last axis are equally spaced from the first end to the other.
    """

    name: str
    shape: tuple[int, ...]
    limit: float
    ends: tuple[float, float] | None = None


def glorot_weight(name: str, shape: tuple[int, ...], fan_in: int, fan_out: int) -> Parameter:
    """Return a weight, at first uniform as in Glorot & Bengio 2010 (eq. 16), the default of the reference."""
    return Parameter(name, shape, math.sqrt(6.0 / (fan_in + fan_out)))


def bias(name: str, size: int) -> Parameter:
    """Return a bias, zero at first."""
    return Parameter(name, (size,), 0.0)


def head_parameters(inputs: int, latents: int) -> list[Parameter]:
    """Return the layer for mean and log-variance: two dense layers side by side, so that fan_out counts one of them."""
    weight = glorot_weight("encoder.head.weight", (inputs, 2 * latents), inputs, latents)
    return [weight, bias("encoder.head.bias", 2 * latents)]


def of_layers(weights: Mapping[str, Any], names: Iterable[str]) -> list[Any]:
    """Return weight and bias of each named layer in turn."""
    return [weights[f"{name}.{part}"] for name in names for part in ("weight", "bias")]


def initial_values(parameters: Sequence[Parameter], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """First values of one candidate, float32, drawn in the order of `parameters`."""
    values = {}
    for parameter in parameters:
        if parameter.ends is not None:
            line = np.linspace(*parameter.ends, parameter.shape[-1], dtype=np.float32)
            values[parameter.name] = np.broadcast_to(line, parameter.shape).copy()
            continue
        unit = rng.random(parameter.shape, dtype=np.float32) if parameter.limit else np.full(parameter.shape, 0.5)
        values[parameter.name] = ((2 * unit - 1) * parameter.limit).astype(np.float32)
    return values
