"""Flat shapes with smooth edges, on batches of pictures.

Coordinates run from -1 to 1, x to the right and y upwards. Numbers of a picture are float32 (k, 1, 1), so that they
broadcast with the pixels.
"""

from __future__ import annotations

import numpy as np

__all__ = ["backdrop", "column", "cover", "cut", "ellipse", "over", "palette", "pixels", "segment"]


def pixels(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres of the pixels: x (1, 1, side) and y (1, side, 1)."""
    centres = ((np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1).astype(np.float32)
    return centres[None, None, :], -centres[None, :, None]


def column(values: np.ndarray) -> np.ndarray:
    """Return float32 (k, 1, 1)."""
    return values.astype(np.float32)[:, None, None]


def palette(place: np.ndarray, gray: bool, *, tones: tuple[float, float] = (0.25, 0.95)) -> np.ndarray:
    """Return colours float32 (k, 3), or tones (k, 1), for places 0 to 1: around the hues, or from dark to light."""
    if gray:
        low, high = tones
        return (low + (high - low) * place).astype(np.float32)[:, None]
    hue = np.abs((place[:, None] * 6 + np.array([0, 4, 2])) % 6 - 3) - 1
    return (0.2 + 0.75 * np.clip(hue, 0, 1)).astype(np.float32)


def backdrop(colour: np.ndarray | tuple[float, ...], k: int, side: int, gray: bool) -> np.ndarray:
    """Return pictures of one colour: float32 (k, c, side, side)."""
    filled = np.empty((k, 1 if gray else 3, side, side), dtype=np.float32)
    filled[:] = _colour(colour, gray)
    return filled


def over(pictures: np.ndarray, coverage: np.ndarray, colour: np.ndarray | tuple[float, ...]) -> None:
    """Paint `colour`, (k, c) or one (c,), where `coverage` (k, side, side), 0 to 1, says so; in place.

    Three numbers on a picture with one channel become their mean.
    """
    pictures += coverage[:, None] * (_colour(colour, pictures.shape[1] == 1) - pictures)


def _colour(colour: np.ndarray | tuple[float, ...], gray: bool) -> np.ndarray:
    channels = np.atleast_2d(np.asarray(colour, dtype=np.float32))
    if gray and channels.shape[1] == 3:
        channels = channels.mean(axis=1, keepdims=True)
    return channels[:, :, None, None]


def cover(distance: np.ndarray, side: int) -> np.ndarray:
    """Return the share of each pixel that lies inside, from the signed distance to the edge (negative inside)."""
    return np.clip(0.5 - distance * (side / 2), 0, 1)


def cut(*coverages: np.ndarray) -> np.ndarray:
    """Return what lies inside all."""
    inside = coverages[0]
    for coverage in coverages[1:]:
        inside = np.minimum(inside, coverage)
    return inside


def ellipse(x: np.ndarray, y: np.ndarray, across: np.ndarray | float, up: np.ndarray | float) -> np.ndarray:
    """Return about the signed distance to an ellipse around the origin with half axes `across` and `up`."""
    u, v = x / across, y / up
    radius = np.sqrt(u**2 + v**2)
    slope = np.sqrt((u / across) ** 2 + (v / up) ** 2)  # of the radius, times the radius
    return radius * (radius - 1) / np.maximum(slope, 1e-6)


def segment(
    x: np.ndarray, y: np.ndarray, start: tuple[np.ndarray, np.ndarray], end: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return the distance to the line from `start` to `end`, both (x, y)."""
    right, up = end[0] - start[0], end[1] - start[1]
    from_x, from_y = x - start[0], y - start[1]
    along = (from_x * right + from_y * up) / np.maximum(right**2 + up**2, 1e-6)
    along = np.clip(along, 0, 1)
    return np.hypot(from_x - along * right, from_y - along * up)
