"""Interventional draws: batches and pairs of images that agree in one factor.

The FactorVAE and BetaVAE scores need to hold one factor and let the others vary. On a full grid any image that an
intervention asks for exists; on other labelled sets the draw is among the images that share the value.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selectdis._factors import MISSING
from selectdis.errors import SelectdisError

__all__ = [
    "FactorGroups",
    "flat_index",
    "grid_changes",
    "grid_fixed_factor",
    "grid_pairs",
    "group_by_factor",
    "groups_fixed_factor",
    "groups_pairs",
]


class FactorGroups(NamedTuple):
    """The images of a data set sorted by the value of one factor; values with a single image are left out."""

    order: np.ndarray  # int64 (m,) image indices, equal values side by side
    start: np.ndarray  # int64 (m,) where the group of order[i] begins in `order`
    equals: np.ndarray  # int64 (m,) images in the group of order[i]


def flat_index(rows: np.ndarray, names: Sequence[str], sizes: Sequence[int]) -> np.ndarray:
    """Return int64 (k,): the place of each row of factors, int (k, n_factors), in the full grid (last fastest)."""
    if rows.shape[-1] != len(sizes):
        raise SelectdisError(f"a row needs {len(sizes)} factors ({', '.join(names)}), found {rows.shape[-1]}")
    outside = (rows < 0) | (rows >= np.asarray(sizes))
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise SelectdisError(f"factor {names[column]!r} has classes 0..{sizes[column] - 1}, found {rows[row, column]}")
    return np.ravel_multi_index(tuple(rows.T), tuple(sizes)).astype(np.int64)


def grid_fixed_factor(
    sizes: Sequence[int], votes: int, batch: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw FactorVAE batches on a full grid: indices (votes, batch), factor (votes,)."""
    factor = rng.choice(_varying(sizes), size=votes)
    rows = rng.integers(0, np.asarray(sizes), size=(votes, batch, len(sizes)))
    vote = np.arange(votes)
    rows[vote, :, factor] = rows[vote, 0, factor][:, None]
    return np.ravel_multi_index(tuple(np.moveaxis(rows, -1, 0)), tuple(sizes)), factor


def grid_pairs(
    sizes: Sequence[int], votes: int, batch: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw BetaVAE pairs on a full grid: first (votes, batch), second (votes, batch), factor (votes,)."""
    factor = rng.choice(_varying(sizes), size=votes)
    first = rng.integers(0, np.asarray(sizes), size=(votes, batch, len(sizes)))
    second = rng.integers(0, np.asarray(sizes), size=(votes, batch, len(sizes)))
    vote = np.arange(votes)
    second[vote, :, factor] = first[vote, :, factor]
    flat = [np.ravel_multi_index(tuple(np.moveaxis(rows, -1, 0)), tuple(sizes)) for rows in (first, second)]
    return flat[0], flat[1], factor


def grid_changes(sizes: Sequence[int], images: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw images, and set each factor in turn to each value: one array (size, images, n_factors) per factor."""
    changed = []
    for k, size in enumerate(sizes):
        rows = rng.integers(0, np.asarray(sizes), size=(images, len(sizes)))
        rows = np.repeat(rows[np.newaxis], size, axis=0)
        rows[:, :, k] = np.arange(size)[:, np.newaxis]
        changed.append(rows)
    return changed


def group_by_factor(factors: np.ndarray, names: Sequence[str]) -> list[FactorGroups | None]:
    """Return the groups of each factor, or None where it is constant or no value has two images."""
    groups = [_groups(factors[:, k]) for k in range(factors.shape[1])]
    values = [len(np.unique(column[column != MISSING])) for column in factors.T]
    lone = [str(names[k]) for k, g in enumerate(groups) if g is None and values[k] > 1]
    if lone and len(lone) < len(groups):
        warnings.warn(f"no two images share a value of {', '.join(lone)}: left out of the interventions", stacklevel=3)
    if all(g is None for g in groups):
        why = "each value has a single image" if lone else "every factor is constant"
        raise SelectdisError(
            f"the FactorVAE and BetaVAE scores hold a factor and let the others vary, which needs two images with the "
            f"same value: in {', '.join(names)} {why}"
        )
    return groups


def groups_fixed_factor(
    groups: Sequence[FactorGroups | None], votes: int, batch: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw FactorVAE batches on a labelled set: a random image's value is held, the batch drawn among its equals."""
    factor = rng.choice([k for k, g in enumerate(groups) if g is not None], size=votes)
    anchor, among = rng.random(votes), rng.random((votes, batch))
    indices = np.empty((votes, batch), dtype=np.int64)
    for k, group in enumerate(groups):
        if group is not None:
            vote = factor == k
            at = (anchor[vote] * len(group.order)).astype(np.int64)
            step = (among[vote] * group.equals[at][:, None]).astype(np.int64)
            indices[vote] = group.order[group.start[at][:, None] + step]
    return indices, factor


def groups_pairs(
    groups: Sequence[FactorGroups | None], votes: int, batch: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw BetaVAE pairs on a labelled set: a random image and another one with the same value."""
    factor = rng.choice([k for k, g in enumerate(groups) if g is not None], size=votes)
    one, other = rng.random((votes, batch)), rng.random((votes, batch))
    first, second = np.empty((votes, batch), dtype=np.int64), np.empty((votes, batch), dtype=np.int64)
    for k, group in enumerate(groups):
        if group is not None:
            vote = factor == k
            at = (one[vote] * len(group.order)).astype(np.int64)
            start, count = group.start[at], group.equals[at]
            step = 1 + (other[vote] * (count - 1)).astype(np.int64)  # never the image itself
            first[vote] = group.order[at]
            second[vote] = group.order[start + (at - start + step) % count]
    return first, second, factor


def _varying(sizes: Sequence[int]) -> np.ndarray:
    varying = np.flatnonzero(np.asarray(sizes) > 1)
    if len(varying) < 2:
        raise SelectdisError(
            f"the FactorVAE and BetaVAE scores hold one factor and let the others vary: at least two factors must "
            f"have more than one value, found sizes {tuple(sizes)}"
        )
    return varying


def _groups(values: np.ndarray) -> FactorGroups | None:
    """Sort the images that have a value by it, and keep the values that at least two images share."""
    known = np.flatnonzero(values != MISSING)
    _, inverse, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    if len(counts) < 2 or counts.max() < 2:
        return None
    order = np.argsort(inverse, kind="stable")
    order = order[counts[inverse[order]] > 1]
    kept = counts[counts > 1]
    start = np.repeat(np.cumsum(kept) - kept, kept)
    return FactorGroups(known[order].astype(np.int64), start, np.repeat(kept, kept))
