"""Shapes3D, from its HDF5 file or a .npz with the same arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_classes
from selectdis.data._source import RemoteFile, Source
from selectdis.data.drawn._scenes import NAMES, SHAPES3D_SIZES
from selectdis.data.public._locate import locate
from selectdis.data.reading._array_formats import open_array, read_array
from selectdis.data.reading._convert import file_images
from selectdis.errors import SelectdisError

__all__ = ["SOURCE", "shapes3d"]

LOWEST, HIGHEST = np.array([0, 0, 0, 0.75, 0, -30.0]), np.array([0.9, 0.9, 0.9, 1.25, 3, 30.0])


def shapes3d(*, path: str | Path | None = None, image_size: int = 64, gray: bool = False) -> ImageDataset:
    """Read Shapes3D (Burgess & Kim 2018): 480,000 rooms with an object.

    Parameters
    ----------
    path : str or Path, optional
        The .h5 or .npz file (images, labels), or a folder with it; by default what was fetched.
    image_size, gray : int, bool
        Pixels per side; one channel, by luminance (in which several hues look alike).

    Returns
    -------
    ImageDataset
        A full grid of uint8 (480000, 3 or 1, image_size, image_size). A file that holds other rows keeps its labels.
    """
    found = locate("shapes3d", ("3dshapes.h5", "3dshapes*.h5", "3dshapes*.npz", "shapes3d*"), path)
    rows = open_array(found, "images")
    if len(rows.shape) != 4 or rows.shape[1:] != (64, 64, 3) or rows.dtype != np.uint8:
        raise SelectdisError(f"{rows.label} should be uint8 (n, 64, 64, 3), found {rows.dtype} {rows.shape}")
    classes = _classes(read_array(found, "labels"), rows.shape[0], found)
    images = file_images(rows, image_size=image_size, gray=gray or None, layout="nhwc")
    return dataset_of_classes("shapes3d", images, NAMES, SHAPES3D_SIZES, classes, source=str(found.resolve()))


def _classes(values: np.ndarray, n: int, path: Path) -> np.ndarray:
    """Find the class of the file's values (hue 0.3, 12.9 degrees): their place on the known, even scales."""
    if values.shape != (n, 6):
        raise SelectdisError(f"{path} should have 6 label values an image, found {values.shape} for {n} images")
    place = (values - LOWEST) / (HIGHEST - LOWEST) * (np.array(SHAPES3D_SIZES) - 1)
    classes = np.rint(place).astype(np.int64)
    if not np.allclose(place, classes, atol=0.02):
        raise SelectdisError(f"{path} has label values that Shapes3D does not: is it another data set?")
    return classes


SOURCE = Source(
    load=shapes3d,
    summary="480,000 rooms with an object",
    licence="Apache-2.0",
    files=(
        RemoteFile(
            "3dshapes.h5",
            "https://storage.googleapis.com/3d-shapes/3dshapes.h5",
            "sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
        ),
    ),
)
