"""How the values of pixels become 0 to 255: by what their type holds, or by what they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from selectdis.errors import SelectdisError, nearest

__all__ = [
    "MEASURED",
    "SCALINGS",
    "Scaling",
    "check_scaling",
    "measured_range",
    "range_of_type",
    "to_bytes",
    "value_range",
]

SCALINGS = ("type", "dataset", "picture", "percentiles")
MEASURED = ("dataset", "percentiles")  # those that look at all pictures first
Scaling = str | tuple[float, float]

PERCENTILES = (0.5, 99.5)  # of all pixels: a few hot ones no longer make the others dark
SAMPLED = 4_096  # pixels of a picture that the percentiles are taken from


def check_scaling(scaling: Any) -> Scaling:
    """Return `scaling`, if it is one of `SCALINGS` or two numbers, the darkest value and the brightest.

    Raises
    ------
    SelectdisError
        On anything else.
    """
    if isinstance(scaling, str) and scaling in SCALINGS:
        return scaling
    pair = list(scaling) if isinstance(scaling, Sequence) and not isinstance(scaling, str) else []
    if len(pair) == 2 and all(isinstance(v, int | float) and np.isfinite(v) for v in pair) and pair[0] < pair[1]:
        return float(pair[0]), float(pair[1])
    hint = nearest(scaling, SCALINGS) if isinstance(scaling, str) else ""
    raise SelectdisError(
        f"scaling is one of {', '.join(SCALINGS)}, or two numbers [darkest, brightest]; found {scaling!r}{hint}"
    )


def range_of_type(values: np.ndarray, wide: bool) -> tuple[float, float]:
    """Return what the type of `values` can hold: 0 to 1 of fractions, to 65,535 of `wide` integers, else to 255.

    Raises
    ------
    SelectdisError
        Where the values are outside of it.
    """
    top = 1.0 if values.dtype.kind == "f" else 65535.0 if wide else 255.0
    low, high = value_range(values)
    if low < 0 or high > top:
        raise SelectdisError(
            f'pixels of this type lie in 0..{top:g}, found {low:g}..{high:g}: scaling="dataset" takes the range that '
            f"all pictures have, scaling=[{low:g}, {high:g}] a given one"
        )
    return 0.0, top


def value_range(values: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest value.

    Raises
    ------
    SelectdisError
        Where a value is NaN or infinite.
    """
    low, high = float(values.min()), float(values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise SelectdisError("pixels must be finite numbers, found NaN or infinity")
    return low, high


def measured_range(pictures: Iterable[np.ndarray], scaling: str) -> tuple[float, float] | None:
    """Return the range that all `pictures` have, or what lies between two percentiles of it; None without pictures.

    Parameters
    ----------
    pictures : iterable of ndarray
        The values as the files have them.
    scaling : {"dataset", "percentiles"}
        Which.
    """
    if scaling == "dataset":
        ranges = [value_range(values) for values in pictures]
        return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None
    samples = [_sample(values) for values in pictures]
    if not samples:
        return None
    low, high = np.percentile(np.concatenate(samples), PERCENTILES)
    return float(low), float(high)


def _sample(values: np.ndarray) -> np.ndarray:
    """Return evenly spread values: all, or about `SAMPLED` of a picture."""
    value_range(values)
    flat = values.reshape(-1)
    rng = np.random.default_rng(len(flat))  # a stride would follow the rows of some widths
    return flat if len(flat) <= SAMPLED else flat[rng.integers(len(flat), size=SAMPLED)]


def to_bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Bring `values` from `low`..`high` to uint8 0..255; those outside become 0 or 255."""
    if values.dtype == np.uint8 and (low, high) == (0.0, 255.0):
        return values
    if values.dtype.kind == "f":
        value_range(values)  # refuses what is not finite
    scaled = (values.astype(np.float64) - low) * (255 / (high - low)) if high > low else np.zeros(values.shape)
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)
