"""What a command leaves in files: refused before the work where that can be seen, and written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from selectdis import _files
from selectdis.errors import SelectdisError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["check_out", "write_csv", "written"]


def check_out(path: Path | None, *, folder: bool = False) -> None:
    """Refuse an ``--out`` that nothing can be written to; `folder` says that it is to hold files.

    Raises
    ------
    SelectdisError
        If it is a folder where a file is wanted, a file where a folder is, or the disk does not let itself be written.
    """
    if path is None:
        return
    try:
        if path.is_dir() and not folder:
            raise SelectdisError(f"--out takes a file, and {path} is a folder: add the name of a file")
        place = path if path.exists() and (folder or not path.is_file()) else _nearest_existing(path.parent)
        if not place.is_dir() and (folder or place != path):
            raise SelectdisError(f"--out: {place} is a file, where a folder is needed for {path}: give another path")
        if not os.access(place, os.W_OK):
            raise SelectdisError(f"cannot write to {path}: {place} is not writable; give another --out")
    except OSError as error:
        raise _unwritable(path, error) from None


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Where to write what shall lie at `path` in the end; folders are made.

    Raises
    ------
    SelectdisError
        If the disk refuses; `path` is then as it was before.
    """
    try:
        with _files.written(path) as place:
            yield place
    except OSError as error:
        raise _unwritable(path, error) from None


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write `frame` to `path`, compressed where its name ends in .gz; a text that a spreadsheet would run is quoted."""
    frame = frame.rename(columns=_files.spreadsheet_safe).map(_files.spreadsheet_safe)
    with written(path) as file:
        frame.to_csv(file, index=False, compression="gzip" if path.suffix == ".gz" else None)


def _nearest_existing(path: Path) -> Path:
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def _unwritable(path: Path, error: OSError) -> SelectdisError:
    return SelectdisError(f"cannot write {path}: {error.strerror or error}; give another --out")
