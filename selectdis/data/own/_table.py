"""A table of pictures and their factors: CSV or TSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_columns, known_column
from selectdis.data.reading._pictures import read_pictures
from selectdis.errors import SelectdisError

__all__ = ["TABLE_SUFFIXES", "table"]

TABLE_SUFFIXES = (".csv", ".tsv")
USUAL = ("image", "path", "file", "filename", "image_path", "img")


def table(
    path: str | Path,
    *,
    column: str | None = None,
    factors: Sequence[str] | str | None = None,
    image_size: int = 64,
    gray: bool | None = None,
    fit: str = "crop",
    strict: bool = False,
) -> ImageDataset:
    """Read pictures listed in a CSV file with a header; every other column is a factor.

    Parameters
    ----------
    path : str or Path
        Of the .csv (or .tsv) file; the pictures' paths are relative to its folder.
    column : str, optional
        Which column holds the paths; by default "image", "path", "file", ... or else the first.
    factors : str or sequence of str, optional
        Columns to use as factors; by default all others. Any values become classes, numbers in order.
    image_size, gray, fit, strict
        As for `folder`. Rows whose picture cannot be read are left out, with a warning.

    Returns
    -------
    ImageDataset
        Labelled (no grid), with the values' names in `factor_values`; unlabelled where there are no other columns.
    """
    where = Path(path).expanduser()
    header, rows = _read(where)
    picture = _path_column(header, column, where)
    names = _factor_columns(header, picture, factors, where)
    paths = [where.parent / row[header.index(picture)] for row in rows]
    images, kept = read_pictures(paths, image_size=image_size, gray=gray, fit=fit, strict=strict)
    source = str(where.resolve())
    if not names:
        return ImageDataset(str(path), images, source=source)
    columns = [[rows[k][header.index(name)] for k in kept] for name in names]
    return dataset_of_columns(str(path), images, names, columns, source=source)


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    if not path.is_file():
        raise SelectdisError(f"there is no file {path}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [row for row in csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",") if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SelectdisError(f"{path} is not a CSV file in UTF-8 ({error})") from None
    if len(lines) < 2:
        raise SelectdisError(f"{path} needs a header and at least one row, found {len(lines)} lines")
    header = [name.strip() for name in lines[0]]
    if len(set(header)) < len(header):
        raise SelectdisError(f"{path} names a column twice: {', '.join(header)}")
    for k, row in enumerate(lines[1:], start=2):
        if len(row) != len(header):
            raise SelectdisError(f"{path} has {len(header)} columns, and {len(row)} in line {k}")
    return header, lines[1:]


def _path_column(header: Sequence[str], column: str | None, path: Path) -> str:
    if column is not None:
        return known_column(column, header, path)
    by_lower = {name.lower(): name for name in reversed(header)}
    return next((by_lower[name] for name in USUAL if name in by_lower), header[0])


def _factor_columns(header: Sequence[str], picture: str, factors: Sequence[str] | str | None, path: Path) -> list[str]:
    if factors is None:
        return [name for name in header if name != picture]
    wanted = [factors] if isinstance(factors, str) else list(factors)
    return [known_column(name, header, path) for name in wanted]
