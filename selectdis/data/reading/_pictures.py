"""Reading picture files: any format of Pillow's, whatever is in them, into uint8 of one shape."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from selectdis._files import open_file
from selectdis.data._sizes import FITS, check_image_size
from selectdis.data.reading._cache import cache_path, write_cached
from selectdis.data.reading._file_array import open_npy
from selectdis.data.reading._lazy import LazyImages, Subset
from selectdis.errors import SelectdisError, check_choice

__all__ = ["MAX_PIXELS", "MixedChannelsError", "open_picture", "picture_pixels", "read_picture", "read_pictures"]

MAX_PIXELS = 100_000_000  # a 10,000 x 10,000 picture; beyond it a small file may ask for gigabytes of memory
CACHE_FROM = 2_000  # so many pictures take seconds to decode: the result is then kept in the cache folder


class MixedChannelsError(SelectdisError):
    """Pictures in grey and in colour, and nobody said which they are to be."""


@dataclass(frozen=True)
class _Reader:
    """Reads pictures one after the other: those that cannot be read are noted, and come as None."""

    paths: Sequence[Path]
    size: int
    gray: bool | None
    fit: str
    strict: bool
    bad: dict[Path, str]  # and why

    def __iter__(self) -> Iterator[np.ndarray | None]:
        channels: dict[int, Path] = {}
        for path in self.paths:
            try:
                picture = read_picture(path, self.size, self.gray, self.fit)
            except SelectdisError as error:
                if self.strict:
                    raise
                self.bad[path] = str(error)
                yield None
                continue
            channels.setdefault(len(picture), path)
            if len(channels) > 1:
                raise MixedChannelsError(
                    f"all pictures need the same number of channels: {channels[1]} is grey and {channels[3]} in "
                    "colour; choose gray=True or gray=False"
                )
            yield picture


def read_pictures(
    paths: Sequence[Path], root: Path, *, image_size: int, gray: bool | None, fit: str, strict: bool
) -> tuple[np.ndarray | LazyImages, list[int], dict[str, Any]]:
    """Return pictures as uint8 (n, c, size, size), the positions in `paths` of those that could be read, and the rest.

    The rest is what an `ImageDataset` holds of its files, by the names of its fields; files below `root` are named from
    there. Many pictures are decoded once into the cache folder, under a name that changes when any of the files does.
    """
    reader = _Reader(paths, check_image_size(image_size), gray, check_choice("fit", fit, FITS), strict, {})
    images, readable = _read_now(reader) if len(paths) < CACHE_FROM else _read_cached(reader)
    if not reader.bad:  # perhaps kept from an earlier time: why some could not be read is found again
        list(replace(reader, paths=[path for path, fine in zip(paths, readable, strict=True) if not fine]))
    if not any(readable):
        raise SelectdisError(f"none of {len(paths)} pictures could be read: {_first(reader.bad)}")
    if reader.bad:
        _warn_of([*reader.bad.values()], len(paths))
    kept = [k for k, fine in enumerate(readable) if fine]
    left_out = tuple((_named(path, root), _reason(path, why)) for path, why in reader.bad.items())
    about = {"files": tuple(_named(paths[k], root) for k in kept), "left_out": left_out, "image_fit": fit}
    return images, kept, about


def _named(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def _reason(path: Path, why: str) -> str:
    return why.removeprefix(str(path)).lstrip(": ")


def _first(bad: Mapping[Path, str]) -> str:
    return next(iter(bad.values()))


def _read_now(reader: _Reader) -> tuple[np.ndarray, list[bool]]:
    pictures = list(reader)
    fine = [picture for picture in pictures if picture is not None]
    images = np.stack(fine) if fine else np.empty((0, 1, reader.size, reader.size), np.uint8)
    return images, [picture is not None for picture in pictures]


def _read_cached(reader: _Reader) -> tuple[LazyImages, list[bool]]:
    key = _pictures_key(reader)
    if not (cache_path(key).exists() and cache_path(f"{key}-readable").exists()):
        _decode_into_cache(reader, key)
    images, readable = open_npy(cache_path(key)), open_npy(cache_path(f"{key}-readable")).array().astype(bool)
    n, c, h, w = images.shape
    whole = LazyImages((n, c, h, w), images.at)
    if readable.all():
        return whole, readable.tolist()
    chosen = np.flatnonzero(readable)
    return LazyImages((len(chosen), c, h, w), Subset(whole, chosen)), readable.tolist()


def _decode_into_cache(reader: _Reader, key: str) -> None:
    """Decode everything into one file, black where a picture cannot be read, and say in a second which could."""
    readable: list[bool] = []
    pictures = iter(reader)
    first = next((picture for picture in pictures if picture is not None), None)
    before = len(reader.bad)
    if first is None:
        raise SelectdisError(f"none of {len(reader.paths)} pictures could be read: {_first(reader.bad)}")

    def blocks() -> Iterator[np.ndarray]:
        black = np.zeros_like(first)
        for picture in chain([None] * before, [first], pictures):
            readable.append(picture is not None)
            yield black if picture is None else picture

    write_cached(key, (len(reader.paths), *first.shape), blocks())
    write_cached(f"{key}-readable", (len(readable),), [np.array(readable, np.uint8)])


def _pictures_key(reader: _Reader) -> str:
    digest = hashlib.sha256(repr((reader.size, reader.gray, reader.fit)).encode())
    for path in reader.paths:
        try:
            stat = path.stat()
            digest.update(repr((str(path.absolute()), stat.st_size, stat.st_mtime_ns)).encode())
        except OSError:  # a dangling link
            digest.update(str(path.absolute()).encode())
    return digest.hexdigest()[:24]


def read_picture(path: Path, size: int, gray: bool | None, fit: str) -> np.ndarray:
    """Read one picture as uint8 (c, size, size), as `open_picture` shows it."""
    return _pixels(open_picture(path, gray, size), size, fit)


def open_picture(path: Path, gray: bool | None, size: int | None = None) -> Image.Image:
    """Return a picture in mode "L" or "RGB", upright, transparent parts on black; SelectdisError if unreadable.

    Of a photograph that is to be shrunk to `size`, only as much is decoded as that takes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with open_file(path) as content, Image.open(content) as opened:
                _refuse_bomb(path, opened.size)
                if size is not None:  # JPEG decodes large photographs at a fraction of their size
                    opened.draft(None, (2 * size, 2 * size))
                return _flat(ImageOps.exif_transpose(opened), gray)
    except SelectdisError as error:
        raise SelectdisError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    except Exception as error:  # Pillow's plugins fail in many ways on damaged files
        reason = (str(error) or type(error).__name__).splitlines()[0].partition(" <_io.")[0]
        raise SelectdisError(f"{path} is not a picture that Pillow can read ({reason})") from None


def picture_pixels(picture: Image.Image, size: int, gray: bool | None, fit: str) -> np.ndarray:
    """Return a Pillow picture as uint8 (c, size, size), c = 1 or 3."""
    return _pixels(_flat(picture, gray), size, fit)


def _pixels(picture: Image.Image, size: int, fit: str) -> np.ndarray:
    pixels = np.asarray(_square(picture, size, fit))
    return pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0)


def _refuse_bomb(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        raise SelectdisError(f"{path} claims {size[0]} x {size[1]} pixels; at most {MAX_PIXELS:,} are read")


def _flat(picture: Image.Image, gray: bool | None) -> Image.Image:
    """Return it in mode "L" or "RGB"; 16-bit pictures are scaled down rather than clipped."""
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = _eight_bits(picture)
    is_gray = picture.mode in ("1", "L", "LA", "La")
    if "A" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "black"), rgba)
    return picture.convert("L" if (is_gray if gray is None else gray) else "RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    wide: Any = np.asarray(picture).astype(np.float64)
    top = 65535.0 if picture.mode.startswith("I") else 1.0
    if not np.isfinite(wide).all() or wide.min() < 0 or wide.max() > top:
        raise SelectdisError(f"pixels must lie in 0..{top:g}, found {np.nanmin(wide):g}..{np.nanmax(wide):g}")
    return Image.fromarray(np.rint(wide * (255 / top)).astype(np.uint8))


def _square(picture: Image.Image, size: int, fit: str) -> Image.Image:
    target = (size, size)
    if fit == "stretch":
        return picture.resize(target, Image.Resampling.BILINEAR)
    if fit == "pad":
        return ImageOps.pad(picture, target, Image.Resampling.BILINEAR)
    return ImageOps.fit(picture, target, Image.Resampling.BILINEAR)


def _warn_of(bad: Sequence[str], n: int) -> None:
    more = f" (and {len(bad) - 3} more)" if len(bad) > 3 else ""
    warnings.warn(f"left out {len(bad)} of {n} pictures: {'; '.join(bad[:3])}{more}", stacklevel=4)
