"""Arrays in .npz files, one member at a time, with nothing unpickled and nothing unpacked without limit."""

from __future__ import annotations

import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from selectdis.data.reading._file_array import (
    FileArray,
    KeyedArray,
    MappedArray,
    file_stamp,
    read_npy_header,
    rows_per_block,
)
from selectdis.errors import SelectdisError, nearest

__all__ = ["DeflatedArray", "npz_names", "open_npz", "read_npz"]

# dSprites, the most compressible of the field's files, unpacks to 100 to 200 times its size, and nothing but zeros to
# 1,030 times.
BOMB_RATIO, BOMB_FLOOR = 800, 2**30


def npz_names(path: Path) -> list[str]:
    """Return the names of the arrays in the file, without ``.npy``."""
    with _opened(path) as archive:
        return [info.filename.removesuffix(".npy") for info in archive.infolist()]


def open_npz(path: Path, key: str) -> FileArray:
    """Return the array `key`: memory-mapped where it lies as it is, else as a stream. Nothing else is read."""
    with _opened(path) as archive:
        info = _member(archive, path, key)
        with archive.open(info) as file:
            shape, fortran, dtype = read_npy_header(file, f"{path}::{key}")
            header = file.tell()
    size = math.prod(shape) * dtype.itemsize
    if info.file_size != header + size:
        raise SelectdisError(f"{path}::{key} promises {size:,} bytes of array and holds {info.file_size - header:,}")
    if info.compress_type == zipfile.ZIP_STORED:
        offset, label, order = _data_offset(path, info) + header, f"{path}::{key}", "F" if fortran else "C"
        return MappedArray(path, offset, shape, dtype, order, label, file_stamp(path))
    return DeflatedArray(path, key, shape, dtype, "F" if fortran else "C")


def read_npz(path: Path, key: str) -> np.ndarray:
    """Return the whole array `key`, in memory."""
    rows = open_npz(path, key)
    blocks = list(rows.blocks())
    return np.concatenate(blocks) if blocks else np.empty(rows.shape, rows.dtype)


@dataclass(frozen=True)
class DeflatedArray(KeyedArray):
    """A compressed array in a .npz file, read from front to back; in Fortran order, whose rows are not, at once."""

    order: str = "C"

    def blocks(self) -> Iterator[np.ndarray]:
        step = rows_per_block(self.shape, self.dtype)
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        with _opened(self.path) as archive, archive.open(_member(archive, self.path, self.key)) as file:
            read_npy_header(file, self.label)
            if self.order == "F":
                whole = np.frombuffer(_read_exactly(file, self.shape[0] * row_bytes, self.label), dtype=self.dtype)
                yield whole.reshape(self.shape, order="F")
                return
            for start in range(0, self.shape[0], step):
                rows = min(step, self.shape[0] - start)
                block = _read_exactly(file, rows * row_bytes, self.label)
                yield np.frombuffer(block, dtype=self.dtype).reshape(rows, *self.shape[1:])


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            _check_archive(archive, path)
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error) as error:
        raise SelectdisError(f"{path} is damaged or cut short ({error}): download or write it again") from None
    except RuntimeError as error:  # zipfile's answer to an encrypted member
        raise SelectdisError(f"{path} cannot be read: {error}") from None
    except OSError as error:
        raise SelectdisError(f"{path} cannot be read: {error.strerror or error}") from None


def _check_archive(archive: zipfile.ZipFile, path: Path) -> None:
    infos = archive.infolist()
    for info in infos:
        name = info.filename
        if name.startswith("/") or ".." in Path(name).parts or "\\" in name or ":" in name:
            raise SelectdisError(f"{path} holds the member {name!r}, which points outside the archive: refused")
        if info.file_size > BOMB_FLOOR and info.file_size > BOMB_RATIO * max(info.compress_size, 1):
            raise SelectdisError(
                f"{path} would unpack {name!r} from {info.compress_size:,} to {info.file_size:,} bytes, more than "
                f"{BOMB_RATIO} times: refused as a zip bomb"
            )
    if sum(info.compress_size for info in infos) > path.stat().st_size:
        raise SelectdisError(f"{path} has members that overlap: refused as a zip bomb")


def _member(archive: zipfile.ZipFile, path: Path, key: str) -> zipfile.ZipInfo:
    known = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    if key not in known:
        raise SelectdisError(f"{path} holds no array {key!r}{nearest(key, known)}; it has {', '.join(known) or 'none'}")
    return known[key]


def _data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Find the first byte of the member's data: the local header repeats the name, with a padding of its own."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        fixed = file.read(30)
    name, extra = struct.unpack("<HH", fixed[26:30])
    return info.header_offset + 30 + int(name) + int(extra)


def _read_exactly(file: IO[bytes], size: int, label: str) -> bytearray:
    block = bytearray(size)
    view, filled = memoryview(block), 0
    while filled < size:
        piece = file.read(min(size - filled, 2**20))
        if not piece:
            raise SelectdisError(f"{label} is damaged or cut short: download or write it again")
        view[filled : filled + len(piece)] = piece
        filled += len(piece)
    return block
