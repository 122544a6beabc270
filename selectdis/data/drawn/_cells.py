"""Cells under a fluorescence microscope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._fresh import FreshDraws, uniform
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source
from selectdis.data.drawn._grid import around, classes, drawn_grid, span
from selectdis.data.drawn._paint import column, pixels
from selectdis.errors import whole_number

__all__ = ["SOURCE", "cells"]

FACTORS = {
    "brightness": span(0.4, 1.0, 5, 4, 4),
    "focus": span(0.12, 0.03, 4, 3, 3),  # width of the blur: the last is sharp
    "size": span(0.36, 0.7, 5, 4, 4),  # geometric mean of the half axes
    "eccentricity": span(0.78, 0.36, 4),  # the short half axis against the long one
    "orientation": around(np.pi, 10, 8, 6),
    "spots": classes(5, 5, 4, 4),
}
PAIR = ("size", "brightness")
BACKGROUND, BODY, SPOT = 0.02, 0.5, 0.7
# In units of the half axes, so that they turn with the cell
SPOTS = np.array([(0.5, 0.15), (-0.55, -0.1), (0.0, -0.5), (-0.05, 0.5), (0.05, 0.0)], dtype=np.float32)
SPOT_RADIUS = 0.11
PHOTONS = 100.0  # of a pixel at full brightness


def cells(
    *, image_size: int = 64, sizes: Sizes = None, noise: bool = True, seed: int = 0, correlation: float = 0.0
) -> ImageDataset:
    """Draw a glowing cell: brightness, focus, size, eccentricity, orientation, number of spots.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of brightness, focus (the last is sharp), size, eccentricity, orientation (half a turn), spots (up to
        5): a mapping (others keep their default) or six numbers.
    noise : bool
        Count photons, about 100 at full brightness: noise that training draws anew at each use of an image.
    seed : int
        Of the one draw of each image that `images` shows.
    correlation : float
        Of size and brightness, from -0.95 to 0.95. Other than 0, images are left out.

    Returns
    -------
    ImageDataset
        uint8 (n, 1, image_size, image_size); a full grid where the correlation is 0.
    """
    plain = drawn_grid(
        "cells", _draw, FACTORS, image_size=image_size, sizes=sizes, gray=True, correlation=correlation, pair=PAIR
    )
    seed = whole_number("seed", seed, 0)
    if not noise:
        return plain
    fresh = FreshDraws(plain.images, _count_photons, seed)
    return replace(plain, images=fresh.images((len(plain), *plain.image_shape)), fresh=fresh)


def _draw(at: Mapping[str, np.ndarray], side: int, gray: bool) -> np.ndarray:
    x, y = pixels(side)
    turn, size, blur = (column(at[name]) for name in ("orientation", "size", "focus"))
    blur = np.hypot(blur, 0.5 / side)  # never sharper than a pixel
    flat = np.sqrt(column(at["eccentricity"]))
    long, short = size / flat, size * flat
    u = (np.cos(turn) * x + np.sin(turn) * y) / long
    v = (np.cos(turn) * y - np.sin(turn) * x) / short
    radius = np.sqrt(u**2 + v**2)
    glow = BODY * _step((1 - radius) * short / blur)
    for k, (along, across) in enumerate(SPOTS):
        there = column(at["spots"] >= k)
        if not there.any():
            break
        square = ((u - along) * long) ** 2 + ((v - across) * short) ** 2
        width = SPOT_RADIUS**2 + blur**2  # a blurred spot is wider, and dimmer
        glow += there * (SPOT * SPOT_RADIUS / np.sqrt(width)) * np.exp(-square / width)
    return (BACKGROUND + column(at["brightness"]) * glow)[:, None]


def _step(z: np.ndarray) -> np.ndarray:
    """Return about the normal distribution function."""
    return 0.5 + 0.5 * np.tanh(0.8 * z)


def _count_photons(pictures: Any, keys: Any) -> Any:
    """Add noise whose variance is the brightness over PHOTONS: about the Poisson distribution's."""
    three = uniform(keys, (3, *pictures.shape[1:]), pictures).sum(1)  # of variance 1 / 4, nearly normal
    return (pictures + (pictures / PHOTONS) ** 0.5 * (2 * three - 3)).clip(0, 1)


SOURCE = Source(load=cells, summary="cells under a fluorescence microscope", licence="drawn")
