"""Tables of records: read from files, cut down to the runs that count, each run once."""

from __future__ import annotations

import warnings
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records._columns import (
    CANDIDATE,
    CONFIGURATION,
    CRITERION,
    DATASET,
    FAMILY,
    METRIC,
    PART,
    SEED,
    STATUS,
    is_score,
    metric_names,
    need,
    score_columns,
)
from selectdis.records._status import pickable

__all__ = ["check_records", "copied_datasets", "each_run_once", "labelled", "labelled_datasets", "read_records"]

_NO_IDENTITY = ("stage", "trial", STATUS, "seconds", "failed_step", "error")
_NAMES = (DATASET, FAMILY, PART)  # a data set that is called 2024 is no number
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
    """Return the finished runs of data sets with labels, which are those where some metric holds a number.

    Runs that do not say which data set or configuration they have are left out, with a warning.
    """
    need(records, DATASET, CONFIGURATION)
    records = check_records(records)
    columns = [METRIC + name for name in metric_names(records)]
    if not columns:
        raise SelectdisError("the records hold no supervised score (a column metric.<name>): no data set is labelled")
    nameless = records[[DATASET, CONFIGURATION]].isna().any(axis=1).to_numpy()
    if nameless.any():
        warnings.warn(
            f"{nameless.sum()} records were left out: they do not say which data set and configuration they have",
            stacklevel=3,
        )
    return records[pickable(records) & ~nameless & records[columns].notna().any(axis=1).to_numpy()]


def each_run_once(records: pd.DataFrame) -> pd.DataFrame:
    """Leave out further rows of a run that is there already, such as where a file is given twice; warns.

    A run is known by its data set, candidate and steps; without candidates by all that is no score, if that holds a
    seed. Under another name it is known by its scores, if they are three or more with a criterion among them: those
    hold a dozen digits, and two runs do not share them.
    """
    again = _same_name(records) | _same_scores(records)
    if again.any():
        warnings.warn(
            f"{again.sum()} records were left out: their runs are there already, and count once", stacklevel=3
        )
    return records[~again]


def copied_datasets(records: pd.DataFrame) -> dict[str, str]:
    """Return the data sets whose runs are, by their scores, those of an earlier one under another name: name -> why."""
    codes, marks = pd.factorize(records[DATASET])[0], _marks(records)
    names = list(records[DATASET].unique())
    seen: dict[int, int] = {}  # the mark of a run -> the first data set that has it
    found: dict[str, str] = {}
    for k, name in enumerate(names):
        mine = set(marks[(codes == k) & (marks != 0)].tolist())
        owners = [seen[mark] for mark in mine if mark in seen]
        if len(mine) > 2 and 2 * len(owners) >= len(mine):
            found[str(name)] = f"its runs have the scores of those of {names[Counter(owners).most_common(1)[0][0]]}"
        else:
            seen |= dict.fromkeys(mine - seen.keys(), k)
    return found


def _same_name(records: pd.DataFrame) -> np.ndarray:
    if CANDIDATE in records and bool(records[CANDIDATE].notna().all()):
        identity = [column for column in (DATASET, CANDIDATE, "steps") if column in records]
    elif SEED in records:
        identity = [str(column) for column in records if column not in _NO_IDENTITY and not is_score(column)]
    else:
        return np.zeros(len(records), dtype=bool)
    return records.duplicated(identity).to_numpy()


def _same_scores(records: pd.DataFrame) -> np.ndarray:
    criteria = [column for column in score_columns(records) if column.startswith(CRITERION)]
    telling = _fractional(records[criteria]).any(axis=1) & (records[score_columns(records)].notna().sum(axis=1) > 2)
    marks = _marks(records)
    return pd.Series(marks).duplicated().to_numpy() & (marks != 0) & telling.to_numpy()


def _marks(records: pd.DataFrame) -> np.ndarray:
    """(n_runs,) uint64: equal where all scores are, to ten digits; 0 where they are whole numbers, or none."""
    values = records[score_columns(records)].astype(float)
    if values.empty:
        return np.zeros(len(records), dtype=np.uint64)
    mantissas, exponents = np.frexp(values.to_numpy())
    rounded = pd.DataFrame(np.ldexp(np.round(mantissas * 2**33), exponents))
    marks = pd.util.hash_pandas_object(rounded, index=False).to_numpy()
    return np.where(_fractional(values).any(axis=1), marks, 0)


def _fractional(values: pd.DataFrame) -> pd.DataFrame:
    return values.notna() & (values % 1 != 0)


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
            return check_records(pd.read_csv(path, dtype=dict.fromkeys(_NAMES, str)), str(path))
    except SelectdisError:
        raise
    except (ValueError, OSError, EOFError, zlib.error) as error:  # the last two: a .gz that is cut short or damaged
        raise SelectdisError(f"{path} cannot be read as a table of records: {error}") from error
    raise SelectdisError(f"{path} is not a table of records: name {_READERS}")
