"""Finding the public files that a loader reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from selectdis.data.reading._cache import data_folder
from selectdis.errors import SelectdisError

__all__ = ["locate", "locate_optional"]


def locate(name: str, patterns: Sequence[str], path: str | Path | None) -> Path:
    """Return the file of data set `name`: `path` itself, or what matches `patterns` in that folder, else in the cache.

    Raises
    ------
    SelectdisError
        Nothing there, saying how to get it.
    """
    found = locate_optional(name, patterns, path)
    if found is None:
        raise SelectdisError(
            f"{name} needs its file ({patterns[0]}), and {data_folder() / name} has none: "
            f"run `selectdis data fetch {name}`, or pass path=FILE"
        )
    return found


def locate_optional(name: str, patterns: Sequence[str], path: str | Path | None) -> Path | None:
    """Do as `locate`, but return None where no `path` was given and nothing was fetched."""
    if path is None:
        return _match(data_folder() / name, patterns)
    where = Path(path).expanduser()
    if where.is_file():
        return where
    if not where.is_dir():
        raise SelectdisError(f"{name}: there is no file {path}")
    if (found := _match(where, patterns)) is None:
        raise SelectdisError(f"{name}: the folder {path} holds no {' or '.join(patterns)}")
    return found


def _match(folder: Path, patterns: Sequence[str]) -> Path | None:
    return next((found for pattern in patterns for found in sorted(folder.glob(pattern)) if found.is_file()), None)
