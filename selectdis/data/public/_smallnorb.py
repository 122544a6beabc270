"""SmallNORB: photographs of toys, from its gzipped binary matrices."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import check_image_size
from selectdis.data._source import RemoteFile, Source, check_edition
from selectdis.data.reading._cache import data_folder, file_key
from selectdis.data.reading._convert import cached_images
from selectdis.data.reading._pixels import lanczos, resize
from selectdis.errors import SelectdisError

__all__ = ["SOURCE", "read_matrix", "smallnorb"]

NAMES = ("category", "elevation", "azimuth", "lighting")
SIZES = (5, 9, 18, 6)
PARTS = ("5x46789x9x18x6x2x96x96-training", "5x01235x9x18x6x2x96x96-testing")
MAGIC = {0x1E3D4C55: "<u1", 0x1E3D4C54: "<i4", 0x1E3D4C56: "<i2", 0x1E3D4C51: "<f4", 0x1E3D4C53: "<f8"}
MOST_IMAGES = 100_000


def smallnorb(*, path: str | Path | None = None, image_size: int = 64, edition: int = 2) -> ImageDataset:
    """Read SmallNORB (LeCun et al. 2004): 48,600 grey pictures of 50 toys, the left eye's.

    Parameters
    ----------
    path : str or Path, optional
        A folder with the six smallnorb-*.mat.gz (or .mat) files; by default what was fetched. Training and testing
        parts are merged; one of them alone is enough. Kept in the cache folder once read.
    image_size : int
        Pixels per side, from 96.
    edition : {2, 1}
        2: shrunk by Lanczos' filter, as in disentanglement_lib; 1: bilinear, or by averages of blocks, as in selectdis
        0.1.

    Returns
    -------
    ImageDataset
        uint8 (n, 1, image_size, image_size) with category, elevation, azimuth and lighting. Which of ten toys of a
        category it is stays hidden, as in Locatello et al. 2019: so ten images share each combination, and the set is
        no grid.
    """
    size = check_image_size(image_size)
    folder = Path(path).expanduser() if path is not None else data_folder() / "smallnorb"
    parts = [part for part in PARTS if _find(folder, part, "dat") is not None]
    if not parts:
        raise SelectdisError(
            f"smallnorb needs a folder with smallnorb-{PARTS[0]}-dat.mat.gz and its companions, and {folder} has none: "
            "run `selectdis data fetch smallnorb`, or pass path=FOLDER"
        )
    factors = np.concatenate([_factors(folder, part) for part in parts])
    shrink, how = (resize, ()) if check_edition(edition) == 1 else (lanczos, ("Lanczos",))
    key = "-".join(file_key(_file(folder, part, "dat"), size, *how) for part in parts)[:60]
    images = cached_images(key, lambda: np.concatenate([_images(folder, part, size, shrink) for part in parts]))
    if len(images) != len(factors):
        raise SelectdisError(f"{folder}: {len(images)} images and {len(factors)} labels")
    return ImageDataset("smallnorb", images, NAMES, SIZES, factors, str(folder.resolve()))


def read_matrix(path: Path) -> np.ndarray:
    """Read a whole matrix (little-endian: magic, number of dimensions, dimensions, values), gzipped or not."""
    with _opened(path) as file:
        shape, dtype = _header(file, path)
        return np.frombuffer(_exactly(file, int(np.prod(shape)) * dtype.itemsize, path), dtype).reshape(shape)


def _factors(folder: Path, part: str) -> np.ndarray:
    category, info = read_matrix(_file(folder, part, "cat")), read_matrix(_file(folder, part, "info"))
    if info.ndim != 2 or info.shape[1] != 4 or category.shape != info.shape[:1]:
        raise SelectdisError(
            f"{folder}: {part} has categories {category.shape} and info {info.shape}; (n,), (n, 4) needed"
        )
    elevation, azimuth, lighting = info[:, 1], info[:, 2] // 2, info[:, 3]  # azimuth is stored doubled: 0, 2, ..., 34
    factors = np.stack([category, elevation, azimuth, lighting], axis=1).astype(np.int64)
    if (factors < 0).any() or (factors >= np.array(SIZES)).any():
        raise SelectdisError(f"{folder}: {part} has labels outside {dict(zip(NAMES, SIZES, strict=True))}")
    return factors


def _images(folder: Path, part: str, size: int, shrink: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Return uint8 (n, 1, size, size): the left image of each stereo pair, read some at a time."""
    path = _file(folder, part, "dat")
    with _opened(path) as file:
        shape, dtype = _header(file, path)
        if len(shape) != 4 or shape[1:] != (2, 96, 96) or dtype != np.uint8:
            raise SelectdisError(f"{path} should hold uint8 (n, 2, 96, 96), found {dtype} {shape}")
        out = np.empty((shape[0], 1, size, size), dtype=np.uint8)
        for start in range(0, shape[0], 512):
            n = min(512, shape[0] - start)
            pairs = np.frombuffer(_exactly(file, n * 2 * 96 * 96, path), np.uint8).reshape(n, 2, 96, 96)
            out[start : start + n] = shrink(pairs[:, :1], size)
    return out


def _header(file: IO[bytes], path: Path) -> tuple[tuple[int, ...], np.dtype]:
    magic, ndim = np.frombuffer(_exactly(file, 8, path), "<i4").tolist()
    if magic not in MAGIC or not 1 <= ndim <= 4:
        raise SelectdisError(f"{path} is no SmallNORB matrix (magic {magic:#x}, {ndim} dimensions)")
    dims = np.frombuffer(_exactly(file, 4 * max(3, ndim), path), "<i4")[:ndim].tolist()
    if dims[0] > MOST_IMAGES or any(side < 1 or side > 96 for side in dims[1:]):
        raise SelectdisError(f"{path} claims the shape {tuple(dims)}, larger than any part of SmallNORB: refused")
    return tuple(dims), np.dtype(MAGIC[magic])


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]
    except (EOFError, zlib.error, OSError) as error:
        raise SelectdisError(f"{path} is damaged or cut short ({error}): fetch it again") from None


def _exactly(file: IO[bytes], size: int, path: Path) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise SelectdisError(f"{path} is damaged or cut short: fetch it again")
    return content


def _find(folder: Path, part: str, kind: str) -> Path | None:
    candidates = [folder / f"smallnorb-{part}-{kind}.mat{suffix}" for suffix in (".gz", "")]
    return next((path for path in candidates if path.is_file()), None)


def _file(folder: Path, part: str, kind: str) -> Path:
    if (found := _find(folder, part, kind)) is None:
        raise SelectdisError(f"smallnorb: {folder} has the images of {part} but not smallnorb-{part}-{kind}.mat.gz")
    return found


URL = "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small"
HASHES = (
    "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
    "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa",
    "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
    "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
    "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff",
    "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
)
FILES = [f"smallnorb-{part}-{kind}.mat.gz" for part in PARTS for kind in ("dat", "cat", "info")]

SOURCE = Source(
    load=smallnorb,
    summary="48,600 photographs of toys",
    licence="research only",
    files=tuple(RemoteFile(f, f"{URL}/{f}", f"sha256:{h}") for f, h in zip(FILES, HASHES, strict=True)),
)
