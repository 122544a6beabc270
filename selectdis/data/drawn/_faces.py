"""Cartoon faces."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source
from selectdis.data.drawn._grid import drawn_grid, span
from selectdis.data.drawn._paint import backdrop, column, cover, cut, ellipse, over, pixels

__all__ = ["SOURCE", "faces"]

FACTORS = {
    "skin": span(0.0, 1.0, 4, 4, 3),  # from dark to light
    "face_width": span(0.56, 0.86, 5, 4, 4),  # half of the picture's width is 1
    "hair": span(0.62, -0.6, 5, 4, 4),  # how far down it reaches
    "eyes": span(0.09, 0.26, 4, 4, 3),  # how far open
    "gaze": span(-0.13, 0.13, 5, 5, 5),  # to the left, to the right
    "mouth": span(-0.26, 0.26, 5, 5, 5),  # from sad to happy
}
PAIR = ("eyes", "mouth")
DARK, LIGHT = np.array([0.52, 0.33, 0.22]), np.array([0.96, 0.78, 0.62])
WALL, HAIR, WHITE, PUPIL, LIPS = (
    (0.55, 0.75, 0.85),
    (0.12, 0.07, 0.05),
    (1.0, 1.0, 1.0),
    (0.0, 0.0, 0.0),
    (0.5, 0.0, 0.0),
)


def faces(*, image_size: int = 64, sizes: Sizes = None, gray: bool = False, correlation: float = 0.0) -> ImageDataset:
    """Draw cartoon faces: skin, width of the face, length of the hair, eyes, gaze and mouth.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of skin, face_width, hair, eyes (how far open), gaze, mouth: a mapping (others keep their default) or
        six numbers.
    gray : bool
        One channel.
    correlation : float
        Of eyes and mouth, from -0.95 to 0.95: happy faces have wide eyes. Other than 0, images are left out.

    Returns
    -------
    ImageDataset
        uint8 (n, 3 or 1, image_size, image_size); a full grid where the correlation is 0.
    """
    return drawn_grid(
        "faces", _draw, FACTORS, image_size=image_size, sizes=sizes, gray=gray, correlation=correlation, pair=PAIR
    )


def _draw(at: Mapping[str, np.ndarray], side: int, gray: bool) -> np.ndarray:
    x, y = pixels(side)
    width = column(at["face_width"])
    pictures = backdrop(WALL, len(width), side, gray)
    head = ellipse(x, y + 0.08, width, 0.84)
    above = column(at["hair"]) - y  # of the ends of the hair: negative
    over(pictures, cut(cover(head - 0.1, side), cover(above, side)), HAIR)
    skin = DARK + at["skin"][:, None] * (LIGHT - DARK)
    fringe = cover(ellipse(x, y + 0.22, width * 0.86, 0.74), side)  # below the hair
    bald = cover(-above, side)
    over(pictures, cut(cover(head, side), np.maximum(fringe, bald)), skin)
    for centre in (-0.3, 0.3):
        _draw_eye(pictures, x - centre, y - 0.1, at, side)
    _draw_mouth(pictures, x, y + 0.5, column(at["mouth"]), side)
    return pictures


def _draw_eye(pictures: np.ndarray, x: np.ndarray, y: np.ndarray, at: Mapping[str, np.ndarray], side: int) -> None:
    lids = cover(ellipse(x, y, 0.29, column(at["eyes"]) + 0.05), side)
    over(pictures, lids, HAIR)
    opening = cover(ellipse(x, y, 0.24, column(at["eyes"])), side)
    over(pictures, opening, WHITE)
    pupil = cover(np.hypot(x - column(at["gaze"]), y) - 0.11, side)
    over(pictures, cut(opening, pupil), PUPIL)


def _draw_mouth(pictures: np.ndarray, x: np.ndarray, y: np.ndarray, smile: np.ndarray, side: int) -> None:
    """Draw a parabola whose ends are `smile` above its middle, and whose mean height stays the same."""
    half, thickness = 0.36, 0.07
    curve = y - smile * ((x / half) ** 2 - 0.4)
    steepness = np.sqrt(1 + (2 * smile * x / half**2) ** 2)
    over(pictures, cut(cover(np.abs(curve) / steepness - thickness, side), cover(np.abs(x) - half, side)), LIPS)


SOURCE = Source(load=faces, summary="cartoon faces: hair, eyes, gaze, mouth", licence="drawn")
