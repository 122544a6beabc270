"""Cars3D: 183 cars from 96 sides, from the archive of Reed et al. 2015."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_classes
from selectdis.data._sizes import check_image_size
from selectdis.data._source import RemoteFile, Source, check_edition
from selectdis.data.public._locate import locate
from selectdis.data.reading._cache import file_key
from selectdis.data.reading._convert import cached_images
from selectdis.data.reading._pixels import area_average, lanczos, to_channels
from selectdis.errors import SelectdisError

__all__ = ["SOURCE", "cars3d"]

NAMES = ("elevation", "azimuth", "object")
ELEVATIONS, AZIMUTHS, CARS = 4, 24, 183
MAT_SHAPE = (128, 128, 3, AZIMUTHS, ELEVATIONS)
Shrink = Callable[[np.ndarray, int], np.ndarray]
MEMBER_LIMIT = 64 * 2**20  # a car's .mat is about 4.7 MB unpacked


def cars3d(
    *, path: str | Path | None = None, image_size: int = 64, gray: bool = False, edition: int = 2
) -> ImageDataset:
    """Read Cars3D (Reed et al. 2015): 17,568 pictures of cars.

    Parameters
    ----------
    path : str or Path, optional
        nips2015-analogy-data.tar.gz, or a folder with it; by default what was fetched. Nothing is extracted: the cars
        are read from the archive once and kept in the cache folder as uint8.
    image_size : int
        Pixels per side, from 128.
    gray : bool
        One channel, by luminance.
    edition : {2, 1}
        2: shrunk by Lanczos' filter, as in disentanglement_lib; 1: by averages of blocks, as in selectdis 0.1.

    Returns
    -------
    ImageDataset
        A full grid of uint8 (4 * 24 * cars, 3 or 1, image_size, image_size); the real archive has 183 cars.
    """
    size = check_image_size(image_size)
    found = locate("cars3d", ("nips2015-analogy-data.tar.gz", "*.tar.gz", "*.tgz"), path)
    shrink, name = (area_average, "cars3d") if check_edition(edition) == 1 else (lanczos, "cars3d, Lanczos")
    images = cached_images(file_key(found, name, size, gray), lambda: _grid(found, size, gray or None, shrink))
    sizes = (ELEVATIONS, AZIMUTHS, len(images) // (ELEVATIONS * AZIMUTHS))
    return dataset_of_classes("cars3d", images, NAMES, sizes, None, source=str(found.resolve()))


def _grid(path: Path, size: int, gray: bool | None, shrink: Shrink) -> np.ndarray:
    """Return uint8 (elevation * azimuth * car, c, size, size), cars in the order of their file names."""
    cars = {name: to_channels(shrink(views, size), gray) for name, views in _cars(path)}
    if not cars:
        raise SelectdisError(f"{path} holds no data/cars/*.mat: is it nips2015-analogy-data.tar.gz?")
    by_car = np.stack([cars[name] for name in sorted(cars)])  # (car, azimuth * elevation, c, h, w)
    views = by_car.reshape(len(cars), AZIMUTHS, ELEVATIONS, *by_car.shape[2:])
    return np.ascontiguousarray(views.transpose(2, 1, 0, 3, 4, 5)).reshape(-1, *by_car.shape[2:])


def _cars(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (file name, uint8 (azimuth * elevation, 3, 128, 128)) of each car in the archive."""
    from scipy.io import loadmat, whosmat

    for count, (name, content) in enumerate(_members(path), start=1):
        if count > CARS:
            raise SelectdisError(f"{path} holds more than {CARS} cars: is it nips2015-analogy-data.tar.gz?")
        try:
            held = {key: (shape, kind) for key, shape, kind in whosmat(io.BytesIO(content))}
            # Looked at before it is unpacked: the array inside may be a bomb of its own
            im = (
                loadmat(io.BytesIO(content), variable_names=["im"])["im"]
                if held["im"] == (MAT_SHAPE, "uint8")
                else None
            )
        except Exception as error:  # scipy's reader fails in many ways on what is not its format
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise SelectdisError(f"{path}: {name} is no MATLAB file with an array `im` ({reason})") from None
        if im is None:
            raise SelectdisError(f"{path}: {name} should hold uint8 {MAT_SHAPE}, found {held['im'][1]} {held['im'][0]}")
        yield name, im.transpose(3, 4, 2, 0, 1).reshape(-1, 3, 128, 128)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Read the cars' .mat files in memory. An archive that would write outside its folder is not to be trusted."""
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                where = PurePosixPath(member.name)
                if where.is_absolute() or ".." in where.parts:
                    raise SelectdisError(f"{path} holds {member.name!r}, which points outside the archive: refused")
                if where.suffix != ".mat" or where.parent.name != "cars":
                    continue
                if not member.isfile():
                    raise SelectdisError(f"{path}: {member.name} is a link or a special file: refused")
                if member.size > MEMBER_LIMIT:
                    raise SelectdisError(f"{path}: {member.name} unpacks to {member.size:,} bytes: refused as a bomb")
                file = archive.extractfile(member)
                assert file is not None
                yield where.name, file.read()
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SelectdisError(f"{path} is damaged or cut short ({error}): fetch it again") from None


SOURCE = Source(
    load=cars3d,
    summary="17,568 renderings of 183 cars",
    licence="not stated; research",
    files=(
        RemoteFile(
            "nips2015-analogy-data.tar.gz",
            "http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",
            "md5:4e866a7919c1beedf53964e6f7a23686",
        ),
    ),
)
