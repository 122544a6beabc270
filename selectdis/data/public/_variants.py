"""dSprites in colour, with noise, and before a picture: made on the fly (Locatello et al. 2019, appendix H)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from selectdis.data._dataset import ImageDataset
from selectdis.data._fresh import Draw, FreshDraws, counting, hashed, uniform
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source, check_edition
from selectdis.data.public import _first_variants as first_edition
from selectdis.data.public._dsprites import dsprites
from selectdis.data.reading._lazy import LazyImages
from selectdis.data.reading._picture import open_picture
from selectdis.errors import SelectdisError

__all__ = ["COLOR", "NOISY", "SCREAM", "color_dsprites", "noisy_dsprites", "scream_dsprites"]

BOX = (350, 274)  # the reference shrinks the painting until it fits this, and crops 64 pixels


def color_dsprites(
    *, path: str | Path | None = None, image_size: int = 64, sizes: Sizes = None, seed: int = 0, edition: int = 2
) -> ImageDataset:
    """Load dSprites where the shape has a random colour at each use, each channel uniform in [0.5, 1]."""
    data = dsprites(path=path, image_size=image_size, sizes=sizes)
    return _variant("color_dsprites", data, seed, edition, _color, first_edition.color)


def noisy_dsprites(
    *, path: str | Path | None = None, image_size: int = 64, sizes: Sizes = None, seed: int = 0, edition: int = 2
) -> ImageDataset:
    """Load dSprites before uniform noise in three channels, other noise at each use; the shape stays white."""
    data = dsprites(path=path, image_size=image_size, sizes=sizes)
    return _variant("noisy_dsprites", data, seed, edition, _noise, first_edition.noise)


def scream_dsprites(
    *,
    path: str | Path | None = None,
    image_size: int = 64,
    sizes: Sizes = None,
    seed: int = 0,
    background: str | Path | None = None,
    edition: int = 2,
) -> ImageDataset:
    """Load dSprites before random patches of a picture, tinted at random; the shape shows the patch in negative.

    Parameters
    ----------
    path, image_size, sizes
        As for `dsprites`.
    seed : int
        Of the one draw of each image that `images` shows; training draws patch and tint anew at each use.
    background : str or Path, optional
        The picture. The papers use Munch's The Scream, which is not shipped here: without a path a generated texture of
        swirling bands takes its place, and results are not comparable with published ones.
    edition : {2, 1}
        1: as selectdis 0.1 made them, one draw of each image for good, from a picture squeezed to 274 x 350.
    """
    picture = _texture() if background is None else _picture(Path(background).expanduser())
    data = dsprites(path=path, image_size=image_size, sizes=sizes)
    draws = _Backdrop(_shrunk(picture, image_size)), first_edition.backdrop(picture, image_size)
    return _variant("scream_dsprites", data, seed, edition, *draws)


def _variant(name: str, data: ImageDataset, seed: int, edition: int, draw: Draw, first: Any) -> ImageDataset:
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise SelectdisError(f"seed must be a whole number of at least 0, found {seed!r}")
    _, h, w = data.image_shape
    shape = (len(data), 3, h, w)
    fresh = FreshDraws(data.images, draw, seed) if check_edition(edition) == 2 else None
    images = (
        LazyImages(shape, first_edition.Variant(data.images, seed, first)) if fresh is None else fresh.images(shape)
    )
    return ImageDataset(name, images, data.factor_names, data.factor_sizes, data.factors, data.source, fresh=fresh)


def _color(shapes: Any, keys: Any) -> Any:
    return shapes * (uniform(keys, (3, 1, 1), shapes) / 2 + 0.5)


def _noise(shapes: Any, keys: Any) -> Any:
    return (shapes + uniform(keys, (3, *shapes.shape[2:]), shapes)).clip(max=1)


@dataclass(frozen=True, eq=False)
class _Backdrop:
    picture: np.ndarray  # uint8 (3, rows, columns)
    copies: dict[str, Any] = field(default_factory=dict)  # on the devices where it was needed

    def __call__(self, shapes: Any, keys: Any) -> Any:
        side = shapes.shape[2]
        _, height, width = self.picture.shape
        top, left = (self._starts(hashed(keys, i), n - side + 1) for i, n in enumerate((height, width)))
        offsets, channels = counting(side, keys), counting(3, keys)[:, None, None]
        rows, columns = top[:, None] + offsets, left[:, None] + offsets  # (k, side)
        first = rows[:, None, :, None] * width + columns[:, None, None, :]  # (k, 1, side, side)
        patch = self._picture(shapes).take(first + channels * (height * width))
        tinted = (patch + uniform(hashed(keys, 2), (3, 1, 1), shapes)) / 2
        return tinted * (1 - shapes) + (1 - tinted) * shapes

    @staticmethod
    def _starts(bits: Any, count: int) -> Any:
        return ((bits & 0xFFFF) * count) >> 16

    def _picture(self, like: Any) -> Any:
        if isinstance(like, np.ndarray):
            return self.picture.astype(like.dtype) / 255
        where = f"{like.device} {like.dtype}"
        if where not in self.copies:
            self.copies[where] = like.new_tensor(self.picture) / 255
        return self.copies[where]


def _shrunk(picture: Image.Image, image_size: int) -> np.ndarray:
    """Shrink to the reference's box, or in its proportion to a smaller image: uint8 (3, rows, columns)."""
    width, height = picture.size
    fitting = min(1.0, *(side * image_size / 64 / own for side, own in zip(BOX, picture.size, strict=True)))
    scale = max(fitting, (image_size + 1) / min(width, height))  # a narrow one still has patches
    small = picture.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
    return np.moveaxis(np.asarray(small), -1, 0)


def _picture(path: Path) -> Image.Image:
    if not path.is_file():
        raise SelectdisError(f"scream_dsprites: there is no background picture {path}")
    return open_picture(path, gray=False, size=max(BOX))


def _texture() -> Image.Image:
    """274 x 350: bands that swirl around two centres, orange above and blue below."""
    y, x = np.mgrid[0:350, 0:274].astype(np.float64) / 274
    rings = np.sin(60 * np.hypot(x - 0.25, y - 0.35) + 4 * np.sin(9 * x)) + np.sin(47 * np.hypot(x - 0.8, y - 0.95))
    swirl = np.sin(38 * y + 5 * np.sin(7 * x + 3 * y)) + rings
    band = (0.5 + 0.2 * swirl)[..., None]
    warm, cold = np.array([0.92, 0.52, 0.18]), np.array([0.16, 0.28, 0.48])
    share = (1 / (1 + np.exp(12 * (y - 0.55 + 0.1 * np.sin(7 * x)))))[..., None]
    colour = share * warm + (1 - share) * cold
    return Image.fromarray(np.rint(255 * np.clip(colour * (0.55 + 0.75 * band), 0, 1)).astype(np.uint8))


LICENCE = "Apache-2.0"
COLOR = Source(color_dsprites, "dSprites with a random colour at each use", LICENCE)
NOISY = Source(noisy_dsprites, "dSprites before uniform noise", LICENCE)
SCREAM = Source(scream_dsprites, "dSprites before patches of a picture", LICENCE)
