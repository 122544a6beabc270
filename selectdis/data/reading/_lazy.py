"""Arrays of images that are made when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from selectdis.data.reading._file_array import MappedArray

__all__ = ["LazyImages", "Subset", "render_small"]

_BLOCK_BYTES = 16 * 2**20  # rendered at a time: bounds the memory of the renderers' intermediate values


class LazyImages:
    """uint8 (n, channels, height, width), made on indexing; ``np.asarray`` makes them all.

    Parameters
    ----------
    shape : tuple of int
        (n, channels, height, width).
    render : callable
        int64 (k,) indices in 0..n-1 -> uint8 (k, channels, height, width). Must be picklable, so that a data set can
        travel to a worker process.
    """

    dtype = np.dtype(np.uint8)
    ndim = 4

    def __init__(self, shape: tuple[int, int, int, int], render: Callable[[np.ndarray], np.ndarray]) -> None:
        self.shape = tuple(int(side) for side in shape)
        self.render = render
        self.kept: MappedArray | None = None  # the file that all of them were drawn into
        self.refused = False  # whether there was no room for one

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all images once rendered."""
        return int(np.prod(self.shape, dtype=np.int64))

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, (int, np.integer)):
            return self._rendered(_positive(np.array([key]), len(self)))[0]
        if isinstance(key, slice):
            return self._rendered(np.arange(*key.indices(len(self)), dtype=np.int64))
        if key is Ellipsis:
            return self._rendered(np.arange(len(self)))
        if isinstance(key, tuple):
            raise TypeError("lazy images are indexed along their first axis only; use images[rows][...] instead")
        index = np.asarray(key)
        if index.dtype == bool:
            index = np.flatnonzero(index)
        flat = self._rendered(_positive(index.astype(np.int64).reshape(-1), len(self)))
        return flat.reshape(*index.shape, *self.shape[1:])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("lazy images cannot be had without a copy")
        images = self[:]
        return images if dtype is None else images.astype(dtype, copy=False)

    @property
    def in_file(self) -> np.ndarray | None:
        """All images, memory-mapped, where they are in a file as they are; else None."""
        try:
            return None if self.kept is None else self.kept.array()
        except OSError:  # cleared since: drawn again
            self.kept = None
            return None

    def _rendered(self, indices: np.ndarray) -> np.ndarray:
        if (images := self.in_file) is not None:
            return np.asarray(images[indices])
        out = np.empty((len(indices), *self.shape[1:]), dtype=np.uint8)
        block = max(1, _BLOCK_BYTES // int(np.prod(self.shape[1:])))
        for start in range(0, len(indices), block):
            out[start : start + block] = self.render(indices[start : start + block])
        return out


@dataclass(frozen=True)
class Subset:
    """Renders some images of another array-like: what `ImageDataset.subset` looks through."""

    images: Any
    indices: np.ndarray  # int64 (k,)

    @property
    def through(self) -> Any:
        """What it looks through to."""
        return self.images

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        return np.asarray(self.images[self.indices[indices]])


def render_small(images: LazyImages, limit: int = 32 * 2**20) -> np.ndarray | LazyImages:
    """Render at once what is at most `limit` bytes (reading it later is then free); leave the rest lazy."""
    return np.asarray(images) if images.nbytes <= limit else images


def _positive(indices: np.ndarray, n: int) -> np.ndarray:
    """Count negative indices from the end, as in numpy; those outside raise IndexError."""
    if indices.size and (indices.min() < -n or indices.max() >= n):
        raise IndexError(f"index out of range for {n} images")
    return np.where(indices < 0, indices + n, indices)
