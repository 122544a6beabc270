"""What a column of factor values means: one contract for data sets, saved codes and metrics.

Equal values are one class (1 and 1.0, too), in ascending order. Cells without a value are missing, not a class. What
differs in every row tells nothing about classes: fractions are continuous, anything else is an id.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from selectdis.errors import SelectdisError, whole_number

__all__ = [
    "MISSING",
    "DegenerateWarning",
    "FactorColumn",
    "FactorWarning",
    "as_factors",
    "as_numpy",
    "factor_table",
    "numbers_of",
    "read_factor",
    "read_values",
    "say_ids",
    "warn_of_minus_one",
]

MISSING = -1  # the class of a row that has no value
# What pandas writes and reads for "no value", and an empty cell.
NO_VALUE = {"", "NA", "N/A", "n/a", "nan", "NaN", "-nan", "-NaN", "NaT", "<NA>", "#N/A", "#NA", "NULL", "null", "None"}
ROWS_PER_CLASS, FEWEST_ROWS = 50, 1_000  # below, scores say more of the sample than of the codes: docs/metrics.md


class DegenerateWarning(UserWarning):
    """A term of a score had to be left out or defined by convention; the message names it."""


class FactorWarning(DegenerateWarning):
    """A factor, or rows of it, cannot be used; or there are few rows."""


class FactorColumn(NamedTuple):
    """The values of one factor.

    Attributes
    ----------
    classes : (n,) int64
        Class of each row, in ascending order of the values; `MISSING` where there is none.
    names : tuple of str
        What each class is called.
    numbers : (n_classes,) float, or None
        The value of each class, where all are numbers.
    """

    classes: np.ndarray
    names: tuple[str, ...]
    numbers: np.ndarray | None

    @property
    def rows(self) -> int:
        """How many rows have a value."""
        return int((self.classes != MISSING).sum())

    @property
    def scattered(self) -> bool:
        """Whether there are numbers, and fewer than two rows for each of them on average."""
        return self.numbers is not None and len(self.names) > max(self.rows / 2, 1)

    @property
    def continuous(self) -> bool:
        """Whether there are fractions, and hardly any comes twice."""
        return self.scattered and self.numbers is not None and bool((self.numbers != np.rint(self.numbers)).any())


def as_numpy(values: Any) -> np.ndarray:
    """Return an array of whatever holds numbers: tensors, wherever they are and with gradients, lists, data frames."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    if isinstance(values, np.ma.MaskedArray):
        values, masked = np.array(values.data, dtype=object), np.ma.getmaskarray(values)
        values[masked] = None
    try:
        return np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise SelectdisError(f"an array of numbers is needed, and this is none: {error}") from None


def as_factors(
    factors: Any,
    n_samples: int | None = None,
    label: str = "factors",
    *,
    bins: int | None = None,
    names: Sequence[str] = (),
) -> np.ndarray:
    """Return the class of each row and factor, int64 (n_samples, n_factors); `MISSING` where there is none.

    A column that is left out (an id) is missing throughout. One warning says which rows and columns cannot be used.

    Parameters
    ----------
    factors : array-like (n_samples, n_factors) or (n_samples,)
        Numbers, words or both; a tensor; a data frame.
    n_samples : int, optional
        How many rows there must be.
    label : str
        What the array is called in messages.
    bins : int, optional
        Continuous factors are cut into that many bins of equal frequency; without it they are refused.
    names : sequence of str
        Of the factors.

    Raises
    ------
    SelectdisError
        On another shape, complex numbers, infinity, a continuous factor, or one without any value.
    """
    table = factor_table(factors, n_samples, label)
    titles = [f"factor {names[k]!r}" if len(names) else f"column {k} of {label}" for k in range(table.shape[1])]
    columns = [read_factor(column, title, bins=bins) for column, title in zip(table.T, titles, strict=True)]
    none = np.full(len(table), MISSING)
    classes = np.stack([none if column is None else column.classes for column in columns], axis=1)
    _say_few_rows(classes)
    return classes


def factor_table(factors: Any, n_samples: int | None, label: str) -> np.ndarray:
    """Return `factors` as an array (n_samples, n_factors); one axis is read as a single factor."""
    table = as_numpy(factors)
    table = table[:, np.newaxis] if table.ndim == 1 else table
    if table.ndim != 2 or 0 in table.shape or len(table) != (n_samples or len(table)):
        rows = f" with one row per code ({n_samples})" if n_samples else ""
        raise SelectdisError(f"{label} must be (n_samples, n_factors){rows}; found shape {table.shape}")
    return table


def read_factor(
    values: Any, title: str, *, bins: int | None = None, keep_continuous: bool = False
) -> FactorColumn | None:
    """Return the classes of one factor's values (n,); None, with a warning, where it is an id.

    Parameters
    ----------
    values : array-like (n,)
        Numbers, words or both.
    title : str
        What the factor is called in messages.
    bins : int, optional
        A factor of scattered numbers is cut into that many bins of equal frequency.
    keep_continuous : bool
        Return continuous factors with one class per value, instead of refusing them.

    Raises
    ------
    SelectdisError
        On complex numbers, infinity, no value at all, or a continuous factor that is neither binned nor kept.
    """
    column = read_values(as_numpy(values), title)
    if not column.names:
        raise SelectdisError(f"{title} has no value in any row: leave it out")
    if len(column.names) == column.rows > 2 and not column.continuous:
        say_ids([title])
        return None
    warn_of_minus_one(column, title)
    if missing := len(column.classes) - column.rows:
        _warn(
            f"{title} has no value in {missing} of {len(column.classes)} rows: its scores use the other {column.rows}"
        )
    if column.scattered and bins is not None:
        return _cut(column, whole_number("bins", bins, 2))
    if column.continuous and not keep_continuous:
        raise SelectdisError(
            f"{title} is continuous ({len(column.names)} values in {column.rows} rows, such as {column.names[0]}), and "
            "classes are needed: give bins=10 (to load_dataset, evaluate_codes or selectdis score), or leave it out; "
            "irs takes it as it is"
        )
    return column


def warn_of_minus_one(column: FactorColumn, title: str) -> None:
    """Warn where -1 stands beside 0, 1, ...: elsewhere it often means that there is no label, and here it is one."""
    numbers = column.numbers
    if numbers is not None and len(numbers) > 2 and np.array_equal(numbers, np.arange(-1, len(numbers) - 1)):
        _warn(
            f"{title} has the value -1 in {int((column.classes == 0).sum())} of {len(column.classes)} rows, which "
            "counts as a value like the others: where it means that there is no label, write NaN or an empty word"
        )


def read_values(values: np.ndarray, title: str) -> FactorColumn:
    """Return the classes of values (n,) as they are: ids, continuous ones and a factor without any value too."""
    if values.ndim != 1:
        raise SelectdisError(f"{title} needs one value per row, found shape {values.shape}")
    if values.dtype.kind in "cV":
        raise SelectdisError(f"{title} must hold numbers or words, found the dtype {values.dtype}")
    if values.dtype.kind in "biuf":
        present = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(len(values), dtype=bool)
        return _classes(values[present], present, title)
    words = [cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell).strip() for cell in values]
    present = np.array([word not in NO_VALUE for word in words], dtype=bool)
    told = np.array([word for word in words if word not in NO_VALUE], dtype=object)
    numbers = numbers_of(told)
    return _classes(told if numbers is None else numbers, present, title)


def numbers_of(words: np.ndarray) -> np.ndarray | None:
    """Return the numbers that all `words` are, or None."""
    for dtype in (np.int64, np.float64):
        try:
            return words.astype(dtype)
        except (ValueError, OverflowError):
            continue
    return None


def _classes(told: np.ndarray, present: np.ndarray, title: str) -> FactorColumn:
    """Make classes of the values `told` by the rows that are `present`."""
    if told.dtype.kind == "f" and np.isinf(told).any():
        raise SelectdisError(f"{title} holds an infinite number: every row needs a finite value, or none")
    values, inverse = np.unique(told, return_inverse=True)
    classes = np.full(len(present), MISSING)
    classes[present] = inverse
    numbers = values.astype(np.float64) if values.dtype.kind in "biuf" else None
    return FactorColumn(classes, tuple(map(_name, values)), numbers)


def _name(value: Any) -> str:
    whole = isinstance(value, np.floating) and abs(float(value)) < 1e15 and float(value).is_integer()
    return str(int(value)) if whole else str(value)


def _cut(column: FactorColumn, bins: int) -> FactorColumn:
    """Merge neighbouring values into at most `bins` groups of about equal size."""
    assert column.numbers is not None
    counts = np.bincount(column.classes[column.classes != MISSING])
    middle = np.cumsum(counts) - counts / 2
    group = np.unique((middle * bins / counts.sum()).astype(np.int64), return_inverse=True)[1]
    ends = [column.numbers[group == g][[0, -1]] for g in range(group.max() + 1)]
    classes = np.where(column.classes == MISSING, MISSING, group[column.classes])
    return FactorColumn(
        classes, tuple(f"{low:.4g} .. {high:.4g}" for low, high in ends), np.array([low for low, _ in ends])
    )


def _say_few_rows(classes: np.ndarray) -> None:
    needed = max(FEWEST_ROWS, ROWS_PER_CLASS * (int(classes.max(initial=MISSING)) + 1))
    if len(classes) < needed:
        _warn(f"{len(classes)} rows are few: scores of these factors need about {needed:,} to settle")


def say_ids(titles: Sequence[str]) -> None:
    """Warn of factors that are left out because each row has another value."""
    for title in titles:
        _warn(f"{title} has another value in every row, so it is taken for an id and left out")


def _warn(message: str) -> None:
    warnings.warn(message, FactorWarning, stacklevel=2)  # always from here, so that Python shows each once
