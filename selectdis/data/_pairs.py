"""Pairs of images that share some factors, for objectives that learn from them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from selectdis._factors import MISSING
from selectdis.errors import SelectdisError

__all__ = ["FactorPairs", "ListedPairs", "Pairs", "check_listed"]

TRIED = 1_000  # proposals by which a data set with gaps is judged
FOUND = 0.01  # the share of them that has an image, at least: below it a draw would hardly end


class Pairs(Protocol):
    """What draws pairs of images of a data set."""

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw n pairs: the indices of their first and of their second images, int64 (n,) each."""

    @property
    def fingerprint(self) -> str:
        """A short name of what is drawn from, by which a training that goes on knows it."""


@dataclass(frozen=True, eq=False)
class ListedPairs:
    """Pairs that somebody listed, each as likely, and each of its images as often the first.

    Parameters
    ----------
    pairs : (m, 2) int64
        Indices of images.
    """

    pairs: np.ndarray

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """See `Pairs`."""
        drawn, first = self.pairs[rng.integers(len(self.pairs), size=n)], rng.integers(2, size=n)
        places = np.arange(n)
        return drawn[places, first], drawn[places, 1 - first]

    @cached_property
    def fingerprint(self) -> str:
        """See `Pairs`."""
        return hashlib.sha256(np.ascontiguousarray(self.pairs).tobytes()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class FactorPairs:
    """Pairs of which k factors differ and the others agree (Locatello et al. 2020, section 5).

    The first image is any, the k factors are any of those that vary, and each takes any of its other values. Where no
    image has them, the pair is drawn anew.

    Parameters
    ----------
    sizes : tuple of int
        Values of each factor.
    factors : (n, n_factors) int64, optional
        Of each image, -1 for none; None means a full grid, the last factor changing fastest.
    differ_in : int, optional
        k; by default drawn for each pair, from 1 to all factors that vary but one.

    Raises
    ------
    SelectdisError
        If such pairs cannot be drawn, with the reason.
    """

    sizes: tuple[int, ...]
    factors: np.ndarray | None = None
    differ_in: int | None = None

    def __post_init__(self) -> None:
        varying = len(self._varying)
        if varying < 2:
            raise SelectdisError(f"a pair shares some factors and differs in others, and of its factors {varying} vary")
        if self.differ_in is not None and self.differ_in >= varying:
            raise SelectdisError(
                f"of its factors {varying} vary, so that 1 to {varying - 1} can differ in a pair, not {self.differ_in}"
            )
        rng = np.random.default_rng(0)
        for k in range(*self._range) if self.factors is not None else ():
            if not len(self._known) or (self._propose(np.full(TRIED, k), rng)[1] >= 0).mean() < FOUND:
                raise SelectdisError(f"too few of its images differ in {k} factors and agree in the others")

    def draw(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """See `Pairs`."""
        k = rng.integers(*self._range, size=n)
        first, second = np.empty((2, n), np.int64)
        left = np.arange(n)
        while len(left):
            images, partners = self._propose(k[left], rng)
            there = partners >= 0
            first[left[there]], second[left[there]] = images[there], partners[there]
            left = left[~there]
        return first, second

    @cached_property
    def fingerprint(self) -> str:
        """See `Pairs`."""
        digest = hashlib.sha256(repr((self.sizes, self.differ_in)).encode())
        if self.factors is not None:
            digest.update(np.ascontiguousarray(self.factors).tobytes())
        return digest.hexdigest()[:16]

    @property
    def _range(self) -> tuple[int, int]:
        """The smallest k, and one more than the largest."""
        return (1, len(self._varying)) if self.differ_in is None else (self.differ_in, self.differ_in + 1)

    def _propose(self, k: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw an image and what differs in `k` of its factors: indices (n,) twice, the second -1 where none has it."""
        n = len(k)
        images, rows = self._any(n, rng)
        changes = np.zeros(rows.shape, bool)
        order = rng.random((n, len(self._varying))).argsort(axis=1)
        changes[:, self._varying] = order.argsort(axis=1) < k[:, None]
        sizes = np.asarray(self.sizes)
        others = (rows + 1 + rng.integers(np.maximum(sizes - 1, 1), size=rows.shape)) % sizes
        wanted = np.ravel_multi_index(tuple(np.where(changes, others, rows).T), self.sizes)
        return images, wanted if self.factors is None else self._any_with(wanted, rng)

    def _any(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw images: their indices (n,) and factors (n, n_factors)."""
        if self.factors is None:
            rows = rng.integers(self.sizes, size=(n, len(self.sizes)))
            return np.ravel_multi_index(tuple(rows.T), self.sizes), rows
        images = self._known[rng.integers(len(self._known), size=n)]
        return images, self.factors[images]

    def _any_with(self, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return any image of each combination of factors, by its place in the full grid; -1 where there is none."""
        keys, order = self._by_combination
        start, stop = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")
        place = start + rng.integers(np.maximum(stop - start, 1))
        return np.where(stop > start, order[np.minimum(place, len(order) - 1)], -1)

    @cached_property
    def _varying(self) -> np.ndarray:
        """Factors that have more than one value."""
        if self.factors is None:
            return np.flatnonzero(np.asarray(self.sizes) > 1)
        known = self.factors[self._known]
        return np.flatnonzero(known.min(axis=0) < known.max(axis=0)) if len(known) else np.empty(0, np.int64)

    @cached_property
    def _known(self) -> np.ndarray:
        """Images all of whose factors are known."""
        assert self.factors is not None
        return np.flatnonzero((self.factors != MISSING).all(axis=1))

    @cached_property
    def _by_combination(self) -> tuple[np.ndarray, np.ndarray]:
        """Each known image's place in the full grid, in ascending order, and the images in that order."""
        assert self.factors is not None
        flat = np.ravel_multi_index(tuple(self.factors[self._known].T), self.sizes)
        order = np.argsort(flat, kind="stable")
        return flat[order], self._known[order]


def check_listed(name: str, pairs: np.ndarray, n: int) -> np.ndarray:
    """Return listed pairs of a data set as int64 (m, 2), checked."""
    pairs = np.asarray(pairs)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not len(pairs) or pairs.dtype.kind not in "iu":
        raise SelectdisError(
            f"pairs are int (m, 2) indices of images, m >= 1; {name!r} has {pairs.dtype} {pairs.shape}"
        )
    if pairs.min() < 0 or pairs.max() >= n:
        raise SelectdisError(f"pairs of {name!r} must lie in 0..{n - 1}, found {pairs.min()}..{pairs.max()}")
    return pairs.astype(np.int64)
