"""dSprites in colour, with noise, and before a picture: made on the fly (Locatello et al. 2019, appendix H).

What is random is a function of the image's index and the seed alone, so that an index always shows the same image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source
from selectdis.data.public._dsprites import dsprites
from selectdis.data.reading._lazy import LazyImages
from selectdis.data.reading._pictures import read_picture
from selectdis.errors import SelectdisError

__all__ = ["COLOR", "NOISY", "SCREAM", "color_dsprites", "noisy_dsprites", "scream_dsprites"]


def color_dsprites(
    *, path: str | Path | None = None, image_size: int = 64, sizes: Sizes = None, seed: int = 0
) -> ImageDataset:
    """Load dSprites where each image's shape has a random colour, each channel uniform in [0.5, 1]."""
    return _variant("color_dsprites", dsprites(path=path, image_size=image_size, sizes=sizes), seed, _color)


def noisy_dsprites(
    *, path: str | Path | None = None, image_size: int = 64, sizes: Sizes = None, seed: int = 0
) -> ImageDataset:
    """Load dSprites before uniform noise in three channels; the shape stays white."""
    return _variant("noisy_dsprites", dsprites(path=path, image_size=image_size, sizes=sizes), seed, _noise)


def scream_dsprites(
    *,
    path: str | Path | None = None,
    image_size: int = 64,
    sizes: Sizes = None,
    seed: int = 0,
    background: str | Path | None = None,
) -> ImageDataset:
    """Load dSprites before random patches of a picture, tinted at random; the shape shows the patch in negative.

    Parameters
    ----------
    path, image_size, sizes
        As for `dsprites`.
    seed : int
        Of patches and tints.
    background : str or Path, optional
        The picture. The papers use Munch's The Scream, which is not shipped here: without a path a generated texture of
        swirling bands takes its place, and results are not comparable with published ones.
    """
    picture = _texture() if background is None else _picture(Path(background).expanduser())
    data = dsprites(path=path, image_size=image_size, sizes=sizes)
    side = max(image_size * 274 // 64, image_size + 1)  # the reference crops 64 of 274 x 350
    small = np.asarray(Image.fromarray(picture).resize((side, side * 350 // 274), Image.Resampling.BILINEAR))
    return _variant("scream_dsprites", data, seed, _Backdrop(np.moveaxis(small, -1, 0)))


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


def _variant(name: str, data: ImageDataset, seed: int, make: Make) -> ImageDataset:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SelectdisError(f"seed must be a whole number of at least 0, found {seed!r}")
    _, h, w = data.image_shape
    images = LazyImages((len(data), 3, h, w), Variant(data.images, seed, make))
    return ImageDataset(name, images, data.factor_names, data.factor_sizes, data.factors, data.source)


def _color(shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    colour = rng.uniform(0.5, 1, size=3).astype(np.float32)
    return shape * colour[:, None, None]


def _noise(shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.minimum(shape + rng.random((3, *shape.shape), dtype=np.float32), 1)


@dataclass(frozen=True)
class _Backdrop:
    picture: np.ndarray  # uint8 (3, rows, columns)

    def __call__(self, shape: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        side = len(shape)
        top, left = (int(rng.integers(0, n - side + 1)) for n in self.picture.shape[1:])
        patch = self.picture[:, top : top + side, left : left + side].astype(np.float32) / 255
        tinted = (patch + rng.random(3, dtype=np.float32)[:, None, None]) / 2
        return tinted * (1 - shape) + (1 - tinted) * shape


def _picture(path: Path) -> np.ndarray:
    """uint8 (350, 274, 3): any picture, squeezed into the reference's shape."""
    if not path.is_file():
        raise SelectdisError(f"scream_dsprites: there is no background picture {path}")
    return np.moveaxis(read_picture(path, 350, gray=False, fit="stretch"), 0, -1)


def _texture() -> np.ndarray:
    """uint8 (350, 274, 3): bands that swirl around two centres, orange above and blue below."""
    y, x = np.mgrid[0:350, 0:274].astype(np.float64) / 274
    rings = np.sin(60 * np.hypot(x - 0.25, y - 0.35) + 4 * np.sin(9 * x)) + np.sin(47 * np.hypot(x - 0.8, y - 0.95))
    swirl = np.sin(38 * y + 5 * np.sin(7 * x + 3 * y)) + rings
    band = (0.5 + 0.2 * swirl)[..., None]
    warm, cold = np.array([0.92, 0.52, 0.18]), np.array([0.16, 0.28, 0.48])
    share = (1 / (1 + np.exp(12 * (y - 0.55 + 0.1 * np.sin(7 * x)))))[..., None]
    colour = share * warm + (1 - share) * cold
    return np.rint(255 * np.clip(colour * (0.55 + 0.75 * band), 0, 1)).astype(np.uint8)


LICENCE = "Apache-2.0"
COLOR = Source(color_dsprites, "dSprites with a random colour per image", LICENCE)
NOISY = Source(noisy_dsprites, "dSprites before uniform noise", LICENCE)
SCREAM = Source(scream_dsprites, "dSprites before patches of a picture", LICENCE)
