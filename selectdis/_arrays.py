"""What metrics and criteria share: checks of arrays, equal-width bins, information in nats."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from selectdis._factors import MISSING, DegenerateWarning, as_factors, as_numpy, factor_table
from selectdis.errors import SelectdisError

__all__ = [
    "ACTIVE_NATS",
    "DegenerateWarning",
    "as_classes",
    "as_numpy",
    "bin_codes",
    "check_batches",
    "check_codes",
    "check_factors",
    "check_parts",
    "check_stack",
    "check_votes",
    "entropy",
    "information_matrix",
    "known",
    "live_columns",
    "mutual_information_matrix",
    "standardise_by",
    "varying_factors",
    "warn_degenerate",
    "with_gaps",
]


ACTIVE_NATS = 0.01  # mean KL of a latent, above which it carries something of an image
LARGEST = float(np.finfo(np.float32).max)
LARGE_SINGLE = 1e12  # the square of a larger float32, or a sum of such squares, might overflow


def warn_degenerate(score: str, what: str) -> None:
    """Warn that `score` was computed without the part that `what` names."""
    warnings.warn(f"{score}: {what}", DegenerateWarning, stacklevel=3)


def check_codes(codes: Any, name: str = "codes") -> np.ndarray:
    """Return `codes` as a finite float array (n_samples, n_latents); float32 and float64 keep their dtype.

    float32 codes so large that a variance might overflow come back as float64. Tensors are taken from their device.

    Raises
    ------
    SelectdisError
        On another number of axes, no sample, no latent, complex numbers or text, NaN, infinity or more than float32
        holds (naming the first such column).
    """
    codes = as_numpy(codes)
    if codes.ndim != 2 or 0 in codes.shape:
        raise SelectdisError(f"{name} must be (n_samples, n_latents) and not empty; found shape {codes.shape}")
    if codes.dtype.kind not in "fiub":
        raise SelectdisError(f"{name} must be real numbers, found the dtype {codes.dtype}: give floats")
    if codes.dtype not in (np.float32, np.float64):
        codes = codes.astype(np.float64)
    bad = ~(np.abs(codes) < LARGEST)
    if bad.any():
        column = int(np.flatnonzero(bad.any(axis=0))[0])
        row = int(np.flatnonzero(bad[:, column])[0])
        raise SelectdisError(
            f"{name} must be finite (and below {LARGEST:g}); column {column} holds {codes[row, column]} "
            f"({int(bad[:, column].sum())} of {len(codes)} samples): leave out the run or repair the encoder"
        )
    return codes.astype(np.float64) if codes.dtype == np.float32 and np.abs(codes).max() > LARGE_SINGLE else codes


def check_factors(factors: Any, n_samples: int, name: str = "factors", *, bins: int | None = None) -> np.ndarray:
    """Return `factors` as `as_factors` reads them: int64 (n_samples, n_factors), `MISSING` where there is no value."""
    return as_factors(factors, n_samples, name, bins=bins)


def check_parts(
    codes_train: Any, factors_train: Any, codes_test: Any, factors_test: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the arrays of a training and of a test part as `check_codes` and, both together, `as_factors` do."""
    codes_train, codes_test = check_codes(codes_train, "codes_train"), check_codes(codes_test, "codes_test")
    n = len(codes_train)
    parts = factor_table(factors_train, n, "factors_train"), factor_table(factors_test, len(codes_test), "factors_test")
    if parts[0].shape[1] != parts[1].shape[1]:
        raise SelectdisError(f"both parts need the same factors; found {parts[0].shape[1]} and {parts[1].shape[1]}")
    classes = as_factors(np.concatenate(parts))
    return codes_train, classes[:n], codes_test, classes[n:]


def known(*arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the rows of all `arrays` in which the last one, a factor (n,), has a value."""
    rows = arrays[-1] != MISSING
    return arrays if rows.all() else tuple(array[rows] for array in arrays)


def with_gaps(classes: np.ndarray) -> np.ndarray:
    """Return classes as the metrics take them from outside: NaN in place of `MISSING`."""
    missing = classes == MISSING
    return np.where(missing, np.nan, classes) if missing.any() else classes


def check_batches(codes: np.ndarray, name: str) -> np.ndarray:
    """Return the codes of drawn batches as a finite float array (n_votes, batch, n_latents)."""
    codes = as_numpy(codes)
    if codes.ndim != 3 or 0 in codes.shape:
        raise SelectdisError(f"{name} must be (n_votes, batch, n_latents) and not empty; found shape {codes.shape}")
    return check_codes(codes.reshape(-1, codes.shape[-1]), name).reshape(codes.shape)


def check_votes(factor: np.ndarray, n_votes: int, name: str) -> np.ndarray:
    """Return the factor behind each vote as an int array (n_votes,)."""
    factor = as_numpy(factor)
    if factor.shape != (n_votes,) or factor.dtype.kind not in "iu":
        raise SelectdisError(
            f"{name} must hold the index of one factor per vote, int ({n_votes},); found {factor.dtype} {factor.shape}"
        )
    return factor


def check_stack(codes: np.ndarray, name: str = "codes") -> np.ndarray:
    """Return `codes` as a finite float array (n_runs, n_samples, n_latents), every run on the same images."""
    codes = as_numpy(codes)
    if codes.ndim != 3 or 0 in codes.shape:
        raise SelectdisError(f"{name} must be (n_runs, n_samples, n_latents) and not empty; found shape {codes.shape}")
    for run, one in enumerate(codes):
        check_codes(one, f"{name} of run {run}")
    return codes.astype(np.float64) if codes.dtype not in (np.float32, np.float64) else codes


def live_columns(codes: np.ndarray) -> np.ndarray:
    """Return the mask (n_latents,) of the codes that take more than one value.

    By range, not by variance: in float32 the variance of a constant column may come out above 0.
    """
    live: np.ndarray = codes.max(axis=0) > codes.min(axis=0)
    return live


def standardise_by(codes_train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Bring the columns of `codes_train` to mean 0 and deviation 1, the others with it; constant ones become 0."""
    deviation = codes_train.std(axis=0)
    live = live_columns(codes_train) & (deviation > 0)
    mean, deviation = codes_train.mean(axis=0), np.where(live, deviation, 1.0)
    return [np.where(live, (codes - mean) / deviation, 0.0) for codes in (codes_train, *others)]


def varying_factors(factors: np.ndarray, score: str, test: np.ndarray | None = None) -> list[int]:
    """Return the indices of the factors with more than one value, and one in `test`; a warning names the others."""
    values = [len(np.unique(known(column)[0])) for column in factors.T]
    varying = [k for k, n in enumerate(values) if n > 1]
    untested = [k for k in varying if test is not None and not known(test[:, k])[0].size]
    _say_left_out(score, "constant factor(s)", [k for k, n in enumerate(values) if n == 1])
    _say_left_out(score, "factor(s) without a value in the test part", untested)
    return [k for k in varying if k not in untested]


def _say_left_out(score: str, what: str, factors: list[int]) -> None:
    if factors:
        warn_degenerate(score, f"left out {what} {', '.join(map(str, factors))}")


def as_classes(labels: np.ndarray) -> tuple[np.ndarray, int]:
    """Renumber `labels` (n,) to 0 .. n_classes - 1; return them and n_classes."""
    values, inverse = np.unique(labels, return_inverse=True)
    return inverse.astype(np.int64), len(values)


def bin_codes(codes: np.ndarray, n_bins: int = 20) -> np.ndarray:
    """Return the bins 0 .. n_bins - 1 of each column, of equal width between its minimum and maximum.

    Edges are in the dtype of the codes; bins are open on the right, and the maximum falls in the last one. A constant
    column falls in bin 0.
    """
    binned = np.zeros(codes.shape, dtype=np.int64)
    for j in np.flatnonzero(live_columns(codes)):
        column = codes[:, j]
        edges = np.linspace(column.min(), column.max(), n_bins + 1, dtype=np.result_type(codes, np.float32))
        binned[:, j] = np.searchsorted(edges[:-1], column, side="right") - 1
    return binned


def entropy(labels: np.ndarray) -> float:
    """Return the empirical entropy of labels (n,), in nats."""
    p = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-np.sum(p * np.log(p)))


def mutual_information_matrix(binned: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return the mutual information in nats, (n_columns of `binned`, n_columns of `factors`), of discrete columns.

    The plug-in estimate from counts: biased upwards on few samples. Exactly 0 for independent counts.
    """
    n, n_codes = binned.shape
    n_bins = int(binned.max()) + 1
    information = np.zeros((n_codes, factors.shape[1]))
    for k in range(factors.shape[1]):
        classes, n_classes = as_classes(factors[:, k])
        cell = (np.arange(n_codes) * n_bins + binned) * n_classes + classes[:, np.newaxis]
        counts = np.bincount(cell.ravel(), minlength=n_codes * n_bins * n_classes)
        information[:, k] = _information(counts.reshape(n_codes, n_bins, n_classes), n)
    return information


def information_matrix(codes: np.ndarray, factors: np.ndarray, n_bins: int = 20) -> np.ndarray:
    """Return what each code, in equal-width bins, tells of each factor, (n_latents, n_factors), in nats.

    Each factor is judged on the rows that have a value of it; one without any gets 0.
    """
    complete = (factors != MISSING).all(axis=0)
    information = np.zeros((codes.shape[1], factors.shape[1]))
    if complete.any():
        information[:, complete] = mutual_information_matrix(bin_codes(codes, n_bins), factors[:, complete])
    for k in np.flatnonzero(~complete & (factors != MISSING).any(axis=0)):
        rows, column = known(codes, factors[:, k])
        information[:, [k]] = mutual_information_matrix(bin_codes(rows, n_bins), column[:, np.newaxis])
    return information


def _information(counts: np.ndarray, n: int) -> np.ndarray:
    """I(a; b) in nats for each table of counts (..., a, b) that sums to n."""
    rows, columns = counts.sum(axis=-1, keepdims=True), counts.sum(axis=-2, keepdims=True)
    outer = rows.astype(np.float64) * columns
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(counts > 0, counts / n * (np.log(counts) - np.log(outer) + np.log(n)), 0.0)
    # Rounding leaves about 1e-17 where the counts are independent; modularity would take that for information.
    terms[np.abs(terms) < np.finfo(np.float64).eps] = 0.0
    return np.clip(terms.sum(axis=(-2, -1)), 0.0, None)
