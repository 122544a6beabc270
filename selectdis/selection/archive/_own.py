"""Records of one's own beside the published ones."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping

import pandas as pd

from selectdis._files import atomic_write
from selectdis.errors import SelectdisError
from selectdis.records import CANDIDATE, DATASET, FAMILY, JUDGING, PART, labelled, read_records
from selectdis.selection.archive._codes import file_name, own_folder
from selectdis.selection.archive._table import evidence, own_table

__all__ = ["add_evidence", "contents", "remove_evidence"]

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"  # as studies are called; a folder is too
_EMPTY = {"NA", "NULL", "NaN", "None", "nan", "null"}  # what a CSV table takes for an empty cell


def add_evidence(
    records: pd.DataFrame,
    part: str,
    *,
    shapes: Mapping[str, tuple[int, int]] | None = None,
    families: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Add the labelled runs of `records` to the table of one's own, which `evidence` reads beside the published one.

    What is there of the same part and data sets is replaced; its codes, which are those of the earlier runs, go.

    Parameters
    ----------
    records : DataFrame
        As `Study.records`.
    part : str
        What the runs are called together: those of one part were trained alike.
    shapes : mapping, optional
        Data set -> image size and channels.
    families : mapping, optional
        Data set -> family, of those that are variants of one another; by default each is its own.

    Returns
    -------
    DataFrame
        The rows that were added.

    Raises
    ------
    SelectdisError
        If no run has labels, `part` is a published one or no name, a family is told of no data set here, or the disk
        refuses.
    """
    if not (isinstance(part, str) and re.fullmatch(_NAME, part)):
        raise SelectdisError(f"a part is called by letters, digits, '_', '-' and '.', not {part!r}")
    rows = labelled(records)
    if rows.empty:
        raise SelectdisError("none of these runs has labels: evidence is made of labelled data sets")
    published = evidence()
    own = read_records(own_table()) if own_table().is_file() else published.head(0)
    if part in set(published[PART]) - set(own[PART]):
        raise SelectdisError(f"{part!r} is a part of the published records: give yours another name")
    told = dict(families or {})
    if unknown := sorted(set(told) - set(rows[DATASET])):
        raise SelectdisError(f"there is no labelled data set {unknown[0]!r}: {', '.join(rows[DATASET].unique())} are")
    if lost := sorted(_EMPTY & {part, *rows[DATASET], *told.values()}):
        raise SelectdisError(f"{lost[0]!r} would be read as an empty cell of the table: give it another name")
    rows = rows.copy()
    rows[PART], rows[JUDGING] = part, False
    rows[FAMILY] = rows[DATASET].map(lambda name: told.get(name, name))
    sizes = rows[DATASET].map(dict(shapes or {}))
    for k, column in enumerate(("image_size", "channels")):
        rows[column] = sizes.map(lambda pair, k=k: pair[k], na_action="ignore")
    again = (own[PART] == part) & own[DATASET].isin(rows[DATASET])
    table = pd.concat([own[~again], rows], ignore_index=True).dropna(axis="columns", how="all")
    try:
        _remove_codes(part, rows)
    except OSError as error:
        raise SelectdisError(f"cannot take the earlier codes of {part!r} out of {own_folder()} ({error})") from None
    _write(table)
    return rows


def remove_evidence(part: str) -> int:
    """Take a part of one's own out of the table again, and its codes; return how many runs that were.

    Raises
    ------
    SelectdisError
        If no part of one's own is called so, or the disk refuses.
    """
    own = read_records(own_table()) if own_table().is_file() else pd.DataFrame({PART: []})
    if not (here := own[PART] == part).any():
        there = ", ".join(own[PART].unique()) or "none"
        raise SelectdisError(f"no part of your own is called {part!r} (there are: {there}); published ones stay")
    try:
        if here.all():
            own_table().unlink()
        else:
            _write(own[~here])
        _remove_codes(part, own[here])
    except OSError as error:
        raise SelectdisError(f"cannot take {part!r} out of {own_table()} ({error})") from None
    return int(here.sum())


def _remove_codes(part: str, runs: pd.DataFrame) -> None:
    for name in runs[DATASET].unique():
        (own_folder() / part / file_name(str(name))).unlink(missing_ok=True)


def _write(table: pd.DataFrame) -> None:
    place = own_table()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(place) as temporary:
            temporary.write_bytes(gzip.compress(table.to_csv(index=False).encode(), mtime=0))
    except OSError as error:
        raise SelectdisError(f"cannot write {place} ({error}): point SELECTDIS_DATA at a folder with room") from None


def contents() -> pd.DataFrame:
    """Return what there is: one row for each part and data set, with its family, half, images and runs."""
    table = evidence()
    groups = table.groupby([PART, FAMILY, DATASET], sort=False, dropna=False)
    found = groups.agg(judging=(JUDGING, "first"), size=("image_size", "first"), channels=("channels", "first"))
    found["configurations"] = groups["configuration"].nunique()
    found["runs"] = groups[CANDIDATE].nunique()
    found["judging"] = found["judging"].map({True: "judging", False: "looked at"})
    return found.rename(columns={"judging": "half"}).reset_index()
