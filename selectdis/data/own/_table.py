"""A table of pictures and their factors: CSV or TSV."""

from __future__ import annotations

import csv
import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path, PureWindowsPath

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_columns, known_column
from selectdis.data.reading._picture import PictureOptions
from selectdis.data.reading._pictures import read_pictures
from selectdis.data.reading._scaling import Scaling
from selectdis.data.reading._table_text import SEPARATORS, table_rows, table_text
from selectdis.errors import SelectdisError

__all__ = ["TABLE_SUFFIXES", "USUAL", "picture_path", "read_table", "table"]

TABLE_SUFFIXES = (".csv", ".tsv")
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
USUAL = ("image", "path", "file", "filename", "image_path", "img")


def table(
    path: str | Path,
    *,
    column: str | None = None,
    factors: Sequence[str] | str | None = None,
    bins: int | None = None,
    image_size: int = 64,
    gray: bool | None = None,
    fit: str = "crop",
    strict: bool = False,
    background: str = "black",
    scaling: Scaling = "type",
    pages: str = "first",
) -> ImageDataset:
    """Read pictures listed in a CSV file with a header; every other column is a factor.

    Parameters
    ----------
    path : str or Path
        Of the .csv (or .tsv) file, its columns separated by commas, semicolons, tabs or bars, in UTF-8, UTF-16 or
        Windows-1252; the pictures' paths are relative to its folder. A first column without a name that numbers the
        rows is left out.
    column : str, optional
        Which column holds the paths; by default "image", "path", "file", ... or else the first.
    factors : str or sequence of str, optional
        Columns to use as factors; by default all others but ids. Equal values are one class, numbers in order; empty
        cells, NaN and N/A are no value.
    bins : int, optional
        A continuous factor is cut into that many bins of equal frequency; without it, metrics that need classes
        refuse it.
    image_size, gray, fit, strict, background, scaling, pages
        As for `folder`. Rows whose picture cannot be read are left out, with a warning.

    Returns
    -------
    ImageDataset
        Labelled (no grid), with the values' names in `factor_values`; unlabelled where there are no other columns.
    """
    where = Path(path).expanduser()
    header, rows = read_table(where)
    picture = _path_column(header, rows, column, where)
    names = _factor_columns(header, picture, factors, where)
    paths = [picture_path(where, row[header.index(picture)]) for row in rows]
    options = PictureOptions(image_size, gray, fit, background, scaling, pages)
    read = read_pictures(paths, where.parent, options, strict=strict)
    source = str(where.resolve())
    if names:
        columns = [[rows[k][header.index(name)] for k in read.kept] for name in names]
        data = dataset_of_columns(str(path), read.images, names, columns, source=source, bins=bins)
    else:
        data = ImageDataset(str(path), read.images, source=source)
    return replace(data, **read.about)


def picture_path(table: Path, cell: str) -> Path:
    """Return the path of a picture that a table names, relative to its folder; backslashes are Windows' slashes."""
    path = table.parent / cell.strip()
    windows = table.parent / PureWindowsPath(cell.strip()).as_posix()
    return windows if "\\" in cell and not path.exists() else path


def read_table(path: Path, *, plain: bool = False) -> tuple[list[str], list[list[str]]]:
    """Return the header and the rows of a CSV or TSV file, checked.

    In a `plain` one a first line of numbers alone is no header: columns are then called by their place.
    """
    if not path.is_file():
        raise SelectdisError(f"there is no file {path}")
    try:
        text = table_text(path)
        separator = _separator(text, "\t,;|" if path.suffix.lower() == ".tsv" else ",;\t|")
        lines = [row for _, row in table_rows(text, separator)]
    except csv.Error as error:
        raise SelectdisError(f"{path} is not a CSV file ({error})") from None
    if plain and lines and all(map(_is_number, lines[0])):
        lines = [[str(k) for k in range(len(lines[0]))], *lines]
    if len(lines) < 2:
        raise SelectdisError(f"{path} needs a header and at least one row, found {len(lines)} lines")
    header = [name.strip() for name in lines[0]]
    if twice := {name for name in header if name and header.count(name) > 1}:
        raise SelectdisError(f"{path} names a column twice: {', '.join(sorted(twice))}")
    for k, row in enumerate(lines[1:], start=2):
        if len(row) != len(header):
            found = SEPARATORS[separator]
            raise SelectdisError(
                f"{path} has {len(header)} columns, separated by {found}, and {len(row)} in line {k}: quote the cells "
                "that hold a separator"
            )
    rows = [[_point(cell) for cell in row] for row in lines[1:]] if separator == ";" else lines[1:]
    return _without_index(*_without_empty(header, rows), path)


def _is_number(cell: str) -> bool:
    """Tell whether a cell holds a number."""
    try:
        float(_point(cell))
    except ValueError:
        return False
    return True


def _separator(text: str, likely: str) -> str:
    """Return the first of the `likely` separators that cuts the first two lines into equally many columns."""
    for separator in likely:
        widths = [len(row) for _, row in islice(table_rows(text, separator), 2)]
        if len(widths) == 2 and widths[0] == widths[1] > 1:
            return separator
    return likely[0]


def _point(cell: str) -> str:
    """Return a number with a decimal comma, as tables with semicolons have them, with a point."""
    return cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell.strip()) else cell


def _without_empty(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Leave out columns without a name and rows in which no cell is filled: a spreadsheet's trailing separators."""
    rows = [row for row in rows if any(map(str.strip, row))] or rows
    kept = [k for k, name in enumerate(header) if name or any(row[k].strip() for row in rows)]
    return [header[k] for k in kept], [[row[k] for k in kept] for row in rows]


def _without_index(header: list[str], rows: list[list[str]], path: Path) -> tuple[list[str], list[list[str]]]:
    """Leave out a first column without a name that tells the rows apart by number, as pandas and R write it."""
    first = [row[0].strip() for row in rows]
    unnamed = header[0] == "" or header[0].startswith("Unnamed: 0")
    if not (unnamed and len(header) > 1 and all(map(str.isdecimal, first)) and len(set(first)) == len(first)):
        return header, rows
    warnings.warn(f"the first column of {path} has no name and numbers the rows: it is left out", stacklevel=2)
    return header[1:], [row[1:] for row in rows]


def _path_column(header: Sequence[str], rows: Sequence[Sequence[str]], column: str | None, path: Path) -> str:
    """Return the column of the pictures: the one given, one of a usual name, or the first whose first row is a file."""
    if column is not None:
        return known_column(column, header, path)
    by_lower = {name.lower(): name for name in reversed(header)}
    usual = [by_lower[name] for name in USUAL if name in by_lower]
    if not usual and (named := [name for name in header if name and picture_path(path, name).is_file()]):
        raise SelectdisError(f"the first line of {path} names the columns, such as image,size; it holds {named[0]!r}")
    files = [name for name, cell in zip(header, rows[0], strict=True) if cell and picture_path(path, cell).is_file()]
    return (usual or files or header)[0]


def _factor_columns(header: Sequence[str], picture: str, factors: Sequence[str] | str | None, path: Path) -> list[str]:
    if factors is None:
        return [name for name in header if name != picture]
    wanted = [factors] if isinstance(factors, str) else list(factors)
    return [known_column(name, header, path) for name in wanted]
