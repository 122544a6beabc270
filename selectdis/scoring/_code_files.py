"""Codes and factors in files: arrays of numpy's, tensors of torch's, tables."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from selectdis._factors import NO_VALUE, as_numpy, numbers_of
from selectdis._files import open_file
from selectdis.data.own._table import TABLE_SUFFIXES, USUAL, read_table
from selectdis.data.reading._npz import npz_names
from selectdis.errors import SelectdisError, nearest

__all__ = ["TENSORS", "Rows", "read_rows"]

TENSORS = (".pt", ".pth")


class Rows(NamedTuple):
    """An array of a file, and what its rows are called, where the file says so."""

    array: np.ndarray
    names: tuple[str, ...] = ()


def read_rows(path: Path, key: str, alone: bool = False) -> Rows:
    """Read one array: a .npy file, `key` of an .npz or .pt file, or the columns of a .csv or .tsv table.

    Parameters
    ----------
    path : Path
        Of a table, a column of file names ("image", "file", "path", ...) names the rows. Codes are its columns of
        numbers, factors all others. A first line of numbers alone is a row.
    key : {"codes", "factors"}
        What is wanted.
    alone : bool
        The only array of a file is taken whatever its name.

    Raises
    ------
    SelectdisError
        If it cannot be read, or holds Python objects or no such array (naming those that it has).
    """
    suffix = path.suffix.lower()
    if suffix in TABLE_SUFFIXES:
        return _of_table(path, key)
    try:
        with open_file(path) as content:
            if zipfile.is_zipfile(content):
                npz_names(path)  # which refuses one that would unpack without end
            content.seek(0)
            read = _of_tensors if suffix in TENSORS else _of_arrays
            return Rows(read(content, path, key, alone))
    except SelectdisError:
        raise
    except FileNotFoundError:
        raise SelectdisError(f"there is no file {path}") from None
    except (OSError, ValueError, EOFError, KeyError) as error:
        reason = str(error)
        if "allow_pickle" in reason:  # numpy's advice, which would run what a stranger's file says
            reason = "it is no file of numpy's, or holds Python objects; write plain arrays with numpy.save or savez"
        raise SelectdisError(f"cannot read {path} as an array of numbers: {reason}") from None
    except Exception as error:  # zipfile and zlib have errors of their own
        raise SelectdisError(f"{path} is damaged: {error}") from None


def _of_arrays(content: BinaryIO, path: Path, key: str, alone: bool) -> np.ndarray:
    loaded = np.load(content, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded as file:
        return np.asarray(_chosen(file, list(file.files), path, key, alone))


def _of_tensors(content: BinaryIO, path: Path, key: str, alone: bool) -> np.ndarray:
    import torch

    try:
        loaded = torch.load(content, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises errors of pickle's, too; its advice would run what a stranger's file says
        reason = str(error).splitlines()[0]
        if "weights_only" in str(error):
            reason = "it is damaged, or holds more than tensors, which could run code"
        raise SelectdisError(f"cannot read {path}: {reason}; save a tensor, or a dict of tensors") from None
    if isinstance(loaded, torch.Tensor):
        return _dense(loaded, path)
    if not (isinstance(loaded, Mapping) and all(isinstance(value, torch.Tensor) for value in loaded.values())):
        raise SelectdisError(f"{path} holds a {type(loaded).__name__}: save a tensor, or a dict of tensors")
    return _dense(_chosen(loaded, [str(name) for name in loaded], path, key, alone), path)


def _dense(tensor: Any, path: Path) -> np.ndarray:
    if tensor.is_quantized or str(tensor.layout) != "torch.strided":
        raise SelectdisError(f"{path} holds a sparse or a quantized tensor: save it dense, in plain numbers")
    return as_numpy(tensor)


def _chosen(held: Any, names: list[str], path: Path, key: str, alone: bool) -> Any:
    """Return the array `key` of a file; where that may be `alone`, whatever its name."""
    if key in names or (alone and len(names) == 1):
        return held[key if key in names else names[0]]
    told = f"it holds {', '.join(names)}" if names else "it holds none"
    raise SelectdisError(f"{path} has no array {key!r}{nearest(key, names)}; {told}: rename the right one")


def _of_table(path: Path, key: str) -> Rows:
    header, rows = read_table(path, plain=True)
    columns = dict(zip(header, np.array(rows, dtype=object).T, strict=True))
    named = next((name for name in header if name.lower() in USUAL), None)
    names = () if named is None else tuple(map(str, columns.pop(named)))
    if key == "codes":
        columns = {name: _numbers(name, column, path) for name, column in columns.items()}
    if not columns:
        raise SelectdisError(f"{path} has no column of {key}, only {', '.join(header)}")
    return Rows(np.stack(list(columns.values()), axis=1), names)


def _numbers(name: str, column: np.ndarray, path: Path) -> np.ndarray:
    numbers = numbers_of(np.array([cell if cell not in NO_VALUE else "nan" for cell in column], dtype=object))
    if numbers is None:
        raise SelectdisError(
            f"the column {name!r} of {path} holds words, and codes are numbers: leave it out, or call it image where "
            "it names the rows"
        )
    return numbers.astype(np.float64)
