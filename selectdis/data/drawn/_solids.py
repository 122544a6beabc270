"""Shaded solids made of convex pieces: SmallNORB (LeCun et al. 2004) in spirit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source
from selectdis.data.drawn._grid import classes, drawn_grid, span

__all__ = ["SOURCE", "solids"]

FACTORS = {
    "shape": classes(5, 5),  # chair, house, car, stairs, crane
    "elevation": span(np.deg2rad(15), np.deg2rad(70), 7, 6, 6),  # of the camera
    # A quarter turn: straight from a side, light from the left would look like light from the right
    "azimuth": span(np.deg2rad(5), np.deg2rad(85), 16, 14, 12),
    "light": span(np.deg2rad(-80), np.deg2rad(80), 6),  # from the left to the right of the camera
}
PAIR = ("azimuth", "light")
OVERSAMPLE = 2
# A face away from the lamp is not simply black, or light from far left would look like light from farther left
BACKGROUND, DARKEST, LIGHTEST, LAMP_HEIGHT = 0.0, 0.25, 1.0, np.deg2rad(35)

Piece = np.ndarray  # (faces, 4): outward normals n and offsets d; inside is where n p <= d


def solids(*, image_size: int = 64, sizes: Sizes = None, correlation: float = 0.0) -> ImageDataset:
    """Draw grey solids under a lamp: shape, elevation and azimuth of the camera, direction of the light.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of shape (up to 5: chair, house, car, stairs, crane), elevation (15 to 70 degrees), azimuth (a quarter
        turn), light (left to right): a mapping (others keep their default) or four numbers.
    correlation : float
        Of azimuth and light, from -0.95 to 0.95. Other than 0, images are left out.

    Returns
    -------
    ImageDataset
        uint8 (n, 1, image_size, image_size); a full grid where the correlation is 0.
    """
    return drawn_grid(
        "solids", _draw, FACTORS, image_size=image_size, sizes=sizes, gray=True, correlation=correlation, pair=PAIR
    )


def _draw(at: Mapping[str, np.ndarray], side: int, gray: bool) -> np.ndarray:
    pictures = np.empty((len(at["shape"]), 1, side, side), dtype=np.float32)
    lamps = np.stack(
        [
            np.sin(at["light"]) * np.cos(LAMP_HEIGHT),
            np.full_like(at["light"], np.sin(LAMP_HEIGHT)),
            np.cos(at["light"]) * np.cos(LAMP_HEIGHT),
        ]
    )  # (3, k), seen from the camera
    views = zip(at["shape"], at["elevation"], at["azimuth"], strict=True)
    for k, (shape, elevation, azimuth) in enumerate(views):
        faces, normals = _seen(int(shape), float(elevation), float(azimuth), side)
        shades = np.append(DARKEST + (LIGHTEST - DARKEST) * (1 + normals @ lamps[:, k]) / 2, BACKGROUND)
        fine = shades.astype(np.float32)[faces]
        pictures[k, 0] = fine.reshape(side, OVERSAMPLE, side, OVERSAMPLE).mean(axis=(1, 3))
    return pictures


@lru_cache(maxsize=4096)
def _seen(shape: int, elevation: float, azimuth: float, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the face in each pixel, uint8 (2 side, 2 side), its last number for none; normals (faces, 3)."""
    n = OVERSAMPLE * side
    across = (np.arange(n) + 0.5) / n * 2 - 1
    x, y = across[None, :], -across[:, None]
    turned = [np.column_stack([piece[:, :3] @ _camera(elevation, azimuth).T, piece[:, 3]]) for piece in SHAPES[shape]]
    nearest = np.full((n, n), -np.inf)
    faces = np.full((n, n), sum(map(len, turned)), dtype=np.uint8)
    before = 0
    for piece in turned:
        depth, face = _hit(piece, x, y)
        closer = depth > nearest
        nearest[closer], faces[closer] = depth[closer], face[closer] + before
        before += len(piece)
    return faces, np.concatenate(turned)[:, :3]


def _camera(elevation: float, azimuth: float) -> np.ndarray:
    """Return the rotation (3, 3) from the solid's axes to the camera's: x right, y up, z towards it."""
    cos, sin = np.cos(azimuth), np.sin(azimuth)
    around_up = np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])
    cos, sin = np.cos(elevation), np.sin(elevation)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]]) @ around_up


def _hit(piece: Piece, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return depth z (-inf where missed) and face of what parallel rays from the camera hit first."""
    normal_x, normal_y, normal_z, offset = piece.T[:, :, None, None]
    towards = np.where(np.abs(normal_z) < 1e-6, 1e-6, normal_z)
    z = (offset - normal_x * x - normal_y * y) / towards  # of each face's plane
    enter, leave = np.where(towards > 0, z, np.inf), np.where(towards < 0, z, -np.inf)
    face, depth = enter.argmin(axis=0), enter.min(axis=0)
    return np.where(depth >= leave.max(axis=0), depth, -np.inf), face


def _block(low: tuple[float, float, float], high: tuple[float, float, float], *cuts: tuple[float, ...]) -> Piece:
    """Return a box from `low` to `high` (x, y up, z), less what lies beyond the `cuts` (normal and offset)."""
    sides = np.concatenate([np.eye(3), -np.eye(3)])
    planes = [np.column_stack([sides, [*high, *(-edge for edge in low)]])]
    for *normal, offset in cuts:
        length = np.linalg.norm(normal)
        planes.append(np.array([[*normal, offset]]) / length)
    return np.concatenate(planes)


SHAPES: tuple[tuple[Piece, ...], ...] = (
    (  # a chair
        _block((-0.45, -0.6, -0.45), (0.45, -0.1, 0.45)),
        _block((-0.45, -0.1, -0.45), (0.45, 0.7, -0.22)),
    ),
    (  # a house with a chimney
        _block((-0.5, -0.6, -0.4), (0.5, 0.55, 0.4), (0, 1, 1.2, 0.55), (0, 1, -1.2, 0.55)),
        _block((0.2, 0.0, 0.1), (0.42, 0.75, 0.32)),
    ),
    (  # a car
        _block((-0.75, -0.35, -0.35), (0.75, 0.0, 0.35)),
        _block((-0.7, 0.0, -0.32), (0.3, 0.35, 0.32), (1, 1, 0, 0.35)),
    ),
    (  # stairs
        _block((-0.6, -0.55, -0.35), (0.6, -0.2, 0.35)),
        _block((-0.2, -0.2, -0.35), (0.6, 0.15, 0.35)),
        _block((0.2, 0.15, -0.35), (0.6, 0.5, 0.35)),
    ),
    (  # a crane
        _block((-0.6, -0.6, -0.2), (-0.2, 0.45, 0.2)),
        _block((-0.6, 0.45, -0.2), (0.7, 0.7, 0.2)),
        _block((0.45, -0.1, -0.15), (0.7, 0.45, 0.15)),
    ),
)

SOURCE = Source(load=solids, summary="shaded solids, after SmallNORB", licence="drawn")
