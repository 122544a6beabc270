"""dSprites drawn from formulas: squares, ellipses and hearts, white on black."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes, check_drawn_size, check_sizes, spaced
from selectdis.data._source import Source
from selectdis.data.reading._lazy import LazyImages, render_small
from selectdis.data.reading._pixels import area_average

__all__ = ["DSPRITES_SIZES", "SOURCE", "SpriteRenderer", "draw_sprites", "sprites"]

NAMES = ("shape", "scale", "orientation", "x", "y")
DSPRITES_SIZES = (3, 6, 40, 32, 32)
# An odd number of orientations: a multiple of 2 or 4 would draw the same ellipse twice and the same square four times.
DEFAULT_SIZES = {64: (3, 6, 15, 10, 10), 32: (3, 6, 9, 10, 10), 16: (3, 4, 5, 10, 10)}

SIDE = 64
HALF = 14  # no shape reaches further from its centre than 9.6 * sqrt(2) = 13.6 pixels
WINDOW = 2 * HALF + 1


def sprites(*, image_size: int = 64, sizes: Sizes = None, endpoint: bool = False) -> ImageDataset:
    """Draw white squares, ellipses and hearts on black: dSprites (Matthey et al. 2017) without a download.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side. Smaller pictures are block averages of the 64-pixel ones, so edges turn grey.
    sizes : mapping or sequence of int, optional
        Values of shape (up to 3), scale, orientation, x, y: a mapping (others keep their default) or five numbers.
    endpoint : bool
        True spaces orientations as the real dSprites does, where the last equals the first.

    Returns
    -------
    ImageDataset
        A full grid of uint8 (n, 1, image_size, image_size).
    """
    size = check_drawn_size(image_size)
    chosen = check_sizes(sizes, dict(zip(NAMES, DEFAULT_SIZES[size], strict=True)), {"shape": 3})
    lazy = LazyImages((int(np.prod(chosen)), 1, size, size), SpriteRenderer(chosen, size, endpoint))
    return ImageDataset("sprites", render_small(lazy), NAMES, chosen, source="rendered")


@dataclass(frozen=True)
class SpriteRenderer:
    """Indices into the grid -> pictures."""

    sizes: tuple[int, ...]
    image_size: int
    endpoint: bool

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        shape, scale, orientation, x, y = np.unravel_index(indices, self.sizes)
        turns = np.linspace(0, 2 * np.pi, self.sizes[2], endpoint=self.endpoint)
        pictures = draw_sprites(
            shape,
            spaced(0.5, 1.0, self.sizes[1])[scale],
            turns[orientation],
            spaced(0.0, 1.0, self.sizes[3])[x],
            spaced(0.0, 1.0, self.sizes[4])[y],
        )
        return area_average(pictures, self.image_size)


def draw_sprites(
    shape: np.ndarray, scale: np.ndarray, orientation: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """Draw single shapes.

    Parameters
    ----------
    shape : (k,) int
        0 square, 1 ellipse, 2 heart.
    scale, orientation : (k,) float
        0.5 to 1; radians.
    x, y : (k,) float
        0 to 1, left to right and top to bottom.

    Returns
    -------
    (k, 1, 64, 64) uint8
        0 or 255: a pixel is lit where its centre lies inside, without antialiasing. Of 320 frames of the real dSprites
        294 come out exactly and the others differ in at most two pixels.
    """
    cx, cy = 15.5 + 32 * x, 15.5 + 32 * y
    left, top = np.floor(cx).astype(np.int64) - HALF + 1, np.floor(cy).astype(np.int64) - HALF + 1
    columns, rows = left[:, None] + np.arange(WINDOW), top[:, None] + np.arange(WINDOW)  # (k, window)
    dx, dy = columns - cx[:, None], cy[:, None] - rows
    cos, sin = (np.cos(orientation) / scale)[:, None], (np.sin(orientation) / scale)[:, None]
    u = (cos * dx)[:, None, :] + (sin * dy)[:, :, None]  # (k, row, column)
    v = (-sin * dx)[:, None, :] + (cos * dy)[:, :, None]
    inside = np.empty(u.shape, dtype=bool)
    for index, contains in enumerate((_in_square, _in_ellipse, _in_heart)):
        mine = shape == index
        inside[mine] = contains(u[mine], v[mine])
    pictures = np.zeros((len(shape), 1, SIDE, SIDE), dtype=np.uint8)
    picture = np.arange(len(shape))[:, None, None]
    pictures[picture, 0, rows[:, :, None], columns[:, None, :]] = inside * np.uint8(255)
    return pictures


def _in_square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v)) <= 9.5997


def _in_ellipse(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (u / 12.77) ** 2 + (v / 7.21) ** 2 <= 1


def _in_heart(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    a = np.abs(u) / 9.599
    c = np.sqrt(np.maximum(1 - np.cbrt(a) ** 2, 0))
    y = (v - 1.435) / 0.662
    return (a <= 1) & (_heart_edge(-c) <= y) & (y <= _heart_edge(c))


def _heart_edge(c: np.ndarray) -> np.ndarray:
    """Return the height of the outline where cos t = c: the usual heart curve, scaled to dSprites."""
    return 4 + c * (19 + c * (-2 + c * (-8 - 8 * c)))


SOURCE = Source(
    load=sprites,
    summary="squares, ellipses and hearts, after dSprites",
    licence="drawn",
)
