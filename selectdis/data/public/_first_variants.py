"""The variants of dSprites as selectdis 0.1 made them: one draw of each image for good, which networks learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

__all__ = ["Variant", "backdrop", "color", "noise"]

Make = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Variant:
    """Renders three channels from one, each image with a random stream of its own."""

    images: Any
    seed: int
    make: Make  # (float32 (h, w) in 0..1, generator) -> float32 (3, h, w) in 0..1

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        shapes = np.asarray(self.images[indices])[:, 0].astype(np.float32) / 255
        out = np.empty((len(indices), 3, *shapes.shape[1:]), dtype=np.uint8)
        for k, index in enumerate(indices.tolist()):
            out[k] = np.rint(self.make(shapes[k], np.random.default_rng([self.seed, index])) * 255)
        return out


def color(shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give the shape one colour."""
    colour = rng.uniform(0.5, 1, size=3).astype(np.float32)
    return shape * colour[:, None, None]


def noise(shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put the shape before noise."""
    return np.minimum(shape + rng.random((3, *shape.shape), dtype=np.float32), 1)


def backdrop(picture: Image.Image, image_size: int) -> Make:
    """Return what puts a shape before a patch of `picture`, which is squeezed to 274 x 350 first."""
    if picture.size != (274, 350):
        picture = picture.resize((350, 350), Image.Resampling.BILINEAR)
    side = max(image_size * 274 // 64, image_size + 1)
    small = picture.resize((side, side * 350 // 274), Image.Resampling.BILINEAR)
    return _Backdrop(np.moveaxis(np.asarray(small), -1, 0))


@dataclass(frozen=True)
class _Backdrop:
    picture: np.ndarray  # uint8 (3, rows, columns)

    def __call__(self, shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        side = len(shape)
        top, left = (int(rng.integers(0, n - side + 1)) for n in self.picture.shape[1:])
        patch = self.picture[:, top : top + side, left : left + side].astype(np.float32) / 255
        tinted = (patch + rng.random(3, dtype=np.float32)[:, None, None]) / 2
        return tinted * (1 - shape) + (1 - tinted) * shape
