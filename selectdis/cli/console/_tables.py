"""A table for a screen: only what differs, as wide as there is room for, and in words what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from selectdis.cli.console._words import cell, console, say

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["heading", "print_table"]

_GAP, _EDGES = 3, 2  # characters between two columns, and before the first and behind the last


def print_table(
    frame: pd.DataFrame,
    *,
    title: str,
    rows: int | None = 20,
    headings: Mapping[str, str] | None = None,
    more: str = "",
) -> None:
    """Print `frame` for people.

    Columns without any value are left out. So are those with the numbers of an earlier one, and those that find no
    room, which is said below the table. Columns of words are folded before one is left out.

    Parameters
    ----------
    frame : DataFrame
        Its columns may be those of records: ``metric.mig`` is headed ``mig``.
    title : str
        What stands above.
    rows : int or None
        How many, at most; None for all.
    headings : mapping, optional
        Column -> what stands above it.
    more : str
        What is said below of columns that are there besides.
    """
    headings = headings or {}
    shown = frame.dropna(axis="columns", how="all")
    shown = shown if rows is None else shown.head(rows)
    names = {str(column): headings.get(str(column), heading(str(column))) for column in shown}
    twins = _twins(shown)
    kept = [column for column in names if column not in twins]
    where = console()
    cells = {column: [cell(value) for value in shown[column]] for column in kept}
    words = {column: any(map(_is_word, cells[column])) for column in kept}
    widths = _widths({column: [names[column], *cells[column]] for column in kept}, words, where.width - _EDGES)
    table = Table(title=escape(title), title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in widths:
        justify: Any = "left" if words[column] else "right"
        table.add_column(
            escape(names[column]), justify=justify, no_wrap=not words[column], overflow="fold", width=widths[column]
        )
    for row in zip(*(cells[column] for column in widths), strict=True):
        table.add_row(*map(escape, row))
    where.print(table)
    for column, first in twins.items():
        say(f"{names[column]}: the same numbers as {names[first]}")
    if unseen := [names[column] for column in kept if column not in widths]:
        say(f"no room for: {', '.join(unseen)}")
    if more:
        say(more)
    if len(frame) > len(shown):
        say(f"... and {len(frame) - len(shown):,} more rows")


def heading(column: str) -> str:
    """Return a column of records in a user's words: ``metric.mig`` is ``mig``, ``strength.beta`` is ``beta``."""
    for prefix in ("metric.", "criterion.", "strength."):
        column = column.removeprefix(prefix)
    return column


def _is_word(text: str) -> bool:
    return any(letter.isalpha() for letter in text.replace("e", "")) and text not in ("nan", "inf")


def _is_number(column: pd.Series) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column)) and not pd.api.types.is_bool_dtype(column)


def _twins(frame: pd.DataFrame) -> dict[str, str]:
    """Column -> an earlier one with the same numbers, where these are no counts: such as a score that also ranks."""
    found: dict[str, str] = {}
    columns = [str(name) for name in frame if _is_number(frame[name]) and (frame[name].dropna() % 1 != 0).any()]
    for place, column in enumerate(columns):
        for first in columns[:place]:
            if first not in found and frame[column].equals(frame[first]):
                found[column] = first
                break
    return found


def _widths(texts: dict[str, list[str]], words: dict[str, bool], room: int) -> dict[str, int]:
    """Return the columns that `room` characters have place for, and how wide each is; the first one always has."""
    natural = {column: max(map(len, cells)) for column, cells in texts.items()}
    least = {column: _longest_word(cells) if words[column] else natural[column] for column, cells in texts.items()}
    kept: dict[str, int] = {}
    for column, width in least.items():
        if not kept or sum(kept.values()) + _GAP * len(kept) + width <= room:
            kept[column] = min(width, room)
    left = max(room - sum(kept.values()) - _GAP * (len(kept) - 1), 0)
    for column in sorted(kept, key=lambda c: natural[c] - kept[c]):
        more = min(natural[column] - kept[column], left)
        kept[column] += max(more, 0)
        left -= max(more, 0)
    return kept


def _longest_word(cells: list[str]) -> int:
    return max(len(word) for cell in cells for word in cell.split() or [""])
