"""Arrays in files, read row by row: memory-mapped where the file allows it, else as a stream of blocks."""

from __future__ import annotations

import math
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Protocol, runtime_checkable

import numpy as np

from selectdis.errors import SelectdisError

__all__ = [
    "BLOCK_BYTES",
    "FileArray",
    "IndexedArray",
    "KeyedArray",
    "MappedArray",
    "PackedBits",
    "file_stamp",
    "open_npy",
    "read_npy_header",
    "rows_per_block",
]

BLOCK_BYTES = 32 * 2**20
# numpy reads a header with Python's own tokenizer and literal parser; damaged ones fail in any of their ways
HEADER_ERRORS: tuple[type[Exception], ...] = (
    ValueError,
    EOFError,
    SyntaxError,
    TypeError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
)
HEADER_ERRORS += (tokenize.TokenError,)


class FileArray(Protocol):
    """An array in a file: `shape`, `dtype`, and its rows one block after the other."""

    @property
    def path(self) -> Path: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype: ...
    @property
    def label(self) -> str:
        """What to call it in a message."""
        ...

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the rows in order, some at a time."""
        ...


@runtime_checkable
class IndexedArray(FileArray, Protocol):
    """An array in a file whose rows are as cheap to read one by one."""

    def at(self, indices: np.ndarray) -> np.ndarray:
        """Return the rows at int64 (k,) `indices`."""
        ...


@dataclass(frozen=True)
class MappedArray:
    """An uncompressed array somewhere in a file. Pickles as its address, so workers share the pages."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    order: str = "C"
    label: str = ""
    stamp: int = 0  # changes when the file is written anew, so that an old mapping is not used for it

    def array(self) -> np.ndarray:
        """Return the whole array, memory-mapped and read-only."""
        return _mapped(self.path, self.offset, self.shape, self.dtype, self.order, self.stamp)

    def at(self, indices: np.ndarray) -> np.ndarray:
        return np.asarray(self.array()[indices])

    def blocks(self) -> Iterator[np.ndarray]:
        step = rows_per_block(self.shape, self.dtype)
        if self.order == "F":
            for start in range(0, self.shape[0], step):
                yield np.asarray(self.array()[start : start + step])
            return
        row = math.prod(self.shape[1:])
        with self.path.open("rb") as file:  # not through the mapping, whose pages would count as this process's memory
            file.seek(self.offset)
            for start in range(0, self.shape[0], step):
                n = min(step, self.shape[0] - start)
                yield np.fromfile(file, self.dtype, n * row).reshape(n, *self.shape[1:])


@dataclass(frozen=True)
class KeyedArray:
    """An array by its name in a file, to be read from front to back."""

    path: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def label(self) -> str:
        return f"{self.path}::{self.key}"


@dataclass(frozen=True)
class PackedBits:
    """Black-and-white images at one bit per pixel in a .npy file: 3 GB of dSprites are 377 MB."""

    bits: MappedArray  # uint8 (n, height * width / 8)
    image_shape: tuple[int, int, int]

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        pixels = np.unpackbits(self.bits.at(indices), axis=1)
        pixels *= 255
        return pixels.reshape(len(indices), *self.image_shape)


def open_npy(path: Path) -> MappedArray:
    """Return the array of a .npy file, memory-mapped; pickled arrays are refused."""
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = read_npy_header(file, str(path))
            offset = file.tell()
    except OSError as error:
        raise SelectdisError(f"{path} cannot be read: {error.strerror or error}") from None
    expected = offset + math.prod(shape) * dtype.itemsize
    if (found := path.stat().st_size) < expected:
        raise SelectdisError(f"{path} is cut short: its header promises {expected:,} bytes, it has {found:,}")
    return MappedArray(path, offset, shape, dtype, "F" if fortran else "C", str(path), file_stamp(path))


def read_npy_header(file: IO[bytes], label: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return (shape, is Fortran-ordered, dtype) of a .npy stream, which then stands at the first byte of data."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except HEADER_ERRORS as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise SelectdisError(f"{label} is not a numpy array file, or is damaged ({reason})") from None
    if dtype.hasobject:
        raise SelectdisError(f"{label} holds pickled Python objects, which could run code: refused; save plain arrays")
    if any(side < 0 for side in shape):
        raise SelectdisError(f"{label} claims the impossible shape {shape}")
    return shape, fortran, dtype


def file_stamp(path: Path) -> int:
    """Return when the file was last written, in nanoseconds."""
    return path.stat().st_mtime_ns


def rows_per_block(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Return how many rows make about `BLOCK_BYTES`."""
    return max(1, BLOCK_BYTES // max(1, math.prod(shape[1:]) * dtype.itemsize))


@lru_cache(maxsize=64)
def _mapped(path: Path, offset: int, shape: tuple[int, ...], dtype: np.dtype, order: str, _: int) -> np.ndarray:
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape, order="F" if order == "F" else "C")
