"""Clocks whose two hands move on their own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source
from selectdis.data.drawn._grid import around, drawn_grid, span
from selectdis.data.drawn._paint import backdrop, column, cover, over, palette, pixels, segment

__all__ = ["SOURCE", "clocks"]

FACTORS = {
    "color": around(1.0, 6, 5, 4),  # of the face
    "size": span(0.55, 0.8, 4, 3, 3),  # its radius
    "x": span(-0.2, 0.2, 5, 3, 3),
    "hour": around(2 * np.pi, 12),
    "minute": around(2 * np.pi, 12),
}
PAIR = ("hour", "minute")
WALL, RIM, LONG, SHORT = (0.93, 0.91, 0.86), (0.15, 0.15, 0.15), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
FACE_TONES = (0.35, 0.75)  # between the two hands


def clocks(*, image_size: int = 64, sizes: Sizes = None, gray: bool = False, correlation: float = 0.0) -> ImageDataset:
    """Draw clocks: colour, size, x, a short white hand and a long black one that move on their own.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of color, size, x, hour, minute: a mapping (others keep their default) or five numbers.
    gray : bool
        One channel; the colours become tones.
    correlation : float
        Of hour and minute, from -0.95 to 0.95. Other than 0, images are left out.

    Returns
    -------
    ImageDataset
        uint8 (n, 3 or 1, image_size, image_size); a full grid where the correlation is 0.
    """
    return drawn_grid(
        "clocks", _draw, FACTORS, image_size=image_size, sizes=sizes, gray=gray, correlation=correlation, pair=PAIR
    )


def _draw(at: Mapping[str, np.ndarray], side: int, gray: bool) -> np.ndarray:
    x, y = pixels(side)
    x, radius = x - column(at["x"]), column(at["size"])
    pictures = backdrop(WALL, len(radius), side, gray)
    from_centre = np.hypot(x, y)
    over(pictures, cover(from_centre - radius - 0.09, side), RIM)
    over(pictures, cover(from_centre - radius, side), palette(at["color"], gray, tones=FACE_TONES))
    for hand, length, thickness, colour in (("minute", 0.86, 0.06, LONG), ("hour", 0.6, 0.09, SHORT)):
        turn = column(at[hand])
        tip = np.sin(turn) * radius * length, np.cos(turn) * radius * length
        middle = np.zeros_like(turn), np.zeros_like(turn)
        over(pictures, cover(segment(x, y, middle, tip) - thickness, side), colour)
    return pictures


SOURCE = Source(load=clocks, summary="clocks with two hands", licence="drawn")
