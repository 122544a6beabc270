"""Your own arrays: .npy, .npz and HDF5 files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from selectdis._factors import factor_table
from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_columns
from selectdis.data.reading._array_formats import array_names, open_array, read_array
from selectdis.data.reading._convert import file_images, settled_scaling
from selectdis.data.reading._file_array import FileArray
from selectdis.data.reading._originals import Originals
from selectdis.data.reading._scaling import Scaling
from selectdis.errors import SelectdisError

__all__ = ["array_file"]

IMAGE_KEYS = ("images", "imgs", "image", "x", "x_train", "arr_0", "data")


def array_file(
    path: str | Path,
    key: str | None = None,
    *,
    image_size: int | None = None,
    gray: bool | None = None,
    layout: str | None = None,
    fit: str = "crop",
    scaling: Scaling = "type",
    factors: str | None = None,
    factor_names: Sequence[str] | str | None = None,
    bins: int | None = None,
) -> ImageDataset:
    """Read images from an array file: uint8, bool or floats in [0, 1], of (n, h, w), (n, h, w, c) or (n, c, h, w).

    Parameters
    ----------
    path, key : str
        ``file.npy``, or ``file.npz::key`` and ``file.h5::key`` (the key may be left out where it is plain).
    image_size : int, optional
        Pixels per side, 4 to 1,024: "conv" takes 128, 64, 32 and 16, "fc" any; by default the images' own where it is
        64, 32 or 16, else 64.
    gray : bool, optional
        True for one channel, False for RGB, None for what they are.
    layout : {"nhw", "nhwc", "nchw", "hwc", "chw"}, optional
        Where the shape leaves it open; the last two are of one image alone.
    fit : {"crop", "stretch", "pad"}
        How a picture becomes a square: its middle, stretched, or padded with black.
    scaling : {"type", "dataset", "picture", "percentiles"} or (float, float)
        As for `folder`: all but "type" take any integers and fractions.
    factors : str, optional
        Key of an array (n,) or (n, n_factors) in the same file: numbers or words. Ids are left out.
    factor_names : str or sequence of str, optional
        One name per column of `factors`; or the key of an array in the same file that holds them; or the name of the
        only one.
    bins : int, optional
        A continuous factor is cut into that many bins of equal frequency; without it, metrics that need classes
        refuse it.

    Raises
    ------
    SelectdisError
        A file that is missing, damaged or pickled, or an array that does not hold images.
    """
    where = _existing(path)
    rows = open_array(where, key if key else _image_key(where))
    scaling = settled_scaling(scaling, rows.blocks)
    images = file_images(rows, image_size=image_size, gray=gray, layout=layout, fit=fit, scaling=scaling)
    name, source = f"{path}::{key}" if key else str(path), str(where.resolve())
    if factors is None and factor_names is not None:
        raise SelectdisError(f"factor_names of {name} need factors, the key of the array that they name")
    if factors is not None and not isinstance(factors, str):
        raise SelectdisError(f"factors of {name} is the key of one array, found {factors!r}")
    if factors is None:
        data = ImageDataset(name, images, source=source)
    else:
        columns = list(factor_table(read_array(where, factors), None, f"{where}::{factors}").T)
        names = _names(where, factor_names, len(columns))
        data = dataset_of_columns(name, images, names, columns, source=source, bins=bins)
    held = Originals({str(rows.dtype): [len(data), *_range(rows)]}, scaling=scaling)
    return replace(data, originals=held)


def _range(rows: FileArray) -> tuple[float, float]:
    """Return the least and the largest value of the first block: enough for a hint."""
    first = next(iter(rows.blocks()))
    return float(first.min()), float(first.max())


def _names(path: Path, given: Sequence[str] | str | None, count: int) -> list[str]:
    """Return one name per factor: those given, those in an array of the file, or numbers."""
    if given is None:
        return [f"factor_{k}" for k in range(count)]
    if not isinstance(given, str):
        return [str(name) for name in given]
    names = read_array(path, given).reshape(-1) if given in array_names(path) or count > 1 else np.array([given])
    if count == 1 != len(names):  # the array of the one factor, and its name
        return [given]
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names]


def _existing(path: str | Path) -> Path:
    where = Path(path).expanduser()
    if not where.is_file():
        raise SelectdisError(f"there is no file {path}")
    return where


def _image_key(path: Path) -> str | None:
    """Return the one array that looks like the images, by its name or because there is no other."""
    if path.suffix.lower() == ".npy":
        return None
    names = array_names(path)
    usual = [name for name in IMAGE_KEYS if name in names]
    if usual or len(names) == 1:
        return usual[0] if usual else names[0]
    raise SelectdisError(
        f"which array of {path} holds the images? Write {path}::KEY with one of {', '.join(names) or 'none'}"
    )
