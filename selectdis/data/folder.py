"""A folder of pictures."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from selectdis.data.dataset import ImageDataset
from selectdis.data.sizes import check_choice, check_image_size
from selectdis.errors import SelectdisError

__all__ = ["FITS", "MAX_PIXELS", "find_pictures", "folder", "picture_pixels", "read_picture", "read_pictures"]

FITS = ("crop", "stretch", "pad")
MAX_PIXELS = 100_000_000  # a 10,000 x 10,000 picture; beyond it a small file may ask for gigabytes of memory


def folder(
    path: str | Path, *, image_size: int = 64, grey: bool | None = None, fit: str = "crop", strict: bool = False
) -> ImageDataset:
    """Every picture below a folder, in the order of their paths, as an unlabelled data set.

    Parameters
    ----------
    path : searched recursively; links to folders are followed once, hidden files and folders are left out.
    image_size : 64, 32 or 16.
    grey : True for one channel, False for RGB. None keeps grey pictures grey, and refuses a mixture.
    fit : how a picture becomes a square: "crop" its middle, "stretch" it, or "pad" it with black.
    strict : raise on a file that cannot be read, instead of naming it in a warning and leaving it out.

    Raises
    ------
    SelectdisError : no such folder, no pictures in it, a mixture of grey and colour, or, with `strict`, a bad picture.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        found = "that is a file" if root.exists() else "it does not exist"
        raise SelectdisError(f"folder:{path} needs a folder of pictures, and {found}")
    paths = find_pictures(root)
    if not paths:
        raise SelectdisError(
            f"{root} holds no picture (looked for {', '.join(sorted(_suffixes())[:6])}, ... in it and below)"
        )
    images, _ = read_pictures(paths, image_size=image_size, grey=grey, fit=fit, strict=strict)
    return ImageDataset(f"folder:{path}", images, source=str(root.resolve()))


def find_pictures(root: Path) -> list[Path]:
    """Paths below `root` with a picture's suffix, sorted. A folder reached again through a link is not entered."""
    suffixes, seen = _suffixes(), set()
    found: list[Path] = []
    for where, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(where, f) for f in files if not f.startswith(".") and Path(f).suffix.lower() in suffixes]
    return sorted(found)


def read_pictures(
    paths: Sequence[Path], *, image_size: int, grey: bool | None, fit: str, strict: bool
) -> tuple[np.ndarray, list[int]]:
    """Pictures as uint8 (n, c, size, size), and the positions in `paths` of those that could be read."""
    size = check_image_size(image_size)
    check_choice("fit", fit, FITS)
    kept: list[int] = []
    pictures: list[np.ndarray] = []
    bad: list[str] = []
    for index, path in enumerate(paths):
        try:
            pictures.append(read_picture(path, size, grey, fit))
            kept.append(index)
        except SelectdisError as error:
            if strict:
                raise
            bad.append(str(error))
    if bad:
        _warn_of(bad, len(paths))
    if not pictures:
        raise SelectdisError(f"none of {len(paths)} pictures could be read: {bad[0]}")
    return np.stack(_one_channel_number(pictures, [paths[k] for k in kept])), kept


def read_picture(path: Path, size: int, grey: bool | None, fit: str) -> np.ndarray:
    """One picture as uint8 (c, size, size), upright, transparent parts on black; SelectdisError if unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                _refuse_bomb(path, opened.size)
                return picture_pixels(ImageOps.exif_transpose(opened), size, grey, fit)
    except SelectdisError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, MemoryError, EOFError) as error:
        raise SelectdisError(f"{path} is not a picture that Pillow can read ({_first_line(error)})") from None


def picture_pixels(picture: Image.Image, size: int, grey: bool | None, fit: str) -> np.ndarray:
    """A Pillow picture as uint8 (c, size, size), c = 1 or 3."""
    pixels = np.asarray(_square(_flat(picture, grey), size, fit))
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _refuse_bomb(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise SelectdisError(f"{path} claims {size[0]} x {size[1]} pixels; at most {MAX_PIXELS:,} are read")


def _flat(picture: Image.Image, grey: bool | None) -> Image.Image:
    """Mode "L" or "RGB"; 16-bit pictures are scaled down rather than clipped."""
    if picture.mode.startswith("I") or picture.mode == "F":
        wide = np.asarray(picture).astype(np.float64)
        top = 65535.0 if picture.mode.startswith("I") else 1.0
        if not np.isfinite(wide).all() or wide.min() < 0 or wide.max() > top:
            raise SelectdisError(f"pixels must lie in 0..{top:g}, found {np.nanmin(wide):g}..{np.nanmax(wide):g}")
        picture = Image.fromarray(np.rint(wide * (255 / top)).astype(np.uint8))
    is_grey = picture.mode in ("1", "L", "LA", "La")
    if "A" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba)
    return picture.convert("L" if (is_grey if grey is None else grey) else "RGB")


def _square(picture: Image.Image, size: int, fit: str) -> Image.Image:
    target = (size, size)
    if fit == "stretch":
        return picture.resize(target, Image.Resampling.BILINEAR)
    if fit == "pad":
        return ImageOps.pad(picture, target, Image.Resampling.BILINEAR)
    return ImageOps.fit(picture, target, Image.Resampling.BILINEAR)


def _one_channel_number(pictures: list[np.ndarray], paths: Sequence[Path]) -> list[np.ndarray]:
    channels = [len(p) for p in pictures]
    if len(set(channels)) > 1:
        grey, colour = paths[channels.index(1)], paths[channels.index(3)]
        raise SelectdisError(
            f"all pictures need the same number of channels: {grey} is grey ({channels.count(1)} are) and {colour} in "
            "colour; choose grey=True or grey=False"
        )
    return pictures


def _warn_of(bad: Sequence[str], n: int) -> None:
    more = f" (and {len(bad) - 3} more)" if len(bad) > 3 else ""
    warnings.warn(f"left out {len(bad)} of {n} pictures: {'; '.join(bad[:3])}{more}", stacklevel=4)


def _suffixes() -> set[str]:
    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN} - {
        ".pdf",
        ".h5",
        ".hdf",
        ".hdf5",
    }


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
