"""Scores of codes and factors that somebody saved: no encoder, no images."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from selectdis._arrays import check_codes
from selectdis._factors import factor_table
from selectdis._files import open_file
from selectdis.data._labels import dataset_of_columns
from selectdis.data.reading._npz import npz_names
from selectdis.errors import SelectdisError, nearest
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
    """Read codes and factors from two files, .npy or .npz, or from one .npz file that holds arrays of these names.

    Of an .npz file the array ``codes`` or ``factors`` is taken, wherever it stands; or the only one that there is.

    Parameters
    ----------
    codes : Path
        A .npy or .npz file with the codes, or the .npz file with both.
    factors : Path, optional
        A .npy or .npz file.

    Returns
    -------
    codes, factors : ndarray

    Raises
    ------
    SelectdisError
        If a file cannot be read, holds pickled objects, or several arrays and none of that name (naming them).
    """
    if factors is not None:
        return _load(codes, "codes", alone=True), _load(factors, "factors", alone=True)
    if codes.suffix != ".npz":
        raise SelectdisError(f"factors are missing: give a second file, or an .npz with codes and factors, not {codes}")
    return _load(codes, "codes"), _load(codes, "factors")


def load_runs(pattern: str) -> dict[str, np.ndarray]:
    """Read the codes of many runs: the .npy or .npz files that `pattern`, such as ``runs/*.npy``, matches.

    Parameters
    ----------
    pattern : str
        A path with ``*``, ``?`` or ``**``.

    Returns
    -------
    dict of str to ndarray
        By the path of each file, in the order of their names; an .npz file holds one array, or one called `codes`.

    Raises
    ------
    SelectdisError
        If no file matches, or one cannot be read.
    """
    paths = sorted(path for path in glob(pattern, recursive=True) if not Path(path).is_dir())
    if not paths:
        raise SelectdisError(f"no file matches {pattern!r}: give a pattern such as 'runs/*.npy', in quotes")
    return {path: _load(Path(path), "codes", alone=True) for path in paths}


def _load(path: Path, key: str, alone: bool = False) -> np.ndarray:
    """Read a .npy file, or the array `key` of an .npz file; where that may be `alone`, whatever its name."""
    try:
        with open_file(path) as content:
            if zipfile.is_zipfile(content):
                npz_names(path)  # which refuses one that would unpack without end
            content.seek(0)
            return _array_in(content, path, key, alone)
    except SelectdisError:
        raise
    except (OSError, ValueError, EOFError, KeyError) as error:
        reason = str(error)
        if "allow_pickle" in reason:  # numpy's advice, which would run what a stranger's file says
            reason = "it is no file of numpy's, or holds Python objects; write plain arrays with numpy.save or savez"
        raise SelectdisError(f"cannot read {path} as an array of numbers: {reason}") from None
    except Exception as error:  # zipfile and zlib have errors of their own
        raise SelectdisError(f"{path} is damaged: {error}") from None


def _array_in(content: BinaryIO, path: Path, key: str, alone: bool) -> np.ndarray:
    loaded = np.load(content, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded as file:
        if key in file or (alone and len(file.files) == 1):
            array: np.ndarray = file[key if key in file else file.files[0]]
            return array
        held = f"it holds {', '.join(file)}" if file.files else "it holds none"
        raise SelectdisError(f"{path} has no array {key!r}{nearest(key, file)}; {held}: rename the right one")
