"""Tables of records: read from files, cut down to the runs that count, each run once."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records._columns import (
    CANDIDATE,
    CONFIGURATION,
    DATASET,
    METRIC,
    SEED,
    STATUS,
    is_score,
    metric_names,
    need,
)
from selectdis.records._status import pickable

__all__ = ["check_records", "each_run_once", "labelled", "labelled_datasets", "read_records"]

_NO_IDENTITY = ("stage", "trial", STATUS, "seconds", "failed_step", "error")
_READERS = "a .csv, .csv.gz or .parquet file"


def check_records(records: pd.DataFrame, source: str = "the records") -> pd.DataFrame:
    """Return a table of records with its scores as numbers, once it is clear that it is one.

    Raises
    ------
    SelectdisError
        With the column and the row: a score that is no number, a run without data set or configuration, a cell that
        holds several values.
    """
    numbers: dict[str, pd.Series] = {}
    for column in records:
        values = records[column]
        if is_score(column):
            if not (pd.api.types.is_bool_dtype(values) or pd.api.types.is_float_dtype(values)):
                numbers[str(column)] = _as_numbers(values, source)
        elif values.dtype == object and not values.map(pd.api.types.is_scalar).all():
            raise SelectdisError(f"{source}: the column {str(column)!r} holds lists, where each run has one value")
    for column in (DATASET, CONFIGURATION):
        if column in records and (empty := records[column].isna().to_numpy()).any():
            raise SelectdisError(f"{source}: the column {column!r} is empty in row {int(np.argmax(empty)) + 1}")
    return records.assign(**numbers) if numbers else records


def _as_numbers(values: pd.Series, source: str) -> pd.Series:
    text = values.astype(object)
    numbers = pd.to_numeric(text.where(text.map(pd.api.types.is_scalar), "a list"), errors="coerce")
    wrong = (numbers.isna() & text.notna()).to_numpy()
    if wrong.any() or not pd.api.types.is_any_real_numeric_dtype(numbers):
        row = int(np.argmax(wrong))
        raise SelectdisError(
            f"{source}: the score {str(values.name)!r} must be a number, found {text.iloc[row]!r:.80} in row "
            f"{row + 1}; leave the cell empty where there is none"
        )
    return numbers.astype(float)


def labelled(records: pd.DataFrame) -> pd.DataFrame:
    """Return the finished runs of data sets with labels, which are those where some metric holds a number."""
    need(records, DATASET, CONFIGURATION)
    records = check_records(records)
    columns = [METRIC + name for name in metric_names(records)]
    if not columns:
        raise SelectdisError("the records hold no supervised score (a column metric.<name>): no data set is labelled")
    return records[pickable(records) & records[columns].notna().any(axis=1).to_numpy()]


def each_run_once(records: pd.DataFrame) -> pd.DataFrame:
    """Leave out further rows of a run that is there already, such as where a file is given twice; warns.

    A run is known by its data set, candidate and steps; without candidates by all that is no score, if that holds a
    seed. Where it does not, nothing is left out.
    """
    if CANDIDATE in records and bool(records[CANDIDATE].notna().all()):
        identity = [column for column in (DATASET, CANDIDATE, "steps") if column in records]
    elif SEED in records:
        identity = [str(column) for column in records if column not in _NO_IDENTITY and not is_score(column)]
    else:
        return records
    again = records.duplicated(identity).to_numpy()
    if again.any():
        warnings.warn(
            f"{again.sum()} records were left out: their runs are there already, and count once", stacklevel=3
        )
    return records[~again]


def labelled_datasets(records: pd.DataFrame) -> list[str]:
    """Return the names of the data sets with labels, in order of appearance."""
    return [str(name) for name in labelled(records)[DATASET].unique()]


def read_records(files: Path | str | Sequence[Path | str]) -> pd.DataFrame:
    """Read tables of records as one frame.

    Parameters
    ----------
    files
        One or several .csv, .csv.gz or .parquet files, one row per run.

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
            return check_records(pd.read_parquet(path), str(path))
        if path.name.endswith((".csv", ".csv.gz")):
            return check_records(pd.read_csv(path), str(path))
    except SelectdisError:
        raise
    except (ValueError, OSError, EOFError, zlib.error) as error:  # the last two: a .gz that is cut short or damaged
        raise SelectdisError(f"{path} cannot be read as a table of records: {error}") from error
    raise SelectdisError(f"{path} is not a table of records: name {_READERS}")
