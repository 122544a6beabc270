"""What every function here asks of a table of records: one row a run, columns looked up with a readable error."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError, nearest

__all__ = [
    "criterion_names",
    "each_run_once",
    "labelled",
    "labelled_datasets",
    "metric_names",
    "need",
    "pickable",
    "read_records",
]

METRIC, CRITERION = "metric.", "criterion."
_LOST = ("diverged", "failed")
_NO_IDENTITY = ("stage", "trial", "status", "seconds", "failed_step", "error")
_READERS = "a .csv, .csv.gz or .parquet file"


def need(records: pd.DataFrame, *columns: str) -> None:
    """Raise `SelectdisError`, naming the first of `columns` that `records` lacks and the nearest that it has."""
    for column in columns:
        if column not in records.columns:
            hint = nearest(column, map(str, records.columns))
            raise SelectdisError(f"the records have no column {column!r}{hint}")


def metric_names(records: pd.DataFrame) -> list[str]:
    """Names of the supervised scores that hold at least one number, without their ``metric.`` prefix."""
    return _names(records, METRIC)


def criterion_names(records: pd.DataFrame) -> list[str]:
    """Names of the unsupervised scores that hold at least one number, without their ``criterion.`` prefix."""
    return _names(records, CRITERION)


def _names(records: pd.DataFrame, prefix: str) -> list[str]:
    columns = [column for column in map(str, records.columns) if column.startswith(prefix)]
    return [column.removeprefix(prefix) for column in columns if bool(records[column].notna().any())]


def pickable(records: pd.DataFrame) -> np.ndarray:
    """(n_runs,) bool: the runs that finished. A diverged or failed run is never picked, and never an opponent."""
    if "status" not in records.columns:
        return np.ones(len(records), dtype=bool)
    codes, states = pd.factorize(records["status"])  # a few states, many runs
    lost = np.array([state in _LOST for state in states] + [False])  # -1: no status
    return ~lost[codes]


def labelled(records: pd.DataFrame) -> pd.DataFrame:
    """The finished runs of data sets with labels, which are those where some metric holds a number."""
    need(records, "dataset", "configuration")
    columns = [METRIC + name for name in metric_names(records)]
    if not columns:
        raise SelectdisError("the records hold no supervised score (a column metric.<name>): no data set is labelled")
    return records[pickable(records) & records[columns].notna().any(axis=1).to_numpy()]


def each_run_once(records: pd.DataFrame) -> pd.DataFrame:
    """`records` without the further rows of a run that is there already, such as where a file is given twice; warns.

    A run is known by its data set, candidate and steps; without candidates by all that is no score, if that holds a
    seed. Where it does not, nothing is left out.
    """
    if "candidate" in records and bool(records["candidate"].notna().all()):
        identity = [column for column in ("dataset", "candidate", "steps") if column in records]
    elif "seed" in records:
        scores = tuple(str(column) for column in records if str(column).startswith((METRIC, CRITERION)))
        identity = [str(column) for column in records if column not in (*_NO_IDENTITY, *scores)]
    else:
        return records
    again = records.duplicated(identity).to_numpy()
    if again.any():
        warnings.warn(
            f"{again.sum()} records were left out: their runs are there already, and count once", stacklevel=3
        )
    return records[~again]


def labelled_datasets(records: pd.DataFrame) -> list[str]:
    """Names of the data sets with labels, in order of appearance."""
    return [str(name) for name in labelled(records)["dataset"].unique()]


def read_records(files: Path | str | Sequence[Path | str]) -> pd.DataFrame:
    """Records tables as one frame.

    Parameters
    ----------
    files
        One or several .csv, .csv.gz or .parquet files, one row a run.

    Raises
    ------
    SelectdisError
        A file is missing, of another kind, or cannot be read as a table.
    """
    paths = [files] if isinstance(files, (str, Path)) else list(files)
    if not paths:
        raise SelectdisError(f"no records given: name {_READERS}")
    return pd.concat([_read(Path(path)) for path in paths], ignore_index=True)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise SelectdisError(f"{path} is no file: name {_READERS}")
    try:
        if path.name.endswith(".parquet"):
            return pd.read_parquet(path)
        if path.name.endswith((".csv", ".csv.gz")):
            return pd.read_csv(path)
    except (ValueError, OSError, EOFError, zlib.error) as error:  # the last two: a .gz that is cut short or damaged
        raise SelectdisError(f"{path} cannot be read as a table of records: {error}") from error
    raise SelectdisError(f"{path} is not a table of records: name {_READERS}")
