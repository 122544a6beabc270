"""Finding the public files that a loader reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from selectdis.data.reading._cache import data_folder
from selectdis.errors import SelectdisError

__all__ = ["locate", "locate_optional"]

Fits = Callable[[str], bool]


def locate(name: str, patterns: Sequence[str], path: str | Path | None, fits: Fits = lambda _: True) -> Path:
    """Return the file of data set `name`: `path` itself, or what matches `patterns` in that folder, else in the cache.

    A file whose name `fits` refuses is of another data set, whatever its pattern.

    Raises
    ------
    SelectdisError
        Nothing there, saying how to get it; or a file of another data set.
    """
    found = locate_optional(name, patterns, path, fits)
    if found is None:
        raise SelectdisError(
            f"{name} needs its file ({patterns[0]}), and {data_folder() / name} has none: "
            f"run `selectdis data fetch {name}`, or pass path=FILE"
        )
    return found


def locate_optional(
    name: str, patterns: Sequence[str], path: str | Path | None, fits: Fits = lambda _: True
) -> Path | None:
    """Do as `locate`, but return None where no `path` was given and nothing was fetched."""
    if path is None:
        return _match(data_folder() / name, patterns, fits)
    where = Path(path).expanduser()
    if where.is_file():
        if not fits(where.name):
            raise SelectdisError(f"{name}: {path} is another data set by its name: load it by that name, or rename it")
        return where
    if not where.is_dir():
        raise SelectdisError(f"{name}: there is no file {path}")
    if (found := _match(where, patterns, fits)) is None:
        raise SelectdisError(f"{name}: the folder {path} holds no {' or '.join(patterns)}")
    return found


def _match(folder: Path, patterns: Sequence[str], fits: Fits) -> Path | None:
    found = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next((path for path in found if path.is_file() and fits(path.name)), None)
