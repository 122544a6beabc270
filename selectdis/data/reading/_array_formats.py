"""One array of a .npy, .npz or HDF5 file, whichever it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from selectdis.data.reading._file_array import FileArray, open_npy
from selectdis.data.reading._hdf5 import hdf5_names, open_hdf5, read_hdf5
from selectdis.data.reading._npz import npz_names, open_npz, read_npz
from selectdis.errors import SelectdisError

__all__ = ["ARRAY_SUFFIXES", "array_names", "open_array", "read_array"]

ARRAY_SUFFIXES = (".npy", ".npz", ".h5", ".hdf5", ".hdf")


def open_array(path: Path, key: str | None) -> FileArray:
    """Return one array of a file, to be read row by row; a .npy file has no keys."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        if key:
            raise SelectdisError(f"a .npy file holds one array and has no keys; found {path}::{key}")
        return open_npy(path)
    return open_npz(path, str(key)) if suffix == ".npz" else open_hdf5(path, str(key))


def read_array(path: Path, key: str) -> np.ndarray:
    """Return one array of a .npz or HDF5 file, in memory."""
    if path.suffix.lower() == ".npy":
        raise SelectdisError(f"{path} holds one array, so it cannot hold factors as well: use .npz")
    return read_npz(path, key) if path.suffix.lower() == ".npz" else read_hdf5(path, key)


def array_names(path: Path) -> list[str]:
    """Return the names of the arrays in a .npz or HDF5 file."""
    return npz_names(path) if path.suffix.lower() == ".npz" else hdf5_names(path)
