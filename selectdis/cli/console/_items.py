"""What a command has to tell, told once: as tables and sentences on a screen, or as one JSON document."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from selectdis.cli.console._tables import heading, print_table
from selectdis.cli.console._words import say
from selectdis.errors import SelectdisError, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Said", "Table", "boards", "show"]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    name : its key in the JSON document, where it stands whole
    frame : all that there is: a JSON object per row
    title : what stands above it on a screen
    rows : how many a screen shows, at most; None for all
    screen : what a screen shows where nobody chose columns: column -> heading; by default all, under their names
    hint : how to see the columns that `screen` leaves out
    texts : a table for the screen in place of `frame`, such as one with intervals in one cell
    """

    name: str
    frame: pd.DataFrame
    title: str
    rows: int | None = 20
    screen: Mapping[str, str] = field(default_factory=dict)
    hint: str = ""
    texts: pd.DataFrame | None = None

    def value(self, columns: Sequence[str]) -> Any:
        """Return what JSON says: a list of objects."""
        frame = self.frame[columns] if columns else self.frame
        return [{str(name): _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]

    def print(self, columns: Sequence[str]) -> None:
        """Print it, or the `columns` of it."""
        if columns:
            print_table(self.frame[columns], title=self.title, rows=self.rows)
        elif self.texts is not None:
            print_table(self.texts, title=self.title, rows=self.rows)
        else:
            known = [name for name in self.screen if name in self.frame] or list(map(str, self.frame))
            besides = self.frame.dropna(axis="columns", how="all").shape[1] - len(known)
            more = f"{besides} more columns: {self.hint}" if self.hint and besides > 0 else ""
            print_table(self.frame[known], title=self.title, rows=self.rows, headings=self.screen, more=more)


@dataclass(frozen=True)
class Said:
    """A sentence.

    Attributes
    ----------
    name : its key in the JSON document; with "" it stands on the screen alone
    text : what a screen says; with "" it stands in the document alone
    content : what the document holds in place of the text
    label : words in bold before it
    """

    name: str
    text: str
    content: Any = None
    label: str = ""


def show(items: Sequence[Table | Said], *, as_json: bool = False, columns: str | None = None) -> None:
    """Print what a command has to tell.

    Parameters
    ----------
    items : sequence of Table and Said
        In the order of a screen.
    as_json : bool
        As one JSON document: what has a name, tables in full and with all digits; NaN is null.
    columns : str, optional
        Names with commas between them, as a user writes them (``mig`` is ``metric.mig``), or ``all``: what tables
        show. A table that has none of them is left out.

    Raises
    ------
    SelectdisError
        A column that no table has.
    """
    chosen = _chosen([item for item in items if isinstance(item, Table)], columns)
    if as_json:
        print(json.dumps(_document(items, chosen), indent=1, ensure_ascii=False, allow_nan=False))
        return
    for item in items:
        if isinstance(item, Said):
            if item.text:
                say(item.text, item.label)
        elif chosen is None:
            item.print(())
        elif chosen[item.name]:
            item.print(chosen[item.name])


def _document(items: Sequence[Table | Said], chosen: Mapping[str, list[str]] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in items:
        if isinstance(item, Table) and (chosen is None or chosen[item.name]):
            found[item.name] = item.value(() if chosen is None else chosen[item.name])
        elif isinstance(item, Said) and item.name:
            found[item.name] = item.text if item.content is None else _plain(item.content)
    return found


def _chosen(tables: Sequence[Table], columns: str | None) -> dict[str, list[str]] | None:
    """Return the columns that are shown of each table; None where nobody chose."""
    if columns is None:
        return None
    names = [name.strip() for name in columns.split(",") if name.strip()]
    if names == ["all"]:
        return {table.name: list(map(str, table.frame)) for table in tables}
    known = {table.name: _by_name(table) for table in tables}
    for name in names:
        if not any(name in there for there in known.values()):
            every = list(dict.fromkeys(heading(str(column)) for table in tables for column in table.frame))
            hint = nearest(name, every) or f"; there are: {', '.join(every)}"
            raise SelectdisError(f"--columns: there is no column {name!r}{hint}")
    return {key: list(dict.fromkeys(there[name] for name in names if name in there)) for key, there in known.items()}


def _by_name(table: Table) -> dict[str, str]:
    """Return every name of a column that a user may know it by -> the column."""
    named = {heading(str(column)): str(column) for column in reversed(list(table.frame))}
    headings = {text: column for column, text in table.screen.items() if column in table.frame}
    return {**headings, **named, **{str(column): str(column) for column in table.frame}}


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: a number of any kind, or null where there is none."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    value = value.item() if hasattr(value, "item") else value
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


# What a leaderboard shows on a screen, and under which heading.
_BOARD = {
    "rank": "rank",
    "candidate": "run",
    "settings": "settings",
    "seeds": "seeds",
    "earlier": "earlier",
    "score": "score",
    "rule_score": "score",
    "pick": "pick",
    "mean": "mean score",
    "sd": "sd",
    "metric.mig": "mig",
    "metric.dci_disentanglement": "dci",
    "metric.sap": "sap",
    "metric.factor_vae": "factor vae",
    "criterion.udr_lasso": "udr",
    "criterion.reconstruction": "recon.",
    "criterion.active_units": "active",
}
_HINT = "`selectdis leaderboard FILE --columns NAME,...` (or all)"


def boards(board: pd.DataFrame, *, name: str, title: str, rows: int = 20) -> list[Table]:
    """Return a leaderboard as a table per data set, with the columns that are looked at first."""
    parts = list(board.groupby("dataset", sort=False))
    tables = []
    for dataset, part in parts:
        above = title if len(parts) == 1 else f"{title}: {dataset}"
        if "ranked_by" in part:
            above += f", by {str(part['ranked_by'].iloc[0]).replace('_', ' ')}"
        if "pick" in part:
            part = part.assign(pick=part["pick"].astype(bool))
        key = name if len(parts) == 1 else f"{name}:{dataset}"
        tables.append(Table(key, part, above, rows, _BOARD, _HINT))
    return tables
