"""The real dSprites, from its .npz or HDF5 file."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_classes
from selectdis.data._sizes import Sizes, check_image_size, check_sizes
from selectdis.data._source import RemoteFile, Source
from selectdis.data.drawn._sprites import DSPRITES_SIZES, NAMES, SpriteRenderer
from selectdis.data.public._locate import locate_optional
from selectdis.data.reading._array_formats import open_array, read_array
from selectdis.data.reading._convert import file_images
from selectdis.data.reading._lazy import LazyImages
from selectdis.errors import SelectdisError

__all__ = ["SOURCE", "dsprites"]

STEM = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64"
PATTERNS = (f"{STEM}.hdf5", f"{STEM}.npz", "dsprites*.hdf5", "dsprites*.h5", "dsprites*.npz")


def dsprites(*, path: str | Path | None = None, image_size: int = 64, sizes: Sizes = None) -> ImageDataset:
    """Read dSprites (Matthey et al. 2017): 737,280 shapes; its colour, which never changes, is left out of the factors.

    Parameters
    ----------
    path : str or Path, optional
        The .npz or .hdf5 file, or a folder with it; by default what `selectdis data fetch dsprites` got. Where nothing
        is there the same grid is rendered, and a warning says so.
    image_size : int
        Pixels per side (smaller ones are block averages).
    sizes : mapping or sequence of int, optional
        Of the rendered grid only, as for `sprites`.

    Returns
    -------
    ImageDataset
        A full grid of uint8 (n, 1, image_size, image_size). A file that holds other rows keeps its labels.
    """
    size = check_image_size(image_size)
    found = locate_optional("dsprites", PATTERNS, path)
    if found is None:
        return _rendered(size, sizes)
    if sizes is not None:
        raise SelectdisError(f"sizes only applies to rendered dsprites, and {found} was found: leave it out")
    hdf5 = found.suffix.lower() != ".npz"
    rows = open_array(found, "imgs")
    if len(rows.shape) != 3 or rows.shape[1:] != (64, 64) or rows.dtype != np.uint8:
        raise SelectdisError(f"{rows.label} should be uint8 (n, 64, 64), found {rows.dtype} {rows.shape}")
    classes = read_array(found, "latents/classes" if hdf5 else "latents_classes")
    if classes.shape != (rows.shape[0], 6):
        raise SelectdisError(f"{found} should have 6 latent classes an image, found {classes.shape}")
    images = file_images(rows, image_size=size, layout="nhw")
    return dataset_of_classes("dsprites", images, NAMES, DSPRITES_SIZES, classes[:, 1:], source=str(found.resolve()))


def _rendered(size: int, sizes: Sizes) -> ImageDataset:
    warnings.warn(
        "no dSprites file found: rendering the same grid from formulas (in the frames compared, at most two of 4,096 "
        "pixels differ); `selectdis data fetch dsprites` gets the original, path=FILE names one",
        stacklevel=3,
    )
    chosen = check_sizes(sizes, dict(zip(NAMES, DSPRITES_SIZES, strict=True)), {"shape": 3})
    images = LazyImages((int(np.prod(chosen)), 1, size, size), SpriteRenderer(chosen, size, endpoint=True))
    return ImageDataset("dsprites", images, NAMES, chosen, source="rendered")


SOURCE = Source(
    load=dsprites,
    summary="737,280 shapes; drawn where no file is there",
    licence="Apache-2.0",
    files=(
        RemoteFile(
            f"{STEM}.hdf5",
            f"https://github.com/deepmind/dsprites-dataset/blob/master/{STEM}.hdf5?raw=true",
            "sha256:729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb",
        ),
    ),
)
