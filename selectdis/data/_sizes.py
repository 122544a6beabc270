"""Checks of the options that data sets share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from selectdis.errors import SelectdisError, nearest, whole_number

__all__ = ["FITS", "IMAGE_SIZES", "Sizes", "check_drawn_size", "check_image_size", "check_sizes", "spaced"]

IMAGE_SIZES = (64, 32, 16)  # what is drawn, and what arrays keep; the rest is resized to any
SMALLEST, LARGEST = 4, 1_024
FITS = ("crop", "stretch", "pad")  # how a picture becomes a square
Sizes = Mapping[str, int] | Sequence[int] | None


def check_image_size(image_size: int) -> int:
    """Return `image_size` in pixels, if it is one that images may have."""
    return whole_number("image_size (conv takes 128, 64, 32 and 16, fc any)", image_size, SMALLEST, LARGEST)


def check_drawn_size(image_size: int) -> int:
    """Return `image_size` in pixels, if images are drawn at it."""
    if image_size not in IMAGE_SIZES:
        raise SelectdisError(f"image_size must be 64, 32 or 16 pixels for what is drawn here, found {image_size!r}")
    return int(image_size)


def check_sizes(sizes: Sizes, defaults: Mapping[str, int], most: Mapping[str, int]) -> tuple[int, ...]:
    """Return how many values each factor takes: a mapping completes `defaults`, a sequence names all in order.

    `most` is the largest number of values for the factors that have one (three shapes are all there are).
    """
    if isinstance(sizes, Mapping):
        for name in sizes:
            if name not in defaults:
                raise SelectdisError(f"sizes names the unknown factor {name!r}{nearest(str(name), defaults)}")
        chosen = {**defaults, **sizes}
    else:
        if sizes is not None and not isinstance(sizes, Sequence):
            raise SelectdisError(f"sizes is a mapping of factors to numbers, or one number per factor; found {sizes!r}")
        given = list(defaults.values()) if sizes is None else list(sizes)
        if len(given) != len(defaults):
            raise SelectdisError(f"sizes needs {len(defaults)} numbers ({', '.join(defaults)}), found {len(given)}")
        chosen = dict(zip(defaults, given, strict=True))
    for name, size in chosen.items():
        top = most.get(name)
        if isinstance(size, bool) or not isinstance(size, int) or size < 1 or (top is not None and size > top):
            limit = "a whole number of at least 1" if top is None else f"a whole number from 1 to {top}"
            raise SelectdisError(f"the size of factor {name!r} must be {limit}, found {size!r}")
    return tuple(chosen.values())


def spaced(low: float, high: float, n: int) -> np.ndarray:
    """Return float64 (n,) values from `low` to `high`; a single one lies in the middle."""
    return np.linspace(low, high, n) if n > 1 else np.array([(low + high) / 2])
