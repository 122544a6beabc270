"""Scores of codes and factors that somebody saved: no encoder, no images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np

from selectdis._arrays import check_codes
from selectdis._factors import factor_table
from selectdis.data._labels import dataset_of_columns
from selectdis.errors import SelectdisError
from selectdis.scoring._code_files import TENSORS, Rows, read_rows
from selectdis.scoring._evaluation import Evaluation

__all__ = ["evaluate_codes", "load_codes", "load_runs"]


def evaluate_codes(
    codes: Any,
    factors: Any,
    metrics: str | Sequence[str] = "all",
    *,
    seed: int = 0,
    n_train: int = 10_000,
    n_test: int = 5_000,
    bins: int | None = None,
) -> dict[str, float]:
    """Return the scores of codes against factors, row by row.

    Parameters
    ----------
    codes : array-like (n, latents)
        Real numbers; tensors are taken from their device.
    factors : array-like (n, n_factors) or (n,)
        Numbers or words: equal values of a column are one class, and None, NaN, "N/A" or an empty cell is no value.
        A column with another value in every row is an id, and left out.
    metrics, seed, n_train, n_test
        As in `selectdis.evaluate`. The rows are split into training and test rows, and the interventions of the BetaVAE
        and FactorVAE scores are drawn among rows that share a factor's value.
    bins : int, optional
        Continuous factors are cut into that many bins of equal frequency; without it only the IRS takes them.

    Returns
    -------
    dict of str to float

    Raises
    ------
    SelectdisError
        On shapes that do not fit, codes that are not real numbers, NaN or infinity in them (naming the column), factors
        that are no classes or have no value at all, or an unknown metric.
    """
    codes = check_codes(codes)
    table = factor_table(factors, len(codes), "factors")
    images = np.broadcast_to(np.zeros((), np.uint8), (len(codes), 1, 16, 16))  # never looked at, and no memory
    names = [f"column {k}" for k in range(table.shape[1])]
    rows = dataset_of_columns("saved codes", images, names, list(table.T), source="", bins=bins)
    if not rows.labelled:
        raise SelectdisError("no factor is left to score against: every column has another value in each row")
    evaluation = Evaluation(
        rows, metrics, seed=seed, n_train=n_train, n_test=n_test, votes_train=n_train, votes_test=n_test
    )
    return evaluation.score(codes[evaluation.indices])


def load_codes(codes: Path, factors: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read codes and factors from two files, or from one that holds arrays of these names.

    Of an .npz or .pt file the array ``codes`` or ``factors`` is taken, wherever it stands; or the only one there is.
    Tables whose rows have names (a column "image", "file", "path", ...) are matched by them.

    Parameters
    ----------
    codes : Path
        A .npy, .npz, .pt or .csv file with the codes, or the .npz or .pt file with both.
    factors : Path, optional
        Such a file.

    Returns
    -------
    codes, factors : ndarray

    Raises
    ------
    SelectdisError
        If a file cannot be read, holds Python objects, or several arrays and none of that name (naming them); or if
        rows of the codes have no factors.
    """
    if factors is not None:
        return _matched(read_rows(codes, "codes", alone=True), read_rows(factors, "factors", alone=True), factors)
    if codes.suffix.lower() not in (".npz", *TENSORS):
        raise SelectdisError(
            f"factors are missing: give a second file, or an .npz or .pt with codes and factors, not {codes}"
        )
    return read_rows(codes, "codes").array, read_rows(codes, "factors").array


def _matched(codes: Rows, factors: Rows, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Bring factors into the order of the codes, where the rows of both have names."""
    if not (codes.names and factors.names) or codes.names == factors.names:
        return codes.array, factors.array
    if twice := [name for name, count in Counter(factors.names).items() if count > 1]:
        raise SelectdisError(f"{path} has several rows for {twice[0]!r}, so that codes cannot be matched with them")
    place = {name: row for row, name in enumerate(factors.names)}
    if missing := [name for name in codes.names if name not in place]:
        raise SelectdisError(f"{path} has no row for {missing[0]!r}, nor for {len(missing) - 1} others of the codes")
    return codes.array, factors.array[[place[name] for name in codes.names]]


def load_runs(pattern: str) -> dict[str, np.ndarray]:
    """Read the codes of many runs: the .npy, .npz, .pt or .csv files that `pattern`, such as ``runs/*.npy``, matches.

    Parameters
    ----------
    pattern : str
        A path with ``*``, ``?`` or ``**``.

    Returns
    -------
    dict of str to ndarray
        By the path of each file, in the order of their names; an .npz or .pt file holds one, or one called `codes`.

    Raises
    ------
    SelectdisError
        If no file matches, or one cannot be read.
    """
    paths = sorted(path for path in glob(pattern, recursive=True) if not Path(path).is_dir())
    if not paths:
        raise SelectdisError(f"no file matches {pattern!r}: give a pattern such as 'runs/*.npy', in quotes")
    return {path: read_rows(Path(path), "codes", alone=True).array for path in paths}
