"""Whatever somebody calls images, brought to the size and channels that a network was trained with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._load import load_dataset, options_of
from selectdis.data.reading._lazy import LazyImages
from selectdis.data.reading._pixels import fit_square, to_channels
from selectdis.data.reading._scaling import Scaling, to_bytes
from selectdis.errors import SelectdisError

__all__ = ["dataset_like", "fitting_options", "images_like"]

Shape = tuple[int, int, int]
DEEPEST = 65_535  # of 16 bits
USUAL_FIT = "crop"


def fitting_options(name: str, image_shape: Shape, image_fit: str = "", scaling: Scaling = "type") -> dict[str, Any]:
    """Return options that load a named data set as others: size, channels, fit and scaling, where it has them."""
    channels, size, _ = image_shape
    wanted: dict[str, Any] = {"image_size": size, "gray": channels == 1} | ({"fit": image_fit} if image_fit else {})
    wanted |= {"scaling": scaling} if scaling != "type" else {}
    return {key: value for key, value in wanted.items() if key in options_of(name)}


def dataset_like(
    data: Any,
    image_shape: Shape,
    image_fit: str = "",
    options: Mapping[str, Any] | None = None,
    *,
    scaling: Scaling = "type",
) -> Any:
    """Load what is named (``"folder:PATH"``, a data set, a path) as images of `image_shape`; leave objects as they are.

    Parameters
    ----------
    data : object
        As of `load_dataset`.
    image_shape : (int, int, int)
        Channels, height, width.
    image_fit : str
        How pictures become squares, where it is known.
    options : mapping, optional
        Of the loader, in place of those that fit.
    scaling : str or (float, float)
        As the option of that name of data sets.
    """
    if isinstance(data, Path):
        data = f"folder:{data}" if data.is_dir() else str(data)
    if not isinstance(data, str):
        return data
    return load_dataset(data, **(fitting_options(data, image_shape, image_fit, scaling) | dict(options or {})))


def images_like(data: Any, image_shape: Shape, image_fit: str = "", scaling: Scaling = "type") -> Any:
    """Return images (n, *image_shape), uint8 or floats in [0, 1], of whatever holds some.

    Parameters
    ----------
    data : str, Path, ImageDataset or array
        A data set by name, a folder, an object, or an array (n, c, h, w) or (n, h, w, c). Another size, other channels
        and 16 bits are brought to 8 bits, `image_shape` and `image_fit`, a batch at a time.
    image_shape, image_fit, scaling
        As of `dataset_like`; bytes, and fractions from 0 to 1, are taken as they are.

    Raises
    ------
    SelectdisError
        If these are no such images.
    """
    data = dataset_like(data, image_shape, image_fit, scaling=scaling)
    images = data.images if isinstance(data, ImageDataset) else data
    shape, dtype = getattr(images, "shape", None), getattr(images, "dtype", None)
    if shape is None or dtype is None or len(shape) != 4 or 0 in shape[1:]:
        raise SelectdisError(
            f"images must be (n, {', '.join(map(str, image_shape))}) or of another size, a data set or folder:PATH, "
            f"found {shape or type(images).__name__}; stack them (one image: images[None])"
        )
    in_range = not isinstance(scaling, str) and np.dtype(dtype).kind in "iu" and dtype != np.uint8
    if tuple(shape[1:]) == image_shape and dtype != np.uint16 and not in_range:
        return images
    if image_shape[1] != image_shape[2]:
        raise SelectdisError(f"images must be {image_shape}, which is no square that others could be brought to")
    render = _Converted(images, _is_last(shape), image_shape, image_fit or USUAL_FIT, scaling)
    return LazyImages((shape[0], *image_shape), render)


def _is_last(shape: tuple[int, ...]) -> bool:
    """Whether the channels are the last axis: they are the second one wherever that can be."""
    if shape[1] <= 4:
        return False
    if shape[3] <= 4:
        return True
    raise SelectdisError(f"images have 1 (grey) to 4 (RGB and transparency) channels; found the shape {shape}")


class _Converted:
    """Renders some of the images of an array, converted."""

    def __init__(self, images: Any, last: bool, image_shape: Shape, image_fit: str, scaling: Scaling) -> None:
        self.images, self.last, self.image_shape, self.image_fit = images, last, image_shape, image_fit
        self.scaling = scaling

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        block = _eight_bits(np.asarray(self.images[indices]), self.scaling)
        block = np.moveaxis(block, -1, 1) if self.last else block
        block = block[:, : 3 if block.shape[1] > 2 else 1]  # transparency is dropped
        channels, size, _ = self.image_shape
        return to_channels(fit_square(block, size, self.image_fit), channels == 1)


def _eight_bits(block: np.ndarray, scaling: Scaling) -> np.ndarray:
    if block.dtype in (np.uint8, bool):
        return block.astype(np.uint8) * np.uint8(255 if block.dtype == bool else 1)
    if not isinstance(scaling, str) and block.dtype.kind in "iu":
        return to_bytes(block, *scaling)
    if block.dtype == np.uint16:
        return np.rint(block * (255 / DEEPEST)).astype(np.uint8)
    if block.dtype.kind == "f" and (not block.size or (block.min() >= 0 and block.max() <= 1)):
        return np.rint(block * 255).astype(np.uint8)
    raise SelectdisError(
        f"images must be uint8 in 0..255, uint16 in 0..65535 or float in [0, 1], found {block.dtype}"
        + (f" in [{block.min():g}, {block.max():g}]" if block.size and block.dtype.kind in "iuf" else "")
    )
