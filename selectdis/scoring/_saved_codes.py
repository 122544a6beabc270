"""Scores of codes and factors that somebody saved: no encoder, no images."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selectdis.data import ImageDataset
from selectdis.data.reading._npz import npz_names
from selectdis.errors import SelectdisError, nearest
from selectdis.scoring._evaluation import Evaluation

__all__ = ["evaluate_codes", "load_codes"]


def evaluate_codes(
    codes: np.ndarray,
    factors: np.ndarray,
    metrics: str | Sequence[str] = "all",
    *,
    seed: int = 0,
    n_train: int = 10_000,
    n_test: int = 5_000,
) -> dict[str, float]:
    """Return the scores of codes against factors, row by row.

    Parameters
    ----------
    codes : ndarray (n, latents)
        Real numbers.
    factors : ndarray (n, n_factors) or (n,)
        Whole numbers, in any dtype of numbers: each value of a column is a class.
    metrics, seed, n_train, n_test
        As in `selectdis.evaluate`. The rows are split into training and test rows, and the interventions of the BetaVAE
        and FactorVAE scores are drawn among rows that share a factor's value.

    Returns
    -------
    dict of str to float

    Raises
    ------
    SelectdisError
        On shapes that do not fit, codes that are not real numbers, factors that are not whole ones, NaN or infinity
        (naming the column), or an unknown metric.
    """
    codes, factors = np.asarray(codes), np.asarray(factors)
    if codes.ndim != 2 or factors.ndim not in (1, 2) or len(codes) != len(factors) or not len(codes):
        raise SelectdisError(
            f"codes must be (n, latents) and factors (n, n_factors) with the same n; found {codes.shape} and "
            f"{factors.shape}"
        )
    columns = [np.unique(column, return_inverse=True) for column in _whole(factors.reshape(len(factors), -1)).T]
    rows = ImageDataset(
        name="saved codes",
        images=np.broadcast_to(np.zeros((), np.uint8), (len(codes), 1, 16, 16)),  # never looked at, and no memory
        factor_names=tuple(f"factor {k}" for k in range(len(columns))),
        factor_sizes=tuple(len(values) for values, _ in columns),
        factors=np.stack([inverse for _, inverse in columns], axis=1).astype(np.int64),
    )
    evaluation = Evaluation(
        rows, metrics, seed=seed, n_train=n_train, n_test=n_test, votes_train=n_train, votes_test=n_test
    )
    return evaluation.score(codes[evaluation.indices])


def _whole(factors: np.ndarray) -> np.ndarray:
    """Return `factors` (n, n_factors); refuse them where they are no classes."""
    advice = "number the values of each factor 0, 1, 2, ... first"
    if factors.dtype.kind not in "biuf":
        raise SelectdisError(f"factors must be whole numbers, found the dtype {factors.dtype}: {advice}")
    wrong = ~np.isfinite(factors) | (factors != np.rint(factors))
    if wrong.any():
        column = int(np.flatnonzero(wrong.any(axis=0))[0])
        found = factors[np.flatnonzero(wrong[:, column])[0], column]
        raise SelectdisError(f"factors must be whole numbers, found {found} in column {column}: {advice}")
    return factors


def load_codes(codes: Path, factors: Path | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Read codes and factors from two .npy files, or from one .npz file that holds arrays of these names.

    Parameters
    ----------
    codes : Path
        A .npy file, or the .npz file with both.
    factors : Path, optional
        A .npy file.

    Returns
    -------
    codes, factors : ndarray

    Raises
    ------
    SelectdisError
        If a file cannot be read, holds pickled objects, or has no such array.
    """
    if factors is not None:
        return _load(codes), _load(factors)
    if codes.suffix != ".npz":
        raise SelectdisError(f"factors are missing: give a second file, or an .npz with codes and factors, not {codes}")
    return _load(codes, "codes"), _load(codes, "factors")


def _load(path: Path, key: str | None = None) -> np.ndarray:
    try:
        if zipfile.is_zipfile(path):
            npz_names(path)  # which refuses one that would unpack without end
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded as file:
            if key is None or key in file:
                array: np.ndarray = file[key or next(iter(file))]
                return array
            raise SelectdisError(f"{path} holds no array {key!r}{nearest(key, file)}; it holds {', '.join(file)}")
    except SelectdisError:
        raise
    except (OSError, ValueError, EOFError, KeyError, StopIteration) as error:
        reason = str(error)
        if "allow_pickle" in reason:  # numpy's advice, which would run what a stranger's file says
            reason = "it is no file of numpy's, or holds Python objects; write plain arrays with numpy.save or savez"
        raise SelectdisError(f"cannot read {path} as an array of numbers: {reason}") from None
    except Exception as error:  # zipfile and zlib have errors of their own
        raise SelectdisError(f"{path} is damaged: {error}") from None
