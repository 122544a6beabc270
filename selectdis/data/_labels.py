"""From columns of values to classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.errors import SelectdisError, nearest

__all__ = ["classes_of", "dataset_of_classes", "dataset_of_columns", "known_column"]


def dataset_of_columns(
    name: str, images: Any, names: Sequence[str], columns: Sequence[np.ndarray | Sequence[Any]], *, source: str
) -> ImageDataset:
    """Make a labelled set from one column of values per factor; equal values are one class, in ascending order."""
    if len(names) != len(columns):
        raise SelectdisError(f"{name} has {len(columns)} factors and {len(names)} factor_names: {', '.join(names)}")
    for factor, column in zip(names, columns, strict=True):
        if len(column) != len(images):
            raise SelectdisError(f"factor {factor!r} of {name} has {len(column)} values for {len(images)} images")
    pairs = [classes_of(column, f"factor {factor!r} of {name}") for factor, column in zip(names, columns, strict=True)]
    factors = np.stack([classes for classes, _ in pairs], axis=1)
    values = tuple(value_names for _, value_names in pairs)
    sizes = tuple(len(value_names) for value_names in values)
    return ImageDataset(name, images, tuple(names), sizes, factors, source, values)


def classes_of(column: np.ndarray | Sequence[Any], label: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the int64 (n,) class of each value, and the classes' names: numbers in order, others by the alphabet."""
    array = np.asarray(column)
    if array.ndim != 1:
        raise SelectdisError(f"{label} needs one value per image, found shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise SelectdisError(
            f"{label} holds NaN or infinite values: every image needs a value, or leave the factor out"
        )
    if array.dtype.kind in "biuf":
        unique, classes = np.unique(array, return_inverse=True)
        return classes.astype(np.int64), tuple(
            f"{value:g}" if array.dtype.kind == "f" else str(value) for value in unique
        )
    return _text_classes([str(value).strip() for value in array.tolist()], label)


def _text_classes(words: list[str], label: str) -> tuple[np.ndarray, tuple[str, ...]]:
    if "" in words:
        raise SelectdisError(f"{label} is empty in row {words.index('') + 1}: every image needs a value")
    numbers = [_number(word) for word in words]
    known = sorted(set(words), key=None if None in numbers else lambda word: (_number(word), word))
    place = {word: k for k, word in enumerate(known)}
    return np.array([place[word] for word in words], dtype=np.int64), tuple(known)


def _number(word: str) -> float | None:
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


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
