"""Woven textures: two waves across one another."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source
from selectdis.data.drawn._grid import around, drawn_grid, span
from selectdis.data.drawn._paint import column, palette, pixels

__all__ = ["SOURCE", "textures"]

FACTORS = {
    "tint": around(1.0, 6, 5, 5),  # of the light threads
    "contrast": span(0.5, 1.0, 4, 3, 3),
    "weave": span(0.0, 1.0, 4),  # how strong the second wave is against the first
    "frequency": span(0.8, 2.4, 8, 6, 5),  # waves across the picture
    "orientation": span(-np.pi / 4, np.pi / 4, 13, 11, 8),
}
PAIR = ("contrast", "frequency")
SECOND = 1.5  # waves of the second component for each of the first, at right angles
GROUND = 0.5


def textures(
    *, image_size: int = 64, sizes: Sizes = None, gray: bool = False, correlation: float = 0.0
) -> ImageDataset:
    """Draw waves: tint, contrast, a second wave at right angles (weave), frequency and orientation.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of tint, contrast, weave, frequency (0.8 to 2.4 waves across the picture), orientation (-45 to 45
        degrees): a mapping (others keep their default) or five numbers.
    gray : bool
        One channel; the tints become tones.
    correlation : float
        Of contrast and frequency, from -0.95 to 0.95. Other than 0, images are left out.

    Returns
    -------
    ImageDataset
        uint8 (n, 3 or 1, image_size, image_size); a full grid where the correlation is 0.
    """
    return drawn_grid(
        "textures", _draw, FACTORS, image_size=image_size, sizes=sizes, gray=gray, correlation=correlation, pair=PAIR
    )


def _draw(at: Mapping[str, np.ndarray], side: int, gray: bool) -> np.ndarray:
    x, y = pixels(side)
    angle, waves, weave = (column(at[name]) for name in ("orientation", "frequency", "weave"))
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    first, second = np.cos(np.pi * waves * along), np.cos(np.pi * SECOND * waves * across)
    height = column(at["contrast"]) * (first + weave * second) / (1 + weave)  # -1 to 1
    colour = palette(at["tint"], gray, tones=(0.45, 1.1))[:, :, None, None]
    return colour * (GROUND + GROUND * height)[:, None]


SOURCE = Source(load=textures, summary="two waves across one another", licence="drawn")
