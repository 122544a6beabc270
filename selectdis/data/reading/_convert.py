"""From whatever array a file holds to uint8 (n, channels, size, size)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from selectdis.data._sizes import FITS, IMAGE_SIZES, check_image_size
from selectdis.data.reading._cache import cache_path, file_key, write_cached
from selectdis.data.reading._file_array import FileArray, IndexedArray, PackedBits, open_npy
from selectdis.data.reading._lazy import LazyImages, render_small
from selectdis.data.reading._pixels import fit_square, to_channels
from selectdis.data.reading._scaling import MEASURED, Scaling, check_scaling, measured_range, to_bytes, value_range
from selectdis.errors import SelectdisError, check_choice

__all__ = ["LAYOUTS", "Convert", "array_images", "cached_images", "choose_conversion", "file_images", "settled_scaling"]

LAYOUTS = ("nhw", "nhwc", "nchw", "hwc", "chw")  # the last two: one image alone
IN_MEMORY = 64 * 2**20  # a packed array of at most this many bytes is read at once, and leaves nothing on the disk


@dataclass(frozen=True)
class Convert:
    """What happens to a block of raw images on its way to uint8 (k, channels, size, size)."""

    label: str
    layout: str
    size: int
    gray: bool | None
    fit: str
    bits: bool = False  # uint8 that holds only 0 and 1
    scaling: Scaling = "type"  # measured already, where it is to be

    def __repr__(self) -> str:
        # Names unpacked files of gigabytes: those that earlier versions made are found under the spelling of then.
        text = f"Convert(label={self.label!r}, layout={self.layout!r}, size={self.size!r}, grey={self.gray!r}, "
        scaling = "" if self.scaling == "type" else f", scaling={self.scaling!r}"
        return f"{text}fit={self.fit!r}, bits={self.bits!r}{scaling})"

    def __call__(self, block: np.ndarray) -> np.ndarray:
        pixels = self._to_uint8(self.opaque(block))
        return to_channels(fit_square(pixels, self.size, self.fit), self.gray)

    def opaque(self, block: np.ndarray) -> np.ndarray:
        """Return raw images as (k, 1 or 3, h, w): transparency is dropped."""
        pixels = _to_nchw(block, self.layout)
        return pixels[:, : {4: 3, 2: 1}.get(pixels.shape[1])]

    def _to_uint8(self, block: np.ndarray) -> np.ndarray:
        if self.scaling == "type":
            return _to_uint8(block, self.label, self.bits)
        if isinstance(self.scaling, tuple):
            return to_bytes(block, *self.scaling)
        return np.stack([to_bytes(image, *value_range(image)) for image in block])


@dataclass(frozen=True)
class ConvertedImages:
    """Renders the rows of a file that can be read one by one."""

    rows: IndexedArray
    convert: Convert

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        return self.convert(self.rows.at(indices))


def choose_conversion(
    shape: tuple[int, ...],
    dtype: np.dtype,
    label: str,
    *,
    image_size: int | None = None,
    gray: bool | None = None,
    layout: str | None = None,
    fit: str = "crop",
    scaling: Scaling = "type",
) -> Convert:
    """Check an array's header and say how to convert it.

    Parameters
    ----------
    shape, dtype
        Of the array.
    label : str
        What to call it in a message.
    image_size, gray, layout, fit, scaling
        As for `array_file`; the scaling must be measured already, where it is to be.

    Raises
    ------
    SelectdisError
        Not images by shape or type, an ambiguous layout, or an unknown option.
    """
    scaling = check_scaling(scaling)
    by_type = dtype.kind in "bf" or dtype == np.uint8
    if not by_type and (scaling == "type" or dtype.kind not in "iu"):
        hint = 'scaling="dataset" takes its least and largest value for black and white' if dtype.kind in "iu" else ""
        raise SelectdisError(
            f"images are uint8, bool, or floats in [0, 1]; {label} holds {dtype}: {hint or 'convert it first'}"
        )
    chosen = _layout(shape, label, layout)
    n, channels, h, w = _nchw_shape(shape, chosen)
    if channels not in (1, 2, 3, 4):
        raise SelectdisError(f"images have 1 (gray) to 4 (RGB and transparency) channels; {label} has {channels}")
    if 0 in (n, h, w):
        raise SelectdisError(f"{label} holds no images (shape {shape})")
    if image_size is None:
        image_size = h if h == w and h in IMAGE_SIZES else 64
    return Convert(label, chosen, check_image_size(image_size), gray, check_choice("fit", fit, FITS), scaling=scaling)


def settled_scaling(scaling: Any, blocks: Callable[[], Iterable[Iterable[np.ndarray]]]) -> Scaling:
    """Return `scaling`, or the range that it stands for where it looks at all `blocks` of raw images first."""
    checked = check_scaling(scaling)
    if checked not in MEASURED:
        return checked
    return measured_range((image for block in blocks() for image in block), str(checked)) or "type"


def array_images(array: np.ndarray, label: str, **options: Any) -> np.ndarray:
    """Convert an array in memory to uint8 (n, channels, size, size)."""
    if options.get("layout") in ("hwc", "chw"):
        array, options = array[None], options | {"layout": f"n{options['layout']}"}
    convert = choose_conversion(array.shape, array.dtype, label, **options)
    return replace(convert, bits=_bits(convert, [array]))(array)


def file_images(rows: FileArray, **options: Any) -> np.ndarray | LazyImages:
    """Convert an array in a file when it is looked at.

    What cannot be read row by row (compressed files) is unpacked once into the cache folder, as uint8, or one bit per
    pixel where the images are black and white.
    """
    if options.get("layout") in ("hwc", "chw"):
        return array_images(np.concatenate(list(rows.blocks())), rows.label, **options)
    convert = choose_conversion(rows.shape, rows.dtype, rows.label, **options)
    if isinstance(rows, IndexedArray):
        convert = replace(convert, bits=_bits(convert, rows.blocks()))
        if rows.dtype.kind == "f" and convert.scaling == "type":  # find what is wrong now, not in the middle of a study
            for block in rows.blocks():
                _check_floats(block, rows.label)
        return render_small(LazyImages(_out_shape(rows, convert), ConvertedImages(rows, convert)))
    if math.prod(rows.shape) * rows.dtype.itemsize <= IN_MEMORY:
        return _read_whole(rows, convert)
    return _unpacked(rows, convert)


def cached_images(key: str, make: Callable[[], np.ndarray]) -> LazyImages:
    """Return the uint8 (n, c, h, w) images that `make` builds, kept in the cache folder under `key` once built."""
    path = cache_path(key)
    if not path.exists():
        images = make()
        path = write_cached(key, images.shape, [images])
    mapped = open_npy(path)
    n, c, h, w = mapped.shape
    return LazyImages((n, c, h, w), mapped.at)


def _read_whole(rows: FileArray, convert: Convert) -> np.ndarray:
    array = np.concatenate(list(rows.blocks()))
    return replace(convert, bits=_bits(convert, [array]))(array)


class _NotBits(Exception):
    """A value above 1 turned up in what looked like black-and-white images."""


def _unpacked(rows: FileArray, convert: Convert) -> LazyImages:
    """Through the cache folder. Black and white is assumed while the blocks say so, and the work begun anew if not."""
    first = next(iter(rows.blocks()))
    if _bits(convert, [first]):
        try:
            return _unpacked_as(rows, replace(convert, bits=True))
        except _NotBits:
            pass
    return _unpacked_as(rows, convert)


def _unpacked_as(rows: FileArray, convert: Convert) -> LazyImages:
    shape = _out_shape(rows, convert)
    packed = convert.bits and rows.shape[0] == shape[0] and shape[1] == 1 and _same_size(rows, convert)
    packed = packed and shape[2] * shape[3] % 8 == 0
    key = file_key(rows.path, rows.label, convert, packed)
    if packed:
        bits_shape = (shape[0], shape[2] * shape[3] // 8)
        path = write_cached(key, bits_shape, _packed_blocks(rows, convert))
        return LazyImages(shape, PackedBits(open_npy(path), (shape[1], shape[2], shape[3])))
    path = write_cached(key, shape, _converted_blocks(rows, convert))
    return LazyImages(shape, open_npy(path).at)


def _same_size(rows: FileArray, convert: Convert) -> bool:
    return _nchw_shape(rows.shape, convert.layout)[1:] == (1, convert.size, convert.size)


def _packed_blocks(rows: FileArray, convert: Convert) -> Iterator[np.ndarray]:
    for block in rows.blocks():
        if not _only_bits([block]):
            raise _NotBits
        yield np.packbits(block.reshape(len(block), -1), axis=1)


def _converted_blocks(rows: FileArray, convert: Convert) -> Iterator[np.ndarray]:
    for block in rows.blocks():
        if convert.bits and not _only_bits([block]):
            raise _NotBits
        yield convert(block)


def _bits(convert: Convert, blocks: Iterable[np.ndarray]) -> bool:
    return convert.scaling == "type" and _only_bits(blocks)


def _only_bits(blocks: Iterable[np.ndarray]) -> bool:
    """Tell whether uint8 blocks hold nothing but 0 and 1; stop at the first that does not."""
    return all(block.dtype == np.uint8 and block.size > 0 and block.max() <= 1 for block in blocks)


def _out_shape(rows: FileArray, convert: Convert) -> tuple[int, int, int, int]:
    n, channels, _, _ = _nchw_shape(rows.shape, convert.layout)
    plain = 1 if channels <= 2 else 3
    return n, plain if convert.gray is None else (1 if convert.gray else 3), convert.size, convert.size


def _layout(shape: tuple[int, ...], label: str, layout: str | None) -> str:
    if layout is not None:
        check_choice("layout", layout, LAYOUTS)
        if len(layout) != len(shape):
            raise SelectdisError(f"layout {layout!r} needs {len(layout)} dimensions; {label} has the shape {shape}")
        return layout
    if len(shape) == 3:
        if shape[0] != 3 and shape[2] not in (3, 4):
            return "nhw"
        one = "hwc" if shape[2] in (3, 4) else "chw"
        raise SelectdisError(
            f"{label} has shape {shape}: {shape[0]} grey images of {shape[1]} x {shape[2]}, or one in colour? Say "
            f'layout="nhw" or layout="{one}"'
        )
    if len(shape) != 4:
        raise SelectdisError(f"images have 3 or 4 dimensions (n, height, width[, channels]); {label} has shape {shape}")
    first, last = shape[1] in (1, 2, 3, 4), shape[3] in (1, 2, 3, 4)
    if first and last:
        raise SelectdisError(f'{label} has shape {shape}, channels first or last? Say layout="nchw" or layout="nhwc"')
    return "nchw" if first else "nhwc"


def _nchw_shape(shape: tuple[int, ...], layout: str) -> tuple[int, int, int, int]:
    if layout == "nhw":
        return shape[0], 1, shape[1], shape[2]
    return (shape[0], shape[3], shape[1], shape[2]) if layout == "nhwc" else (shape[0], shape[1], shape[2], shape[3])


def _to_nchw(block: np.ndarray, layout: str) -> np.ndarray:
    if layout == "nhw":
        return block[:, None]
    return np.moveaxis(block, -1, 1) if layout == "nhwc" else block


def _to_uint8(block: np.ndarray, label: str, bits: bool) -> np.ndarray:
    if block.dtype.kind == "f":
        _check_floats(block, label)
        return np.rint(np.clip(block, 0, 1) * 255).astype(np.uint8)
    if block.dtype == bool or bits:
        return block.astype(np.uint8) * np.uint8(255)
    return block


def _check_floats(block: np.ndarray, label: str) -> None:
    if not np.isfinite(block).all():
        raise SelectdisError(f"{label} holds NaN or infinite pixels: images given as floats lie in [0, 1]")
    low, high = float(block.min()), float(block.max())
    if low < -1e-6 or high > 1 + 1e-6:
        hint = "; divide by 255, or save uint8" if low >= 0 and 1 < high <= 255 else '; or give scaling="dataset"'
        raise SelectdisError(f"images given as floats lie in [0, 1]; {label} holds {low:g} to {high:g}{hint}")
