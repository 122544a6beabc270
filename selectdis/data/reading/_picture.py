"""Reading one picture file: any format of Pillow's, whatever is in it, into uint8 of one shape."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageOps

from selectdis._files import open_file
from selectdis.data._sizes import FITS, check_image_size
from selectdis.data.reading._depth import Depth, depth_of
from selectdis.data.reading._scaling import Scaling, check_scaling, range_of_type, to_bytes, value_range
from selectdis.errors import SelectdisError, check_choice

__all__ = [
    "HEIC", "MAX_PIXELS", "OTHERS", "PAGES", "PictureOptions", "RawPicture", "count_pages", "open_picture",
    "picture_pixels", "picture_values", "read_picture",
]  # fmt: skip

MAX_PIXELS = 100_000_000  # a 10,000 x 10,000 picture; beyond it a small file may ask for gigabytes of memory
PAGES = ("first", "all")
HEIC = {".heic", ".heif", ".hif"}
OTHERS = {  # pictures that are not passed over in silence: of microscopes and clinics, raw ones of cameras, drawings
    *(".dcm", ".dicom", ".nii", ".nrrd", ".mha", ".czi", ".nd2", ".lif", ".svs", ".exr", ".hdr", ".jxl", ".svg"),
    *(".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"),
}
TIFF = {".tif", ".tiff", ".TIF", ".TIFF"}
NO_STACKS = {"MPO", "PSD"}  # a photograph with a preview, layers


@dataclass(frozen=True)
class PictureOptions:
    """How pictures are brought to one shape; checked when it is made."""

    size: int = 64
    gray: bool | None = None
    fit: str = "crop"
    background: str = "black"
    scaling: Scaling = "type"
    pages: str = "first"

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", check_image_size(self.size))
        check_choice("fit", self.fit, FITS)
        check_choice("pages", self.pages, PAGES)
        object.__setattr__(self, "scaling", check_scaling(self.scaling))
        try:
            ImageColor.getrgb(str(self.background))
        except ValueError:
            raise SelectdisError(
                f'background is the name of a colour, such as "white", or "#rrggbb"; found {self.background!r}'
            ) from None


class RawPicture(NamedTuple):
    """A picture with the values that its file has.

    Attributes
    ----------
    values : (h, w) or (h, w, 3)
        uint8, or wider integers or fractions where the file has such.
    kind : str
        Depth and channels in words: "8-bit RGB".
    size : tuple of int
        (width, height) in the file.
    transparent : bool
        Whether any of it was.
    pages : int
        How many the file has.
    """

    values: np.ndarray
    kind: str
    size: tuple[int, int]
    transparent: bool
    pages: int

    def pixels(self, options: PictureOptions) -> np.ndarray:
        """Return uint8 (c, size, size); the scaling must be measured already, where it is to be."""
        flat = Image.fromarray(to_bytes(self.values, *self._range(options.scaling)))
        if options.gray is not None:
            flat = flat.convert("L" if options.gray else "RGB")
        pixels = np.asarray(_square(flat, options))
        return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)

    def _range(self, scaling: Scaling) -> tuple[float, float]:
        if not isinstance(scaling, str):
            return scaling
        if scaling == "picture":
            return value_range(self.values)
        return range_of_type(self.values, wide=self.values.dtype != np.uint8)


def read_picture(path: Path, options: PictureOptions, page: int = 0) -> RawPicture:
    """Return one page of a picture file, upright, transparent parts on the background.

    Of a photograph that is to be shrunk only as much is decoded as that takes.

    Raises
    ------
    SelectdisError
        Unreadable, for whatever reason.
    """
    with _opened(path) as opened:
        pages, size = _pages(opened), opened.size
        opened.draft(None, (2 * options.size, 2 * options.size))  # JPEG decodes large photographs at a fraction
        is_gray = _is_gray(opened)  # of the first page: later ones of a GIF come in colour whatever they are
        if page:
            opened.seek(page)
        depth = depth_of(opened)
        read, transparent = _values(ImageOps.exif_transpose(opened), options, is_gray)
        values = depth.values(read)
        value_range(values)  # what is not finite is left out, whatever the scaling
        return RawPicture(values, _kind(opened, values, depth), size, transparent, pages)


def count_pages(path: Path) -> int:
    """Return how many pages of one size a picture file has; 1 where it cannot be read, which is for later."""
    try:
        with _opened(path) as opened:
            first = opened.size
            for page in range(1, total := _pages(opened)):
                opened.seek(page)
                if opened.size != first:  # a preview, or the next level of a pyramid
                    return page
            return total
    except SelectdisError:
        return 1


def open_picture(path: Path, gray: bool | None, size: int | None = None) -> Image.Image:
    """Return a picture in mode "L" or "RGB", upright, transparent parts on black; SelectdisError if unreadable.

    Of a photograph that is to be shrunk to `size`, only as much is decoded as that takes.
    """
    with _opened(path) as opened:
        if size is not None:
            opened.draft(None, (2 * size, 2 * size))
        depth = depth_of(opened)
        raw = depth.values(_values(ImageOps.exif_transpose(opened), PictureOptions(), _is_gray(opened))[0])
    flat = Image.fromarray(to_bytes(raw, *range_of_type(raw, wide=raw.dtype != np.uint8)))
    return flat if gray is None else flat.convert("L" if gray else "RGB")


def picture_pixels(picture: Image.Image, options: PictureOptions) -> np.ndarray:
    """Return a Pillow picture as uint8 (c, size, size), c = 1 or 3."""
    values, transparent = _values(picture, options, _is_gray(picture))
    return RawPicture(values, "", picture.size, transparent, 1).pixels(options)


def picture_values(picture: Image.Image, options: PictureOptions) -> np.ndarray:
    """Return a Pillow picture's own values, (h, w) or (h, w, 3)."""
    return _values(picture, options, _is_gray(picture))[0]


def _register_heic() -> bool:
    """Let Pillow read HEIC, where the extra is there; return whether."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture, with a limit; whatever fails inside, too, is one sentence that names the file."""
    try:
        if path.suffix.lower() in HEIC and not _register_heic():
            raise SelectdisError(f"{path} is HEIC, which needs the extra: pip install 'selectdis[heic]'")
        if path.suffix.lower() in OTHERS:
            raise SelectdisError(f"{path} is of a format that is not read here: convert it to PNG or TIFF")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with open_file(path) as content, Image.open(content) as opened:
                if opened.size[0] * opened.size[1] > MAX_PIXELS:
                    width, height = opened.size
                    raise SelectdisError(f"{path} claims {width} x {height} pixels; at most {MAX_PIXELS:,} are read")
                yield opened
    except SelectdisError as error:
        raise SelectdisError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    except FileNotFoundError:
        raise SelectdisError(f"{path} does not exist") from None
    except Exception as error:  # Pillow's plugins fail in many ways on damaged files
        reason = (str(error) or type(error).__name__).splitlines()[0].partition(" <_io.")[0]
        tiff = "; of TIFFs it takes 8, 16 and 32 bits in grey, 8 and 16 in colour" if path.suffix in TIFF else ""
        raise SelectdisError(f"{path} is not a picture that Pillow can read ({reason}){tiff}") from None


def _pages(picture: Image.Image) -> int:
    return 1 if picture.format in NO_STACKS else int(getattr(picture, "n_frames", 1))


def _is_gray(picture: Image.Image) -> bool:
    return picture.mode in ("1", "L", "LA", "La") or _is_wide(picture)


def _is_wide(picture: Image.Image) -> bool:
    return picture.mode.startswith("I") or picture.mode == "F"


def _values(picture: Image.Image, options: PictureOptions, is_gray: bool) -> tuple[np.ndarray, bool]:
    """Return the values (h, w) or (h, w, 3), and whether any of it was transparent."""
    if _is_wide(picture):
        return np.asarray(picture), False
    transparent = "A" in picture.getbands() or "transparency" in picture.info
    if transparent:
        rgba = picture.convert("RGBA")
        transparent = int(np.asarray(rgba)[..., 3].min()) < 255
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, str(options.background)), rgba)
    return np.asarray(picture.convert("L" if is_gray else "RGB")), transparent


def _kind(opened: Image.Image, values: np.ndarray, file: Depth) -> str:
    """Return depth and channels in words."""
    channels = "gray" if values.ndim == 2 else "RGB"
    if values.dtype.kind == "f":
        return f"{8 * values.dtype.itemsize}-bit floating-point {channels}"
    if file.lost:
        return f"{file.lost}-bit {channels} of which the upper 8 are read"
    depth = 1 if opened.mode == "1" else 16 if opened.mode.startswith("I;16") else 8 * values.dtype.itemsize
    return f"{depth}-bit {channels}"


def _square(picture: Image.Image, options: PictureOptions) -> Image.Image:
    target, filter = (options.size, options.size), Image.Resampling.BILINEAR
    if options.fit == "stretch":
        return picture.resize(target, filter)
    if options.fit == "pad":
        color: Any = ImageColor.getcolor(str(options.background), picture.mode)
        return ImageOps.pad(picture, target, filter, color=color)
    return ImageOps.fit(picture, target, filter)
