"""From columns of values to classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from selectdis._arrays import with_gaps
from selectdis._factors import MISSING, FactorColumn, numbers_of, read_factor, say_ids
from selectdis.data._dataset import ImageDataset
from selectdis.errors import SelectdisError, nearest, whole_number

__all__ = [
    *("continuous_factors", "dataset_of_classes", "dataset_of_columns", "factors_of", "known_column"),
    "without_ids",
]


def dataset_of_columns(
    name: str,
    images: Any,
    names: Sequence[str],
    columns: Sequence[np.ndarray | Sequence[Any]],
    *,
    source: str,
    bins: int | None = None,
) -> ImageDataset:
    """Make a labelled set from one column of values per factor, as `read_factor` reads them.

    Ids are left out, with a warning; a continuous factor is cut into `bins`, or else keeps a class for each value.
    Where every combination comes once, the last factor changing fastest, it is a grid.
    """
    if len(names) != len(columns):
        raise SelectdisError(f"{name} has {len(columns)} factors and {len(names)} factor_names: {', '.join(names)}")
    bins = None if bins is None else whole_number("bins", bins, 2)
    read: dict[str, FactorColumn] = {}
    for factor, column in zip(names, columns, strict=True):
        if len(column) != len(images):
            raise SelectdisError(f"factor {factor!r} of {name} has {len(column)} values for {len(images)} images")
        found = read_factor(column, f"factor {factor!r} of {name}", bins=bins, keep_continuous=True)
        if found is not None:
            read[factor] = found
    if not read:
        return ImageDataset(name, images, source=source)
    factors = np.stack([column.classes for column in read.values()], axis=1)
    values = tuple(column.names for column in read.values())
    sizes = tuple(map(len, values))
    kept = None if _in_grid_order(factors, sizes) else factors  # every combination in order: nothing else to know
    return ImageDataset(name, images, tuple(read), sizes, kept, source, values)


def continuous_factors(data: ImageDataset) -> dict[int, np.ndarray]:
    """Return the value of each class, (n_classes,) float, of the factors that are continuous."""
    if data.factors is None or not data.factor_values:
        return {}
    columns = [
        FactorColumn(classes, names, numbers_of(np.array(names, dtype=object)))
        for classes, names in zip(data.factors.T, data.factor_values, strict=True)
    ]
    return {k: column.numbers for k, column in enumerate(columns) if column.continuous and column.numbers is not None}


def without_ids(data: ImageDataset) -> ImageDataset:
    """Return the data set without those factors that differ in every image, which a warning names, if it has others.

    They have to go before samples are drawn: where images repeat, an id no longer looks like one.
    """
    if data.factors is None:
        return data
    known = [column[column != MISSING] for column in data.factors.T]
    alone = [k for k, column in enumerate(known) if len(np.unique(column)) == len(column) > 2]
    ids = [k for k in alone if k not in continuous_factors(data)]
    kept = [k for k in range(len(known)) if k not in ids]
    if not ids or not kept:
        return data
    say_ids([f"factor {data.factor_names[k]!r} of {data.name}" for k in ids])
    names, sizes = tuple(data.factor_names[k] for k in kept), tuple(data.factor_sizes[k] for k in kept)
    values = tuple(data.factor_values[k] for k in kept) if data.factor_values else ()
    return replace(data, factor_names=names, factor_sizes=sizes, factors=data.factors[:, kept], factor_values=values)


def factors_of(data: ImageDataset, indices: np.ndarray) -> np.ndarray:
    """Return the factors (k, n_factors) of images as the metrics take them.

    Class indices, NaN where there is no value, and the values themselves of continuous factors.
    """
    classes = data.factors_at(indices)
    table = with_gaps(classes)
    for k, numbers in continuous_factors(data).items():
        table = table.astype(np.float64)
        table[:, k] = np.where(classes[:, k] == MISSING, np.nan, numbers[classes[:, k]])
    return table


def known_column(column: str, columns: Sequence[str], where: str | Path) -> str:
    """Return `column`; raise SelectdisError, naming the nearest, where `where` has no such one."""
    if column not in columns:
        raise SelectdisError(f"{where} has no column {column!r}{nearest(column, columns)}; it has {', '.join(columns)}")
    return column


def dataset_of_classes(
    name: str, images: Any, names: Sequence[str], sizes: Sequence[int], classes: np.ndarray | None, *, source: str
) -> ImageDataset:
    """Make a data set of known factor sizes: a grid where it is complete and in order, else with its labels kept.

    `classes` are int (n, n_factors), or None where the file has no labels (it must then be a full grid).
    """
    full = int(np.prod(sizes, dtype=np.int64)) == len(images)
    if classes is None and not full:
        raise SelectdisError(
            f"{source} has {len(images)} images and no labels; without labels a full grid of {tuple(sizes)} is needed"
        )
    if full and (classes is None or _in_grid_order(classes, sizes)):
        return ImageDataset(name, images, tuple(names), tuple(sizes), source=source)
    return ImageDataset(name, images, tuple(names), tuple(sizes), classes, source)


def _in_grid_order(classes: np.ndarray, sizes: Sequence[int]) -> bool:
    if classes.shape != (int(np.prod(sizes)), len(sizes)) or (classes < 0).any() or (classes >= np.array(sizes)).any():
        return False
    return bool((np.ravel_multi_index(tuple(classes.T), tuple(sizes)) == np.arange(len(classes))).all())
