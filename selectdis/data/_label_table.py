"""Tables of labels that people fill in: the factors and their values stand in the header, a cell per image and factor.

`image,"size=small,medium,large","hue:red,green,blue"`: values after `=` are in order, those after `:` are in none.
"""

from __future__ import annotations

import csv
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from selectdis._factors import NO_VALUE
from selectdis.data.reading._table_text import SEPARATORS, table_rows, table_text
from selectdis.errors import SelectdisError, nearest

__all__ = ["LabelFactor", "Labels", "labels_of_frame", "labels_text", "parse_factor", "parse_factors", "read_labels"]

IMAGE, NUMBER = "image", "number"
LARGEST_FILE = 50_000_000  # bytes
PANDAS_INDEX = re.compile(r"Unnamed: \d+")
DEFINITION = re.compile(r"\s*([^=:]*[^=:\s])\s*([=:])\s*(.*\S)\s*", re.DOTALL)


@dataclass(frozen=True)
class LabelFactor:
    """A factor that somebody labels: its name, its values, and whether these have an order."""

    name: str
    values: tuple[str, ...]
    ordered: bool

    @property
    def definition(self) -> str:
        """As `parse_factor` reads it, and as it stands in the header of a table."""
        return f"{self.name}{'=' if self.ordered else ':'}{','.join(self.values)}"


@dataclass(frozen=True)
class Labels:
    """Labels of some images.

    Attributes
    ----------
    images : (n,) int64
        Which images of the data set have at least one label, ascending.
    values : (n, n_factors) float
        The place of each label among the factor's values; NaN where there is none.
    factors : tuple of LabelFactor
        What the columns are.
    """

    images: np.ndarray
    values: np.ndarray
    factors: tuple[LabelFactor, ...]

    @property
    def ordered(self) -> list[bool]:
        """Which factors have an order."""
        return [factor.ordered for factor in self.factors]

    def words(self) -> dict[tuple[int, LabelFactor], str]:
        """Return the labels that there are: (image, factor) -> value."""
        return {
            (int(self.images[row]), factor): factor.values[int(self.values[row, column])]
            for column, factor in enumerate(self.factors)
            for row in np.flatnonzero(~np.isnan(self.values[:, column]))
        }


def parse_factor(text: str) -> LabelFactor:
    """Read `size=small,medium,large` (in this order) or `hue:red,green,blue` (in none).

    Raises
    ------
    SelectdisError
        On anything else, fewer than two values, or one that stands twice.
    """
    found = DEFINITION.fullmatch(text)
    values = tuple(" ".join(value.split()) for value in found[3].split(",")) if found else ()
    if found is None or len(values) < 2 or "" in values:
        raise SelectdisError(
            f"a factor reads NAME=LOW,...,HIGH where its values have an order, and NAME:ONE,OTHER,... where they have "
            f"none, such as size=small,medium,large; found {text!r}"
        )
    if len({value.casefold() for value in values}) < len(values):
        raise SelectdisError(f"a value of the factor {found[1]!r} stands twice in {text!r}: name each once")
    return LabelFactor(found[1], values, found[2] == "=")


def parse_factors(texts: Sequence[str]) -> list[LabelFactor]:
    """Read the factors that somebody names, each as `parse_factor` does; at least one, and none twice."""
    if not texts:
        raise SelectdisError("name what to label: --factor size=small,medium,large --factor hue:red,green,blue")
    parsed = [parse_factor(text) for text in texts]
    if len({one.name for one in parsed}) < len(parsed):
        raise SelectdisError("two factors have the same name: give each one of its own")
    return parsed


def labels_text(labels: Labels) -> str:
    """Return the table (CSV) that `read_labels` reads as `labels`."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow([IMAGE, *(factor.definition for factor in labels.factors)])
    words = labels.words()
    for image in labels.images.tolist():
        table.writerow([image, *(words.get((image, factor), "") for factor in labels.factors)])
    return text.getvalue()


def read_labels(path: Path, n_images: int) -> Labels:
    """Read a table of labels, whatever a spreadsheet has made of it: order, more columns, separators and blanks.

    Parameters
    ----------
    path : Path
        Separated by commas, semicolons, tabs or bars; UTF-8, UTF-16 or Windows-1252. `image` counts from 0.
    n_images : int
        How many images the data set has.

    Raises
    ------
    SelectdisError
        On a file that is no such table, an image that there is not or that stands twice, a value that is none of the
        factor's (with row and column, as a spreadsheet counts them, and the nearest value), or no label at all.
    """
    text = table_text(path, LARGEST_FILE)
    header, rows = _table(text, path)
    return _labels(header, rows, n_images, str(path))


def labels_of_frame(frame: pd.DataFrame, n_images: int) -> Labels:
    """Return the labels of a data frame of the same columns; see `read_labels`."""
    rows = [(k + 2, row) for k, row in enumerate(frame.itertuples(index=False, name=None))]
    words = [(k, ["" if pd.isna(cell) else _word(cell) for cell in row]) for k, row in rows]
    return _labels([str(column) for column in frame.columns], words, n_images, "the frame")


def _word(cell: object) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _table(text: str, path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and the rows that are not blank, each with its number, by the separator that fits."""
    for one in (text, *_whole_rows(text)):
        for separator in SEPARATORS:
            lines = _lines(one, separator)
            if lines and IMAGE in [cell.casefold() for cell in lines[0][1]]:
                return lines[0][1], lines[1:]
    raise SelectdisError(
        f"{path} has no column {IMAGE!r} in its first row, separated by a comma, semicolon, tab or bar: `selectdis "
        "label` writes the table to fill in"
    )


def _lines(text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Return the rows that are not blank, with their numbers; none where it is no such table."""
    try:
        lines = list(table_rows(text, separator))
    except csv.Error:
        return []
    return [(k, [cell.strip() for cell in line]) for k, line in lines if any(map(str.strip, line))]


def _whole_rows(text: str) -> Iterator[str]:
    """Yield what stands in first cells alone: whole rows, where a spreadsheet had expected another separator."""
    for separator in SEPARATORS:
        lines = _lines(text, separator)
        if lines and not any(any(line[1:]) for _, line in lines):
            yield "\n".join(line[0].rstrip("".join(SEPARATORS)) for _, line in lines)  # empty cells besides


def _labels(header: Sequence[str], rows: Sequence[tuple[int, list[str]]], n_images: int, where: str) -> Labels:
    place = [cell.strip().casefold() for cell in header].index(IMAGE) if IMAGE in map(str.casefold, header) else None
    if place is None:
        raise SelectdisError(f"{where} has no column {IMAGE!r}")
    columns = {k: _factor(cell, where) for k, cell in enumerate(header) if k != place and _defines(cell)}
    names = [factor.name for factor in columns.values()]
    if not names or len(set(names)) < len(names):
        what = "names a factor twice" if names else "has no column such as 'size=small,medium,large'"
        raise SelectdisError(f"the first row of {where} {what}: keep it as `selectdis label` wrote it")
    _say_left_out([k for k in range(len(header)) if k != place and k not in columns], header, rows, where)
    images: dict[int, list[float]] = {}
    for number, row in rows:
        if any(map(str.strip, row[len(header) :])):
            raise SelectdisError(
                f"row {number} of {where} has {len(row)} cells, and the first row {len(header)}: quote the cells that "
                "hold a separator"
            )
        cells = [*row, *[""] * len(header)]
        values = [_value(cells[k], factor, number, where) for k, factor in columns.items()]
        if not np.isnan(values).all():
            image = _image(cells[place], n_images, f"row {number} of {where}")
            if image in images:
                raise SelectdisError(f"row {number} of {where} labels image {image} again: leave one of its rows")
            images[image] = values
    if not images:
        raise SelectdisError(f"{where} has no label yet: fill in some cells")
    order = sorted(images)  # permutations and resamples go by the place of an image, which is not to depend on the file
    return Labels(np.array(order), np.array([images[image] for image in order]), tuple(columns.values()))


def _defines(cell: str) -> bool:
    """Whether a column's name is a factor's definition, and not what pandas calls an index."""
    return DEFINITION.fullmatch(cell) is not None and PANDAS_INDEX.fullmatch(cell) is None


def _factor(cell: str, where: str) -> LabelFactor:
    try:
        return parse_factor(cell)
    except SelectdisError as error:
        raise SelectdisError(f"the first row of {where}: {error}") from None


def _say_left_out(
    places: Sequence[int], header: Sequence[str], rows: Sequence[tuple[int, list[str]]], where: str
) -> None:
    """Warn of columns that hold something and are no factor: a name that somebody shortened looks like a remark."""
    left = [
        header[k].strip()
        for k in places
        if header[k].strip().casefold() != NUMBER and any(row[k].strip() for _, row in rows if k < len(row))
    ]
    named = [name for name in left if name and PANDAS_INDEX.fullmatch(name) is None]
    if named:
        warnings.warn(
            f"{where}: no labels are read from the column(s) {', '.join(named)}: a factor's name is followed by its "
            "values there, as in size=small,medium,large",
            stacklevel=2,
        )


def _image(cell: str, n_images: int, where: str) -> int:
    found = re.fullmatch(r"(\d{1,15})(?:[.,]0*)?", cell.strip())
    if found is None or int(found[1]) >= n_images:
        raise SelectdisError(f"{where} has labels for image {cell!r}: images are numbered 0 to {n_images - 1}")
    return int(found[1])


def _value(cell: str, factor: LabelFactor, row: int, where: str) -> float:
    """Return the place of a cell among the factor's values; NaN where it is empty."""
    word = " ".join(cell.split())
    known = {value.casefold(): k for k, value in enumerate(factor.values)}
    if (place := known.get(word.casefold())) is not None:
        return float(place)
    if word in NO_VALUE:
        return np.nan
    if (number := _number(word)) is not None and (
        same := [k for k, v in enumerate(factor.values) if _number(v) == number]
    ):
        return float(same[0])  # 1 for 1.0, and 0,5 for 0.5
    hint = nearest(word, factor.values) or f"; its values are {', '.join(factor.values)}"
    raise SelectdisError(f"row {row}, column {factor.name!r} of {where}: {word!r} is no value of it{hint}")


def _number(word: str) -> float | None:
    return float(word.replace(",", ".")) if re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?", word) else None
