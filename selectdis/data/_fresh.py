"""What is drawn on top of plain images anew each time one is used: colours, noise, a backdrop.

The random numbers are a hash of where an image is used (candidate's seed, step, place in the batch), and of the pixel:
there is no state to carry, a resumed training and another cohort see the same ones. The arithmetic is that of 64-bit
integers that wrap around, which arrays and tensors on any device share, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from selectdis.data.reading._lazy import LazyImages, Subset, render_small

__all__ = ["Draw", "FreshDraws", "counting", "hashed", "lanes", "uniform"]

Draw = Callable[[Any, Any], Any]  # float (k, c0, h, w) in 0..1, int64 keys (k,) -> float (k, c, h, w), of the same kind


def _wrapped(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


GOLDEN = _wrapped(0x9E3779B97F4A7C15)  # Steele et al. 2014 (SplitMix64): increment and finaliser
MIX = ((30, _wrapped(0xBF58476D1CE4E5B9)), (27, _wrapped(0x94D049BB133111EB)))
LANES = 4  # numbers of 16 bits in a hash
BLOCK = 64  # images drawn at once, whose 64-bit integers then fit the cache


def hashed(keys: Any, words: Any) -> Any:
    """Return int64 hashes of `keys` and `words`, which broadcast: arrays or tensors; `words` may be an int."""
    step = _wrapped((words + 1) * GOLDEN) if isinstance(words, int) else (words + 1) * GOLDEN
    bits = keys + step
    for shift, factor in MIX:
        bits = (bits ^ ((bits >> shift) & ((1 << (64 - shift)) - 1))) * factor
    return bits ^ ((bits >> 31) & ((1 << 33) - 1))


def lanes(keys: Any, count: int) -> Any:
    """Return int16 numbers (k, count), any of them as likely, for int64 keys (k,)."""
    return _as_int16(hashed(keys[:, None], counting(-(-count // LANES), keys)))[:, :count]


def uniform(keys: Any, shape: tuple[int, ...], like: Any) -> Any:
    """Return multiples of 2^-16 in [0, 1): (k, *shape) for int64 keys (k,), of the kind and dtype of `like`."""
    numbers = lanes(keys, math.prod(shape)).reshape(len(keys), *shape)
    return _floats(numbers, like) * 2.0**-16 + 0.5


def _as_int16(bits: Any) -> Any:
    if isinstance(bits, np.ndarray):
        return bits.view(np.int16)
    import torch  # which whoever has tensors has loaded

    return bits.view(torch.int16)


def counting(n: int, like: Any) -> Any:
    """Return 0, 1, ..., n - 1, int64, of the kind of `like`."""
    return np.arange(n) if isinstance(like, np.ndarray) else like.new_ones(n).cumsum(0) - 1


def _floats(numbers: Any, like: Any) -> Any:
    return numbers.astype(like.dtype) if isinstance(numbers, np.ndarray) else numbers.to(like.dtype)


@dataclass(frozen=True, eq=False)
class FreshDraws:
    """Plain images, and what each use of one draws on top.

    Parameters
    ----------
    base : array-like
        uint8 (n, c0, h, w), as `ImageDataset.images`.
    draw : callable
        See `Draw`; it computes the same for arrays and tensors.
    seed : int
        Of the data set.
    """

    base: Any
    draw: Draw
    seed: int = 0

    def images(self, shape: tuple[int, int, int, int], seed: int = 0) -> LazyImages:
        """Return uint8 images of `shape` with one draw of each, by its index and the seed."""
        return LazyImages(shape, FixedDraws(self.base, self.draw, (self.seed, seed)))

    def subset(self, index: np.ndarray) -> FreshDraws:
        """Return those of the plain images."""
        shape = (len(index), *self.base.shape[1:])
        return replace(self, base=render_small(LazyImages(shape, Subset(self.base, index))))


@dataclass(frozen=True, eq=False)
class FixedDraws:
    """Renders one draw of each image."""

    base: Any
    draw: Draw
    seeds: tuple[int, ...]

    @property
    def through(self) -> Any:
        """What it looks through to: what is drawn on it is never kept."""
        return self.base

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        blocks = [self._block(indices[start : start + BLOCK]) for start in range(0, len(indices), BLOCK)]
        return np.concatenate(blocks) if blocks else self._block(indices)

    def _block(self, indices: np.ndarray) -> np.ndarray:
        keys = np.zeros(1, np.int64)
        for word in self.seeds:
            keys = hashed(keys, word)
        plain = np.asarray(self.base[indices]).astype(np.float32) / 255
        return np.rint(self.draw(plain, hashed(keys, indices.astype(np.int64))) * 255).astype(np.uint8)
