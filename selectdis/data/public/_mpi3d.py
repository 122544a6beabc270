"""MPI3D: a robot arm, simulated and real."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_classes
from selectdis.data._source import RemoteFile, Source
from selectdis.data.public._locate import locate
from selectdis.data.reading._array_formats import open_array
from selectdis.data.reading._convert import file_images
from selectdis.errors import SelectdisError

__all__ = ["COMPLEX", "REAL", "REALISTIC", "TOY", "mpi3d"]

NAMES = ("color", "shape", "size", "camera", "background", "horizontal", "vertical")
SIZES = (6, 6, 2, 3, 3, 40, 40)
COMPLEX_SIZES = (4, 4, 2, 3, 3, 40, 40)
URL = "https://huggingface.co/datasets/waleedgondal/mpi3d/resolve/main"  # as the authors' repository says since 2025


def mpi3d(*, kind: str, path: str | Path | None = None, image_size: int = 64, gray: bool = False) -> ImageDataset:
    """Read MPI3D (Gondal et al. 2019): 1,036,800 pictures of a robot arm ("complex": 460,800, of everyday objects).

    Parameters
    ----------
    kind : {"toy", "realistic", "real", "complex"}
        Which of the four sets.
    path : str or Path, optional
        The .npz file (its one array is `images`), or a folder with it; by default what was fetched. Compressed files
        are unpacked once into the cache folder: 12.7 GB at 64 pixels in colour, 3.2 GB at 32.
    image_size, gray : int, bool
        Pixels per side; one channel, by luminance.

    Returns
    -------
    ImageDataset
        A full grid of uint8 (n, 3 or 1, image_size, image_size).
    """
    name, sizes = f"mpi3d_{kind}", COMPLEX_SIZES if kind == "complex" else SIZES
    found = locate(
        name, (f"{name}.npz", f"{kind}.npz", f"*{kind}*.npz"), path, lambda file: kind_of(file) in (kind, None)
    )
    rows = open_array(found, "images")
    full = int(np.prod(sizes))
    if rows.shape != (full, 64, 64, 3) or rows.dtype != np.uint8:
        raise SelectdisError(f"{rows.label} should be uint8 ({full}, 64, 64, 3), found {rows.dtype} {rows.shape}")
    images = file_images(rows, image_size=image_size, gray=gray or None, layout="nhwc")
    return dataset_of_classes(name, images, NAMES, sizes, None, source=str(found.resolve()))


def kind_of(file: str) -> str | None:
    """Return which of the sets a file is of, by its name: "real" is in the names of three."""
    marks = {"toy": "toy", "realistic": "realistic", "compl": "complex", "real": "real"}  # in this order
    return next((kind for mark, kind in marks.items() if mark in file.lower()), None)


def _source(kind: str, summary: str, known_hash: str = "", doubt: str = "") -> Source:
    name = f"mpi3d_{kind}.npz"
    files = (RemoteFile(name, f"{URL}/{name}", known_hash, doubt),) if known_hash else ()
    return Source(partial(mpi3d, kind=kind), summary, "CC BY 4.0", files)


TOY = _source("toy", "1,036,800 simple renderings of a robot arm", "md5:55889cb7c7dfc655d6e0277beee88868")
REALISTIC = _source(
    "realistic", "1,036,800 realistic renderings of a robot arm", "md5:59a6225b88b635365f70c91b3e52f70f"
)
REAL = _source(
    "real",
    "1,036,800 photographs of a robot arm",
    "md5:0f33f609918fb5c97996692f91129802",
    doubt="its authors have replaced this file since the hash became known",
)
COMPLEX = _source("complex", "460,800 photographs of a robot arm (path=FILE)")
