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

__all__ = ["data_folder", "file_key", "kept", "stored"]


def data_folder() -> Path:
    """``$SELECTDIS_DATA``, else ``selectdis`` in the user's cache folder. It need not exist yet."""
    if moved := os.environ.get("SELECTDIS_DATA"):
        return Path(moved).expanduser()
    import pooch

    return Path(pooch.os_cache("selectdis"))


def file_key(path: Path, *more: object) -> str:
    """A name that changes when the file does, or anything else that it is made from."""
    stat = path.stat()
    return hashlib.sha256(repr((str(path.resolve()), stat.st_size, stat.st_mtime_ns, *more)).encode()).hexdigest()[:24]


def stored(key: str, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> Path:
    """Path of a .npy file with the uint8 `blocks` one after the other, written once for each `key`.

    `blocks` is only consumed where the file is not there yet. The file appears whole or not at all.
    """
    path = kept(key)
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


def kept(key: str) -> Path:
    """Where `stored` keeps what belongs to `key`, whether it is there or not."""
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
