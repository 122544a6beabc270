"""Your own arrays: .npy, .npz and HDF5 files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_columns
from selectdis.data.reading._array_formats import array_names, open_array, read_array
from selectdis.data.reading._convert import file_images
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
    factors: str | None = None,
    factor_names: Sequence[str] | None = None,
    bins: int | None = None,
) -> ImageDataset:
    """Read images from an array file: uint8, bool or floats in [0, 1], of (n, h, w), (n, h, w, c) or (n, c, h, w).

    Parameters
    ----------
    path, key : str
        ``file.npy``, or ``file.npz::key`` and ``file.h5::key`` (the key may be left out where it is plain).
    image_size : {64, 32, 16}, optional
        Pixels per side; by default the images' own where it is one of these, else 64.
    gray : bool, optional
        True for one channel, False for RGB, None for what they are.
    layout : {"nhw", "nhwc", "nchw"}, optional
        Where the shape leaves it open.
    fit : {"crop", "stretch", "pad"}
        How a picture becomes a square: its middle, stretched, or padded with black.
    factors : str, optional
        Key of an array (n,) or (n, n_factors) in the same file: numbers or words. Ids are left out.
    factor_names : sequence of str, optional
        One name per column of `factors`.
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
    images = file_images(rows, image_size=image_size, gray=gray, layout=layout, fit=fit)
    name = f"{path}::{key}" if key else str(path)
    if factors is None:
        return ImageDataset(name, images, source=str(where.resolve()))
    values = read_array(where, factors)
    columns = values.reshape(len(values), -1).T
    names = [f"factor_{k}" for k in range(len(columns))] if factor_names is None else list(factor_names)
    return dataset_of_columns(name, images, names, list(columns), source=str(where.resolve()), bins=bins)


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
