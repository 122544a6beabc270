"""The table of published records, which comes with the package, and one's own beside it."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import pandas as pd

from selectdis.data.reading._cache import data_folder
from selectdis.errors import check_choice
from selectdis.records import PART, read_records

__all__ = ["evidence", "is_added", "own_table"]


def evidence(part: str | None = None) -> pd.DataFrame:
    """Return the published records, and those that were added with ``selectdis evidence add``.

    Parameters
    ----------
    part : str, optional
        One part alone, such as ``"dense16"``. Parts were trained differently, and share no configuration.

    Returns
    -------
    DataFrame
        One row per run, as `Study.records`, with ``part``; ``family``, the data sets that are variants of one another;
        ``judging``, whether the data set was kept from view until rules were settled; ``image_size`` and ``channels``.

    Raises
    ------
    SelectdisError
        If there is no such part, or the table of one's own cannot be read.
    """
    own = own_table()
    tables = [_published(), *([read_records(own)] if own.is_file() else [])]
    table = pd.concat(tables, ignore_index=True)
    if part is None:
        return table
    check_choice("part", part, table[PART].unique())
    return table[table[PART] == part].dropna(axis="columns", how="all").reset_index(drop=True)


def own_table() -> Path:
    """Return where records of one's own are kept, which need not exist yet: ``$SELECTDIS_DATA/evidence.csv.gz``."""
    return data_folder() / "evidence.csv.gz"


def is_added(part: str) -> bool:
    """Whether a part of the records is one's own."""
    return part not in set(_published()[PART])


@lru_cache(maxsize=1)
def _published() -> pd.DataFrame:
    with (files("selectdis.selection.archive") / "evidence.csv.gz").open("rb") as file:
        return pd.read_csv(file, compression="gzip")
