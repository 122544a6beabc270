"""Arrays in HDF5 files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from selectdis.data.reading._file_array import FileArray, KeyedArray, MappedArray, file_stamp, rows_per_block
from selectdis.errors import SelectdisError, nearest

__all__ = ["ChunkedArray", "hdf5_names", "open_hdf5", "read_hdf5"]


def hdf5_names(path: Path) -> list[str]:
    """Return the names of all arrays in the file, groups joined by slashes."""
    import h5py

    names: list[str] = []
    with _opened(path) as file:
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    return names


def open_hdf5(path: Path, key: str) -> FileArray:
    """Return the array `key`: memory-mapped where it is contiguous, else read in order through its chunks."""
    with _opened(path) as file:
        dataset = _dataset(file, path, key)
        shape, dtype = tuple(int(side) for side in dataset.shape), np.dtype(dataset.dtype)
        plain = not (dataset.chunks or dataset.compression or file.userblock_size)
        offset = dataset.id.get_offset() if plain else None
    if offset is not None:
        return MappedArray(path, int(offset), shape, dtype, label=f"{path}::{key}", stamp=file_stamp(path))
    return ChunkedArray(path, key, shape, dtype)


def read_hdf5(path: Path, key: str) -> np.ndarray:
    """Return the whole array `key`, in memory: numbers or words."""
    import h5py

    with _opened(path) as file:
        dataset = _dataset(file, path, key, words=True)
        text = h5py.check_string_dtype(dataset.dtype)
        return np.asarray(dataset.asstr(errors="replace")[()] if text else dataset[()])


class ChunkedArray(KeyedArray):
    """A chunked (usually compressed) array in an HDF5 file, read from front to back."""

    def blocks(self) -> Iterator[np.ndarray]:
        with _opened(self.path) as file:
            dataset = _dataset(file, self.path, self.key)
            step = rows_per_block(self.shape, self.dtype)
            if dataset.chunks:  # whole chunks, so that none is unpacked twice
                step = max(1, step // dataset.chunks[0]) * dataset.chunks[0]
            for start in range(0, self.shape[0], step):
                yield np.asarray(dataset[start : start + step])


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except SelectdisError:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:  # h5py's ways to find a file damaged
        reason = str(error).splitlines()[0]
        raise SelectdisError(f"{path} is not a readable HDF5 file, or is cut short ({reason})") from None


def _dataset(file: Any, path: Path, key: str, words: bool = False) -> Any:
    import h5py

    link, item = file.get(key, getlink=True), None
    if isinstance(link, h5py.ExternalLink):
        raise SelectdisError(f"{path}::{key} is a link to another file: refused; name that file instead")
    if link is not None:
        item = file.get(key)
    if not isinstance(item, h5py.Dataset):
        names: list[str] = []
        file.visititems(lambda name, found: names.append(name) if isinstance(found, h5py.Dataset) else None)
        raise SelectdisError(f"{path} holds no array {key!r}{nearest(key, names)}; it has {', '.join(names) or 'none'}")
    if item.shape is None:
        raise SelectdisError(f"{path}::{key} holds nothing")
    if item.external or item.is_virtual:
        raise SelectdisError(f"{path}::{key} keeps its data in other files: refused; copy it into one file")
    if item.dtype.kind not in "buif" and not (words and h5py.check_string_dtype(item.dtype)):
        wanted = "factors are numbers or words" if words else "images are numbers"
        raise SelectdisError(f"{path}::{key} holds {item.dtype}, and {wanted}")
    return item
