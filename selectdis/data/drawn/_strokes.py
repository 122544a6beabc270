"""Real pen strokes, turned, stretched, thinned and moved."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import scipy

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source
from selectdis.data.drawn._grid import classes, drawn_grid, span
from selectdis.data.drawn._paint import column, pixels
from selectdis.errors import whole_number

__all__ = ["SOURCE", "strokes"]

FACTORS = {
    "digit": classes(10, 10, 6, 5),
    "weight": span(0.56, 0.28, 4, 3, 3),  # the intensity from which on a pixel of the scan is ink
    "width": span(0.5, 0.95, 4, 3, 3),  # of the digit, against its height
    "rotation": span(np.deg2rad(-45), np.deg2rad(45), 7, 5, 5),
    "x": span(-0.26, 0.26, 6, 5, 5),
}
PAIR = ("rotation", "x")
ENLARGED, MARGIN = 4, 8  # the scans of 8 x 8 become 32 x 32, with an empty margin around
HALF = 0.7  # of the digit's height
EDGE = 5.0  # of intensity, from paper to ink, by the pixels of a side: an edge is about a pixel wide


def strokes(*, image_size: int = 64, sizes: Sizes = None, instances: int = 2, correlation: float = 0.0) -> ImageDataset:
    """Draw handwritten digits of many people: digit, weight, width, rotation, x; who wrote it is no factor.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of digit (up to 10), weight, width, rotation (-45 to 45 degrees), x: a mapping (others keep their
        default) or five numbers.
    instances : int
        Images of each combination, of other people's digits.
    correlation : float
        Of rotation and x, from -0.95 to 0.95. Other than 0, images are left out.

    Returns
    -------
    ImageDataset
        uint8 (n, 1, image_size, image_size), white on black, from scikit-learn's 1,797 scans (Alpaydin & Kaynak
        1998); no grid where there is more than one instance.
    """
    return drawn_grid(
        "strokes",
        _draw,
        FACTORS,
        image_size=image_size,
        sizes=sizes,
        gray=True,
        correlation=correlation,
        pair=PAIR,
        instances=whole_number("instances", instances, 1),
    )


def _draw(at: Mapping[str, np.ndarray], side: int, gray: bool) -> np.ndarray:
    x, y = pixels(side)
    turn, width = column(at["rotation"]), column(at["width"])
    x = x - column(at["x"])
    across = (np.cos(turn) * x + np.sin(turn) * y) / (HALF * width)
    up = (np.cos(turn) * y - np.sin(turn) * x) / HALF
    scans, members = _scans()
    intensity = _sampled(scans, _whose(at, members), across, up)
    return np.clip((intensity - column(at["weight"])) / (EDGE / side) + 0.5, 0, 1)[:, None]


def _whose(at: Mapping[str, np.ndarray], members: tuple[np.ndarray, ...]) -> np.ndarray:
    """Return which scan each picture shows: another one for each combination and instance, always the same."""
    mixed = np.zeros(len(at["digit"]), dtype=np.uint64)
    for values in at.values():
        bits = np.ascontiguousarray(values.astype(np.float32)).view(np.uint32).astype(np.uint64)
        mixed = (mixed ^ bits) * np.uint64(0x9E3779B97F4A7C15)  # Steele et al. 2014 (SplitMix64): the increment
        mixed ^= mixed >> np.uint64(29)
    chosen = np.empty(len(mixed), dtype=np.int64)
    for digit in np.unique(at["digit"]):
        mine = at["digit"] == digit
        chosen[mine] = members[digit][(mixed[mine] % np.uint64(len(members[digit]))).astype(np.int64)]
    return chosen


def _sampled(scans: np.ndarray, which: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Return the scans at places -1 to 1 of their own frame, bilinearly; empty outside."""
    side, n = scans.shape[1], scans.shape[1] - 2 * MARGIN
    column_at = np.clip((across + 1) / 2 * n - 0.5 + MARGIN, 0, side - 1.001)
    row_at = np.clip((1 - up) / 2 * n - 0.5 + MARGIN, 0, side - 1.001)
    left, top = column_at.astype(np.int32), row_at.astype(np.int32)
    right, down = column_at - left, row_at - top
    flat, first = scans.reshape(-1), (which * side**2)[:, None, None] + top * side + left
    upper = flat[first] * (1 - right) + flat[first + 1] * right
    lower = flat[first + side] * (1 - right) + flat[first + side + 1] * right
    return upper * (1 - down) + lower * down


@lru_cache(maxsize=1)
def _scans() -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Return scikit-learn's digits, smoothly enlarged, float32 (1797, side, side) in 0..1, and the scans of each."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    large = np.clip(
        scipy.ndimage.zoom(bunch.images / 16, (1, ENLARGED, ENLARGED), order=3, grid_mode=True, mode="nearest"), 0, 1
    )
    padded = np.pad(large.astype(np.float32), ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    return padded, tuple(np.flatnonzero(bunch.target == digit) for digit in range(10))


SOURCE = Source(load=strokes, summary="real handwritten digits, turned, stretched and moved", licence="CC BY 4.0")
