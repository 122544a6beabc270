"""Data sets that are objects in memory: arrays, tensors, torchvision-style data sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from selectdis._factors import as_numpy
from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_columns
from selectdis.data.reading._convert import array_images, settled_scaling
from selectdis.data.reading._originals import Originals, count_picture
from selectdis.data.reading._picture import PictureOptions, picture_pixels, picture_values
from selectdis.data.reading._scaling import Scaling
from selectdis.errors import SelectdisError

__all__ = ["from_array", "from_items", "item_images"]


def from_array(
    array: Any,
    *,
    image_size: int | None = None,
    gray: bool | None = None,
    layout: str | None = None,
    fit: str = "crop",
    scaling: Scaling = "type",
) -> ImageDataset:
    """Take images from an array or tensor: uint8, bool or floats in [0, 1], of (n, h, w), (n, h, w, c) or (n, c, h, w).

    Options are those of `array_file`.
    """
    pixels = as_numpy(array)
    scaling = settled_scaling(scaling, lambda: [pixels])
    images = array_images(
        pixels, "the array", image_size=image_size, gray=gray, layout=layout, fit=fit, scaling=scaling
    )
    held = {str(pixels.dtype): [len(images), float(pixels.min()), float(pixels.max())]}
    return ImageDataset("array", images, source="memory", originals=Originals(held, scaling=scaling))


def from_items(
    items: Any,
    *,
    image_size: int = 64,
    gray: bool | None = None,
    fit: str = "crop",
    background: str = "black",
    scaling: Scaling = "type",
    labels: bool = True,
    bins: int | None = None,
) -> ImageDataset:
    """Take images from anything with `len` and indexing that gives an image or (image, label): torchvision's data sets.

    Parameters
    ----------
    items : object
        An image is a PIL picture, an array (h, w[, c]), or a tensor (c, h, w) as `ToTensor` makes it. A label is a
        number, a string, or a tuple or array of them (several factors); `items.classes` names the classes of one.
    image_size, gray, fit, background, scaling
        As for `folder`.
    labels : bool
        Keep them as factors; a label that is None is no value.
    bins : int, optional
        A continuous factor is cut into that many bins of equal frequency; without it, metrics that need classes
        refuse it.

    Returns
    -------
    ImageDataset
        All images in memory, uint8 (n, c, image_size, image_size); a labelled set where items came with labels.
    """
    options = PictureOptions(image_size, gray, fit, background, scaling)
    name = type(items).__name__
    if len(items) == 0:
        raise SelectdisError(f"{name} holds no images")
    try:
        first = items[0]
    except Exception as error:  # a dict, a data frame
        raise SelectdisError(
            f"images come as an array, or from an object whose items [0], [1], ... are images; of {name} [0] is none "
            f"({type(error).__name__})"
        ) from None
    pairs = [_pair(item) for item in (first, *(items[k] for k in range(1, len(items))))]
    images, originals = item_images([image for image, _ in pairs], name, options)
    rows = [label for _, label in pairs]
    if not labels or all(label is None for label in rows):
        return ImageDataset(name, images, source="memory", originals=originals)
    names, columns = _columns(rows, name, getattr(items, "classes", None))
    data = dataset_of_columns(name, images, names, columns, source="memory", bins=bins)
    return replace(data, originals=originals)


def item_images(items: Sequence[Any], name: str, options: PictureOptions) -> tuple[np.ndarray, Originals]:
    """Return uint8 (n, c, size, size) of pictures, arrays or tensors, and how they were scaled."""
    scaling = settled_scaling(options.scaling, lambda: ([_item_values(item, options)] for item in items))
    options = replace(options, scaling=scaling)
    pictures = [_item_pixels(item, f"image {k} of {name}", options) for k, item in enumerate(items)]
    channels = sorted({len(picture) for picture in pictures})
    if len(channels) > 1:
        raise SelectdisError(
            f"all images of {name} need the same number of channels, found {channels}: choose gray=True or gray=False"
        )
    kinds: dict[str, list[float]] = {}
    for item in items:
        values = _item_values(item, options)
        count_picture(kinds, str(values.dtype), values)
    return np.stack(pictures), Originals(kinds, scaling=scaling)


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, (tuple, list)) and len(item) == 2:
        return item[0], item[1]
    return (item[0], None) if isinstance(item, (tuple, list)) and len(item) == 1 else (item, None)


def _item_values(image: Any, options: PictureOptions) -> np.ndarray:
    return picture_values(image, options) if isinstance(image, Image.Image) else as_numpy(image)


def _item_pixels(image: Any, label: str, options: PictureOptions) -> np.ndarray:
    """Return uint8 (c, size, size) of one picture, array or tensor."""
    if isinstance(image, Image.Image):
        return picture_pixels(image, options)
    array = as_numpy(image)
    if array.ndim not in (2, 3):
        raise SelectdisError(
            f"{label} should be a picture or an array of 2 or 3 dimensions, found {type(image).__name__}"
        )
    layout = "nhw"
    if array.ndim == 3:  # a tensor has its channels first; an array, where both would do, last
        first, last = array.shape[0] in (1, 3, 4), array.shape[-1] in (1, 3, 4)
        layout = "nchw" if first and (not last or hasattr(image, "detach")) else "nhwc"
    told = {"image_size": options.size, "gray": options.gray, "fit": options.fit, "scaling": options.scaling}
    return array_images(array[None], label, layout=layout, **told)[0]


def _columns(rows: Sequence[Any], name: str, classes: Any) -> tuple[list[str], list[Any]]:
    """Return factor names and one column of values per factor."""
    table = [as_numpy(row).reshape(-1).tolist() if not isinstance(row, str) else [row] for row in rows]
    width = max(map(len, table))
    table = [row if rows[k] is not None else [None] * width for k, row in enumerate(table)]
    widths = sorted({len(row) for row in table})
    if len(widths) > 1:
        raise SelectdisError(f"every image of {name} needs the same number of labels, found {widths}")
    if widths[0] > 1:
        return [f"factor_{k}" for k in range(widths[0])], [np.asarray(column) for column in zip(*table, strict=True)]
    column = [row[0] for row in table]
    if classes is not None and all(v is None or (isinstance(v, int) and 0 <= v < len(classes)) for v in column):
        return ["label"], [[None if v is None else str(classes[v]) for v in column]]
    return ["label"], [np.asarray(column)]
