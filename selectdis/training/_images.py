"""The images of a training: uint8 in memory, resident on the device where they fit, taken by index in the step.

What a data set draws anew at each use (`ImageDataset.fresh`) is drawn there, on top of plain images.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import warnings
import weakref
from typing import Any

import numpy as np
import torch
from torch import Tensor

from selectdis.data._pairs import Pairs
from selectdis.data.reading._lazy import Subset
from selectdis.errors import SelectdisError
from selectdis.training._memory import device_memory, fits_in_memory

__all__ = ["ImageBank", "fingerprint", "image_shape", "in_memory", "pairs_of"]

_whole: dict[int, np.ndarray] = {}  # lazy arrays that were read, by their identity

RESIDENT_SHARE = 0.5  # of the free memory of a device
SENT_BYTES = 2**28  # that are read on the host at a time, for a device


def image_shape(data: Any) -> tuple[int, int, int]:
    """Return the (c, h, w) of a data set, checked."""
    images = getattr(data, "images", None)
    if not (hasattr(images, "shape") and hasattr(images, "dtype")):
        raise SelectdisError(
            f"training takes a data set with uint8 images (n, channels, height, width), found {type(data).__name__}; "
            "load one with load_dataset, which takes arrays too"
        )
    shape = tuple(int(side) for side in data.images.shape)
    if len(shape) != 4 or shape[0] < 1 or data.images.dtype != np.uint8:
        raise SelectdisError(
            f"a data set's images must be uint8 (n, channels, height, width), n >= 1, found {data.images.dtype} {shape}"
        )
    return shape[1:]


def fingerprint(data: Any) -> str:
    """Return a short name of what the images hold, from their number, shape and 64 of them."""
    count = len(data.images)
    digest = hashlib.sha256(repr((count, image_shape(data))).encode())
    for i in np.unique(np.linspace(0, count - 1, 64).astype(np.int64)):
        digest.update(np.ascontiguousarray(data.images[int(i)]).tobytes())
    return digest.hexdigest()[:16]


def pairs_of(data: Any) -> Pairs:
    """Return what draws the pairs of a data set.

    Raises
    ------
    SelectdisError
        If it cannot give any.
    """
    source = getattr(data, "pairs", None)
    if source is None:
        raise SelectdisError(
            f"Ada-GVAE and Ada-ML-VAE learn from pairs of images, and {getattr(data, 'name', 'this data set')!r} gives "
            f"none: {getattr(data, 'no_pairs', 'it holds plain images')}"
        )
    return source


def in_memory(images: Any) -> Any:
    """Read a lazy array whole, where it fits, and keep it for the next cohort as long as it lives."""
    if isinstance(images, np.ndarray):
        return images
    if (mapped := getattr(images, "in_file", None)) is not None:
        return mapped
    if id(images) in _whole:
        return _whole[id(images)]
    if not fits_in_memory(images):
        return images
    whole = np.asarray(images[:])
    with contextlib.suppress(TypeError):  # of a kind that cannot be watched
        weakref.finalize(images, _whole.pop, id(images), None)
        _whole[id(images)] = whole
    return whole


class ImageBank:
    """Images by index, as floats in [0, 1].

    Where the images are an ndarray (a memory-map included), or some of one, the CPU reads them in place. A CUDA device
    gets a copy when half of its free memory is enough. Other lazy arrays are read once where a quarter of the free
    memory is enough. Else each batch is fetched on the host.
    """

    def __init__(
        self, data: Any, device: torch.device, dtype: torch.dtype, *, raw: bool = False, channels_last: bool = False
    ) -> None:
        image_shape(data)
        self._raw, self._channels_last = raw, channels_last
        self._fresh = getattr(data, "fresh", None)
        self._source = data.images if self._fresh is None else self._fresh.base
        self._device, self._dtype = device, dtype
        self._places: Tensor | None = None  # of the images in what is resident, where that holds others too
        self._resident = self._load()

    def _load(self) -> Tensor | None:
        if self._device.type != "cpu":
            fits = math.prod(self._source.shape) <= RESIDENT_SHARE * device_memory(self._device)
            return self._laid_out(self._sent()) if fits else None
        images, places = _in_place(self._source)
        self._places = None if places is None else torch.from_numpy(places)
        images = in_memory(images)
        return self._laid_out(_tensor(images)) if isinstance(images, np.ndarray) else None

    def _laid_out(self, images: Tensor) -> Tensor:
        return self._ordered(images) if self._fresh is None else images  # else what is drawn on them is

    def _ordered(self, rows: Tensor) -> Tensor:
        return rows.permute(0, 2, 3, 1).contiguous() if self._channels_last else rows

    @property
    def resident(self) -> bool:
        """Whether the images are in the memory where they are used."""
        return self._resident is not None

    def _sent(self) -> Tensor:
        """All images on the device, read in parts: the host need not hold them all."""
        rows = max(1, SENT_BYTES // max(math.prod(self._source.shape[1:]), 1))
        images = torch.empty(tuple(self._source.shape), dtype=torch.uint8, device=self._device)
        for start in range(0, len(images), rows):
            part = self._source[start : start + rows]
            images[start : start + rows] = _tensor(np.asarray(part)).to(self._device)
        return images

    @property
    def draws(self) -> bool:
        """Whether each use of an image needs a key, which says what is drawn on it."""
        return self._fresh is not None

    def take(self, indices: Tensor, *, batch_first: bool, keys: Tensor | None = None) -> Tensor:
        """Images (K, B, c, h, w) for indices (K, B); in memory (B, K, c, h, w) where `batch_first` says so.

        A bank made with `raw` gives bytes, save where something is drawn on them; with `channels_last` (K, B, h, w, c).
        What is drawn on each follows from its int64 key, (K, B).
        """
        flat, *flat_keys = (
            (table.t() if batch_first else table).reshape(-1) for table in (indices, keys) if table is not None
        )
        k, batch = indices.shape
        rows = self._rows(flat)
        if self._raw and self._fresh is None:
            rows = rows if self.resident else self._ordered(rows)
            return rows.view(k, batch, *rows.shape[1:])
        rows = rows.to(self._dtype).div_(255)
        if self._fresh is not None:
            rows = self._ordered(self._fresh.draw(rows, *flat_keys))
        shape = rows.shape[1:]
        return rows.view(batch, k, *shape).transpose(0, 1) if batch_first else rows.view(k, batch, *shape)

    def _rows(self, flat: Tensor) -> Tensor:
        if self._resident is not None:
            flat = flat if self._places is None else self._places[flat]
            return self._resident.index_select(0, flat)
        unique, inverse = np.unique(flat.cpu().numpy(), return_inverse=True)  # lazy arrays want increasing indices
        return torch.from_numpy(np.asarray(self._source[unique])[inverse]).to(self._device, non_blocking=True)


def _in_place(images: Any) -> tuple[Any, np.ndarray | None]:
    """Return the array that `images` are some of, and their indices in it; else themselves and None."""
    places: np.ndarray | None = None
    found = images
    while isinstance(render := getattr(found, "render", None), Subset) and getattr(found, "in_file", None) is None:
        places = render.indices if places is None else render.indices[places]
        found = render.images
    found = found if isinstance(found, np.ndarray) else getattr(found, "in_file", None)
    return (images, None) if found is None else (found, places)


def _tensor(images: np.ndarray) -> Tensor:
    with warnings.catch_warnings():  # read-only memory-maps are read only here too
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(images) if not images.flags.c_contiguous else images)
