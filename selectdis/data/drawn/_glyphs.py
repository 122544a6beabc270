"""Letters of a font, with style, size, rotation and position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes, check_drawn_size, check_sizes, spaced
from selectdis.data._source import Source
from selectdis.data.reading._lazy import LazyImages, render_small
from selectdis.data.reading._pixels import area_average
from selectdis.errors import SelectdisError

__all__ = ["SOURCE", "glyphs"]

NAMES = ("letter", "style", "size", "rotation", "x", "y")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSans-Bold", "DejaVuSerif-Italic", "DejaVuSansMono", "DejaVuSerif-Bold")
DEFAULT_SIZES = {64: (10, 3, 4, 5, 6, 6), 32: (10, 3, 4, 5, 5, 5), 16: (10, 3, 3, 3, 5, 5)}
SIDE = 64
SMALLEST, LARGEST = 12.0, 22.0  # height of a capital, in pixels of 64
TILT = 45.0
OVERSAMPLE = 2
REACH = 10  # the centre stays this far from the middle of the picture, so that no letter is cut off


def glyphs(
    *, image_size: int = 64, sizes: Sizes = None, letters: str = LETTERS, fonts: Sequence[str | Path] | None = None
) -> ImageDataset:
    """Draw capital letters, white on black, in the DejaVu fonts that come with matplotlib or in fonts of your own.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of letter, style, size, rotation (-45 to 45 degrees), x, y: a mapping (others keep their default) or six
        numbers.
    letters : str
        What to draw, the first `sizes` of them.
    fonts : sequence of path, optional
        TrueType or OpenType files, one per style.

    Returns
    -------
    ImageDataset
        A full grid of uint8 (n, 1, image_size, image_size).
    """
    size = check_drawn_size(image_size)
    paths = [str(Path(f).expanduser()) for f in fonts] if fonts is not None else _shipped_fonts()
    for path in paths:
        _font(path, 20)
    if not letters or not paths:
        raise SelectdisError("glyphs needs at least one letter and one font")
    n_letters, n_styles, *others = DEFAULT_SIZES[size]
    defaults = dict(zip(NAMES, (min(n_letters, len(letters)), min(n_styles, len(paths)), *others), strict=True))
    chosen = check_sizes(sizes, defaults, {"letter": len(letters), "style": len(paths)})
    render = GlyphRenderer(chosen, size, letters, tuple(paths))
    return ImageDataset(
        "glyphs",
        render_small(LazyImages((int(np.prod(chosen)), 1, size, size), render)),
        NAMES,
        chosen,
        source="rendered",
    )


@dataclass(frozen=True)
class GlyphRenderer:
    """Indices into the grid -> pictures. A letter is drawn once for each style, size and rotation, and then moved."""

    sizes: tuple[int, ...]
    image_size: int
    letters: str
    fonts: tuple[str, ...]

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        letter, style, size, rotation, x, y = np.unravel_index(indices, self.sizes)
        heights, turns = spaced(SMALLEST, LARGEST, self.sizes[2])[size], spaced(-TILT, TILT, self.sizes[3])[rotation]
        right, down = (
            np.rint(spaced(-REACH, REACH, n)[k]).astype(int) for n, k in ((self.sizes[4], x), (self.sizes[5], y))
        )
        out = np.empty((len(indices), 1, SIDE, SIDE), dtype=np.uint8)
        for k in range(len(indices)):
            picture = _drawn(self.letters[letter[k]], self.fonts[style[k]], float(heights[k]), float(turns[k]))
            out[k, 0] = _moved(picture, right[k], down[k])
        return area_average(out, self.image_size)


def _moved(picture: np.ndarray, right: int, down: int) -> np.ndarray:
    """Cut the 64-pixel window of a 128-pixel picture that shows its centre moved by whole pixels."""
    top, left = SIDE // 2 - down, SIDE // 2 - right
    return picture[top : top + SIDE, left : left + SIDE]


@lru_cache(maxsize=4096)
def _drawn(letter: str, font: str, height: float, degrees: float) -> np.ndarray:
    """Draw the letter in the middle, twice as large and averaged: uint8 (128, 128)."""
    side = 2 * SIDE * OVERSAMPLE
    picture = Image.new("L", (side, side))
    # In DejaVu a capital is 0.73 of the font's size
    drawing = ImageDraw.Draw(picture)
    face = _font(font, round(height / 0.73 * OVERSAMPLE))
    left, top, right, bottom = drawing.textbbox((0, 0), letter, font=face)
    drawing.text(((side - left - right) / 2, (side - top - bottom) / 2), letter, fill=255, font=face)
    turned = np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC))
    return area_average(turned, 2 * SIDE)


@lru_cache(maxsize=256)
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    try:
        return ImageFont.truetype(path, size)
    except (OSError, ValueError) as error:
        raise SelectdisError(f"{path} is not a font that Pillow can read ({error})") from None


def _shipped_fonts() -> list[str]:
    """Matplotlib brings its fonts along, so that they are the same on every machine."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return [str(folder / f"{name}.ttf") for name in FONTS if (folder / f"{name}.ttf").is_file()]


SOURCE = Source(
    load=glyphs,
    summary="capital letters in several fonts",
    licence="drawn; fonts Bitstream Vera",
)
