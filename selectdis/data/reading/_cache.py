"""Where downloaded and unpacked data lives: the one place that reads SELECTDIS_DATA."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from selectdis._files import atomic_write
from selectdis.errors import SelectdisError

__all__ = ["cache_path", "data_folder", "file_key", "write_cached"]


def data_folder() -> Path:
    """Return ``$SELECTDIS_DATA``, else ``selectdis`` in the user's cache folder. It need not exist yet."""
    if moved := os.environ.get("SELECTDIS_DATA"):
        return Path(moved).expanduser()
    import pooch

    return Path(pooch.os_cache("selectdis"))


def file_key(path: Path, *more: object) -> str:
    """Return a name that changes when the file does, or anything else that it is made from."""
    stat = path.stat()
    return hashlib.sha256(repr((str(path.resolve()), stat.st_size, stat.st_mtime_ns, *more)).encode()).hexdigest()[:24]


def write_cached(key: str, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> Path:
    """Write the uint8 `blocks`, one after the other, into the .npy file of `key`, and return its path.

    `blocks` is only consumed where the file is not there yet. The file appears whole or not at all.
    """
    path = cache_path(key)
    if not path.exists():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _check_room(path.parent, math.prod(shape))
            _write(path, shape, blocks)
        except OSError as error:
            raise SelectdisError(
                f"cannot keep unpacked images in {path.parent} ({error}): point SELECTDIS_DATA at a folder with room"
            ) from None
    return path


def cache_path(key: str) -> Path:
    """Return where `write_cached` puts what belongs to `key`, whether it is there or not."""
    return data_folder() / "arrays" / f"{key}.npy"


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise SelectdisError(
            f"unpacked, the images need {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left: "
            "point SELECTDIS_DATA at a folder with room"
        )


def _write(path: Path, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> None:
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            file.write(np.ascontiguousarray(block, dtype=np.uint8).data)
