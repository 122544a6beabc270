"""Rooms with an object in the middle: Shapes3D (Burgess & Kim 2018) without a download."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes, check_drawn_size, check_sizes, spaced
from selectdis.data._source import Source
from selectdis.data.drawn._geometry import draw_layers
from selectdis.data.reading._lazy import LazyImages, render_small

__all__ = ["SHAPES3D_SIZES", "SOURCE", "SceneRenderer", "scenes"]

NAMES = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
TONES = ("floor_tone", "wall_tone", "object_tone", "scale", "shape", "orientation")
SHAPES3D_SIZES = (10, 10, 10, 8, 4, 15)
DEFAULT_SIZES = {64: (5, 5, 5, 4, 4, 9), 32: (5, 5, 5, 4, 4, 9), 16: (5, 5, 5, 3, 4, 5)}
SKY = (153, 226, 249)
SKY_TONE = 245.0


def scenes(*, image_size: int = 64, sizes: Sizes = None, gray: bool = False) -> ImageDataset:
    """Draw a cube, cylinder, sphere or capsule in a room, in ten hues each for floor, wall and object.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of floor, wall and object hue (up to 10 each), scale, shape (up to 4), orientation: a mapping (others
        keep their default) or six numbers. (10, 10, 10, 8, 4, 15) are those of Shapes3D.
    gray : bool
        One channel. The hues become evenly spaced tones (the factors are then called floor_tone, ...), since the
        luminance of several hues is nearly the same.

    Returns
    -------
    ImageDataset
        A full grid of uint8 (n, 3 or 1, image_size, image_size), not a copy of Shapes3D pixel by pixel.
    """
    size, names = check_drawn_size(image_size), TONES if gray else NAMES
    most = dict(zip(names, (10, 10, 10, None, 4, None), strict=True))
    defaults = dict(zip(names, DEFAULT_SIZES[size], strict=True))
    chosen = check_sizes(sizes, defaults, {name: top for name, top in most.items() if top})
    shape = (int(np.prod(chosen)), 1 if gray else 3, size, size)
    return ImageDataset(
        "scenes", render_small(LazyImages(shape, SceneRenderer(chosen, size, gray))), names, chosen, source="rendered"
    )


@dataclass(frozen=True)
class SceneRenderer:
    """Indices into the grid -> pictures: layer weights (from the geometry) times the colours of the four layers."""

    sizes: tuple[int, ...]
    image_size: int
    gray: bool

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        floor, wall, thing, *geometry = np.unravel_index(indices, self.sizes)
        which, inverse = np.unique(np.ravel_multi_index(tuple(geometry), self.sizes[3:]), return_inverse=True)
        layers = np.stack([self._layers(int(k)) for k in which])[inverse]  # (k, layer, pixels)
        sky = np.broadcast_to(self._palette(1, sky=True), (len(indices), self.channels))
        colours = np.stack(
            [self._palette(n)[i] for n, i in zip(self.sizes, (floor, wall, thing), strict=False)] + [sky], axis=-1
        )  # (k, channel, layer)
        pixels = np.rint(colours @ layers).astype(np.uint8)
        return pixels.reshape(len(indices), self.channels, self.image_size, self.image_size)

    @property
    def channels(self) -> int:
        return 1 if self.gray else 3

    def _layers(self, geometry: int) -> np.ndarray:
        scale, shape, orientation = np.unravel_index(geometry, self.sizes[3:])
        scales, turns = spaced(0.75, 1.25, self.sizes[3]), spaced(-30.0, 30.0, self.sizes[5])
        return _cached_layers(float(scales[scale]), int(shape), float(turns[orientation]), self.image_size)

    def _palette(self, n: int, sky: bool = False) -> np.ndarray:
        """Return float32 (n, channel): hues HSV(i / n, 1, 1) in colour, or tones from dark to white."""
        if sky:
            return np.array([[SKY_TONE]] if self.gray else [SKY], dtype=np.float32)
        return tones(n) if self.gray else hues(n)


def hues(n: int) -> np.ndarray:
    """Return float32 (n, 3): fully saturated colours around the circle, 0..255."""
    h = np.arange(n)[:, None] / n
    return (255 * np.clip(np.abs((h * 6 + np.array([0, 4, 2])) % 6 - 3) - 1, 0, 1)).astype(np.float32)


def tones(n: int) -> np.ndarray:
    """Return float32 (n, 1): evenly spaced brightness from 40 to 210, darker than the sky."""
    return spaced(40.0, 210.0, n).astype(np.float32)[:, None]


@lru_cache(maxsize=1024)
def _cached_layers(scale: float, shape: int, degrees: float, image_size: int) -> np.ndarray:
    """Return float32 (4, pixels), drawn with at least 2 x 2 rays per pixel and averaged."""
    rays = max(2 * image_size, 64)
    layers = draw_layers(scale, shape, np.deg2rad(degrees), rays)
    step = rays // image_size
    blocks = layers.reshape(4, image_size, step, image_size, step)
    return blocks.mean(axis=(2, 4), dtype=np.float32).reshape(4, -1)


SOURCE = Source(
    load=scenes,
    summary="an object in a room, like Shapes3D",
    licence="drawn",
)
