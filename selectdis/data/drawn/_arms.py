"""A robot arm over a table, seen from one of several heights."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source
from selectdis.data.drawn._grid import around, classes, drawn_grid, span
from selectdis.data.drawn._paint import backdrop, column, cover, ellipse, over, palette, pixels, segment

__all__ = ["SOURCE", "arms"]

FACTORS = {
    "background": span(0.0, 1.0, 3),  # from a dark to a light wall
    "camera": span(np.deg2rad(18), np.deg2rad(62), 3),  # how far above the table
    "color": around(1.0, 6, 5, 4),  # of what the hand holds
    "shape": classes(4, 4, 4, 3),  # ball, box, cone, ring
    "shoulder": around(2 * np.pi, 16, 12, 9),  # around the post
    "elbow": span(np.deg2rad(-60), np.deg2rad(75), 10, 8, 7),  # of the forearm, from down to up
}
PAIR = ("shoulder", "elbow")
POST, UPPER, FOREARM, LIFT = 0.4, 0.26, 0.44, math.radians(30)
THING, RIM, TABLE = 0.22, 0.05, 0.85
NEARER = 0.25  # how much larger things look towards the camera
DARK_WALL, LIGHT_WALL = np.array([0.05, 0.07, 0.15]), np.array([0.95, 0.95, 0.9])
WOOD, SHADE, STEEL, BLACK = (0.45, 0.36, 0.28), (0.12, 0.08, 0.06), (0.9, 0.92, 0.95), (0.0, 0.0, 0.0)

Point = tuple[np.ndarray, np.ndarray, np.ndarray]  # to the right, up, towards the camera


def arms(*, image_size: int = 64, sizes: Sizes = None, gray: bool = False, correlation: float = 0.0) -> ImageDataset:
    """Draw a robot arm that holds a thing: background, camera, colour and shape of the thing, shoulder and elbow.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of background, camera (18 to 62 degrees above the table), color, shape (up to 4: ball, box, cone, ring),
        shoulder (around the post), elbow: a mapping (others keep their default) or six numbers.
    gray : bool
        One channel; the colours become tones.
    correlation : float
        Of shoulder and elbow, from -0.95 to 0.95. Other than 0, images are left out.

    Returns
    -------
    ImageDataset
        uint8 (n, 3 or 1, image_size, image_size), after MPI3D (Gondal et al. 2019); a full grid where the correlation
        is 0.
    """
    return drawn_grid(
        "arms", _draw, FACTORS, image_size=image_size, sizes=sizes, gray=gray, correlation=correlation, pair=PAIR
    )


def _draw(at: Mapping[str, np.ndarray], side: int, gray: bool) -> np.ndarray:
    x, y = pixels(side)
    y = y + 0.32  # the foot of the post
    camera, turn, elbow = (column(at[name]) for name in ("camera", "shoulder", "elbow"))
    pictures = backdrop(DARK_WALL + at["background"][:, None] * (LIGHT_WALL - DARK_WALL), len(turn), side, gray)
    over(pictures, cover(ellipse(x, y, TABLE, TABLE * np.sin(camera)), side), WOOD)
    zero = np.zeros_like(turn)
    foot, top = (zero, zero, zero), (zero, zero + POST, zero)
    joint = _moved(top, turn, LIFT, UPPER)
    hand = _moved(joint, turn, elbow, FOREARM)
    shadow = [_seen((right, np.zeros_like(right), near), camera) for right, _, near in (top, hand)]
    over(pictures, cover(segment(x, y, shadow[0][:2], shadow[1][:2]) - 0.07, side), SHADE)
    ends = [_seen(point, camera) for point in (foot, top, joint, hand)]
    for start, end, thickness in zip(ends, ends[1:], (0.1, 0.075, 0.06), strict=False):
        over(pictures, cover(segment(x, y, start[:2], end[:2]) - thickness * end[2], side), STEEL)
    right, up, scale = ends[-1]
    edge = _thing(at["shape"], (x - right) / scale, (y - up) / scale) * scale
    over(pictures, cover(edge - RIM, side), BLACK)
    over(pictures, cover(edge, side), palette(at["color"], gray, tones=(0.3, 1.2)))
    return pictures


def _moved(point: Point, turn: np.ndarray, lift: np.ndarray | float, length: float) -> Point:
    """Go `length` from a point, `turn` around the vertical and `lift` above the horizontal."""
    out = np.cos(lift) * length
    return point[0] + out * np.sin(turn), point[1] + np.sin(lift) * length, point[2] + out * np.cos(turn)


def _seen(point: Point, camera: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where a point is in the picture, x and y, and how large things are there."""
    right, up, near = point
    scale = 1 + NEARER * (near * np.cos(camera) + up * np.sin(camera))
    return right * scale, (up * np.cos(camera) - near * np.sin(camera)) * scale, scale


def _thing(shape: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the signed distance to a ball, box, cone or ring around the origin."""
    distance = np.empty((len(shape), *np.broadcast_shapes(x.shape[1:], y.shape[1:])), dtype=np.float32)
    for index, from_edge in enumerate((_ball, _box, _cone, _ring)):
        mine = shape == index
        distance[mine] = from_edge(x[mine], y[mine])
    return distance


def _ball(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) - THING


def _box(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(x) - 1.5 * THING, np.abs(y) - 0.7 * THING)


def _cone(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(-THING - y, (np.abs(x) * 2 + y) / math.sqrt(5) - 0.65 * THING)


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs(np.hypot(x, y) - 1.15 * THING) - 0.35 * THING


SOURCE = Source(load=arms, summary="a robot arm over a table, after MPI3D", licence="drawn")
