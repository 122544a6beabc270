"""Images, with or without known factors of variation."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from selectdis._factors import MISSING
from selectdis.data import _interventions as draws
from selectdis.data._fresh import FreshDraws
from selectdis.data._pairs import FactorPairs, ListedPairs, Pairs, check_listed
from selectdis.data.reading._lazy import LazyImages, Subset, render_small
from selectdis.data.reading._originals import Originals
from selectdis.data.reading._rendered import draw_once
from selectdis.data.reading._scaling import Scaling
from selectdis.errors import SelectdisError

__all__ = ["ImageDataset"]


@dataclass(frozen=True, eq=False)
class ImageDataset:
    """Images and what is known about how they were made.

    Parameters
    ----------
    name : str
        What load_dataset was asked for, for tables and tracking.
    images : array-like
        uint8 (n, channels, height, width), 0..255: an array, a memory-map, or lazy (`shape`, `dtype`, `len`, indexed by
        int, slice and int array).
    factor_names, factor_sizes : tuple
        One entry per factor of variation; empty where nothing is known.
    factors : (n, n_factors) int64, optional
        Class indices 0..size-1, or -1 where an image has no value. None, with `factor_sizes` set, means a full grid:
        every combination once, the last factor changing fastest.
    source : str
        Where the images came from ("rendered", a path, ...).
    factor_values : tuple of tuple of str
        The names of each factor's classes where they have some, else empty.
    fresh : FreshDraws, optional
        What training draws on top of plain images anew at each use; `images` then show one draw of each.
    listed_pairs : (m, 2) int64, optional
        Indices of images that share some factors, such as neighbouring frames.
    pairs_differ_in : int, optional
        How many factors differ between two images that are drawn as a pair by their factors; by default drawn too.
    files : tuple of str
        The file of each image, as its folder or table names it; empty where images have none.
    left_out : tuple of (str, str)
        Files that could not be read, and why.
    image_fit : str
        How pictures became squares, "crop", "stretch" or "pad"; empty where nothing had to.
    originals : Originals, optional
        What the files of pictures held, and how it was scaled to 0..255.

    Raises
    ------
    SelectdisError
        Where images, names, sizes and factors do not fit one another.
    """

    name: str
    images: Any
    factor_names: tuple[str, ...] = ()
    factor_sizes: tuple[int, ...] = ()
    factors: np.ndarray | None = None
    source: str = ""
    factor_values: tuple[tuple[str, ...], ...] = ()
    fresh: FreshDraws | None = None
    listed_pairs: np.ndarray | None = None
    pairs_differ_in: int | None = None
    files: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    image_fit: str = ""
    originals: Originals | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "factor_names", tuple(str(name) for name in self.factor_names))
        object.__setattr__(self, "factor_sizes", tuple(int(size) for size in self.factor_sizes))
        object.__setattr__(self, "files", tuple(str(file) for file in self.files))
        object.__setattr__(self, "left_out", tuple((str(file), str(why)) for file, why in self.left_out))
        _check_images(self)
        _check_factors(self)
        if self.listed_pairs is not None:
            object.__setattr__(self, "listed_pairs", check_listed(self.name, self.listed_pairs, len(self)))

    def __len__(self) -> int:
        return int(self.images.shape[0])

    def __repr__(self) -> str:
        factors = ", ".join(f"{n} {s}" for n, s in zip(self.factor_names, self.factor_sizes, strict=True))
        return f"ImageDataset({self.name!r}, {len(self)} images {self.image_shape}, factors: {factors or 'unknown'})"

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        _, c, h, w = self.images.shape
        return int(c), int(h), int(w)

    @property
    def labelled(self) -> bool:
        """Whether the factors are known."""
        return bool(self.factor_sizes)

    @property
    def is_grid(self) -> bool:
        """Whether every combination of factors is there exactly once, in order."""
        return self.labelled and self.factors is None

    @property
    def scaling(self) -> Scaling:
        """What the option `scaling` is to be for new images, so that they are read as these were."""
        return "type" if self.originals is None else self.originals.scaling

    @property
    def pairs(self) -> Pairs | None:
        """What draws pairs of images: those that are listed, or by the factors; None where neither can be."""
        return None if isinstance(self._pairs, str) else self._pairs

    @property
    def no_pairs(self) -> str:
        """Why no pairs can be drawn; empty where they can."""
        return self._pairs if isinstance(self._pairs, str) else ""

    @cached_property
    def _pairs(self) -> Pairs | str:
        if self.listed_pairs is not None:
            return ListedPairs(self.listed_pairs)
        if not self.labelled:
            return "it has no factors to draw them by (give a table of pairs, pairs:x.csv, or clips, clips:PATH)"
        try:
            return FactorPairs(self.factor_sizes, self.factors, self.pairs_differ_in)
        except SelectdisError as error:
            return str(error)

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits of shape, factors and 64 evenly spaced images: the same data gives the same digits."""
        picked = np.unique(np.linspace(0, len(self) - 1, 64).astype(np.int64))
        digest = hashlib.sha256(repr((self.images.shape, self.factor_names, self.factor_sizes)).encode())
        digest.update(np.ascontiguousarray(self.images_at(picked)).tobytes())
        if self.labelled:
            digest.update(self.factors_at(picked).tobytes())
        if self.listed_pairs is not None:
            digest.update(self.listed_pairs.tobytes())
        if self.pairs_differ_in is not None:
            digest.update(repr(self.pairs_differ_in).encode())
        return digest.hexdigest()[:12]

    def images_at(self, indices: np.ndarray | Sequence[int]) -> np.ndarray:
        """Return uint8 (k, channels, height, width) in memory, for int (k,) `indices`."""
        return np.asarray(self.images[np.asarray(indices, dtype=np.int64)])

    def factors_at(self, indices: np.ndarray | Sequence[int]) -> np.ndarray:
        """Return int64 (k, n_factors) class indices, -1 where there is no value, for int (k,) `indices`."""
        self._need_labels("factors_at")
        index = np.asarray(indices, dtype=np.int64)
        if self.factors is not None:
            return self.factors[index]
        return np.stack(np.unravel_index(index, self.factor_sizes), axis=-1).astype(np.int64)

    def sample_indices(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw int64 (n,) uniformly; an image comes twice only where `n` is more than there are."""
        return rng.choice(len(self), size=n, replace=n > len(self)).astype(np.int64)

    def indices_of(self, factors: np.ndarray) -> np.ndarray:
        """Return int64 (k,): the (first) image with each row of `factors`, int (k, n_factors)."""
        self._need_labels("indices_of")
        rows = np.atleast_2d(np.asarray(factors, dtype=np.int64))
        flat = draws.flat_index(rows, self.factor_names, self.factor_sizes)
        if self.factors is None:
            return flat
        keys, first = self._first_of_combination
        at = np.minimum(np.searchsorted(keys, flat), len(keys) - 1)
        if (missing := keys[at] != flat).any():
            raise SelectdisError(f"no image of {self.name!r} has the factors {rows[missing][0].tolist()}")
        return first[at]

    def draw_fixed_factor(self, votes: int, batch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw batches of images that agree in one factor, for the FactorVAE score (Kim & Mnih 2018, algorithm 2).

        Parameters
        ----------
        votes, batch : int
            How many batches, of how many images.
        rng : numpy.random.Generator
            Of the draw.

        Returns
        -------
        indices : (votes, batch) int64
            Into this data set.
        factor : (votes,) int64
            The factor that all images of the row share. Constant factors are never drawn.
        """
        self._need_labels("draw_fixed_factor")
        if self.factors is None:
            return draws.grid_fixed_factor(self.factor_sizes, votes, batch, rng)
        return draws.groups_fixed_factor(self._groups, votes, batch, rng)

    def draw_pairs(self, votes: int, batch: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw pairs of images that agree in one factor, for the BetaVAE score (Higgins et al. 2017, appendix A.4).

        Parameters
        ----------
        votes, batch : int
            How many batches, of how many pairs.
        rng : numpy.random.Generator
            Of the draw.

        Returns
        -------
        first, second : (votes, batch) int64
            ``first[v, b]`` and ``second[v, b]`` share factor ``factor[v]``.
        factor : (votes,) int64
            Constant factors are never drawn.
        """
        self._need_labels("draw_pairs")
        if self.factors is None:
            return draws.grid_pairs(self.factor_sizes, votes, batch, rng)
        return draws.groups_pairs(self._groups, votes, batch, rng)

    def draw_interventions(self, images: int, rng: np.random.Generator) -> list[np.ndarray] | None:
        """Draw images, and find the same ones with each factor in turn set to each of its values.

        Parameters
        ----------
        images : int
            How many, drawn anew for each factor.
        rng : numpy.random.Generator
            Of the draw.

        Returns
        -------
        list of (size, images) int64
            Indices, one array per factor; None where not every combination of factors has an image.
        """
        self._need_labels("draw_interventions")
        combinations = math.prod(self.factor_sizes)
        if combinations > len(self) or (self.factors is not None and len(self._first_of_combination[0]) < combinations):
            return None
        changed = draws.grid_changes(self.factor_sizes, images, rng)
        return [self.indices_of(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape[:2]) for rows in changed]

    def without_labels(self) -> ImageDataset:
        """Return the same images, with nothing known about them."""
        return replace(self, factor_names=(), factor_sizes=(), factors=None, factor_values=())

    def subset(self, indices: np.ndarray | Sequence[int]) -> ImageDataset:
        """Return the images at `indices`, as a labelled set that is no grid (or an unlabelled one)."""
        index = np.asarray(indices, dtype=np.int64)
        if index.size and (index.min() < 0 or index.max() >= len(self)):
            raise SelectdisError(f"indices must lie in 0..{len(self) - 1}, found {index.min()}..{index.max()}")
        images = render_small(LazyImages((len(index), *self.image_shape), Subset(self.images, index)))
        factors = self.factors_at(index) if self.labelled else None
        fresh = None if self.fresh is None else self.fresh.subset(index)
        files = tuple(self.files[i] for i in index) if self.files else ()
        pairs = self._pairs_among(index)
        return replace(self, images=images, factors=factors, fresh=fresh, listed_pairs=pairs, files=files)

    def _pairs_among(self, index: np.ndarray) -> np.ndarray | None:
        """Return the listed pairs both of whose images are in `index`, as places in it; none is None."""
        if self.listed_pairs is None:
            return None
        place = np.full(len(self), -1)
        place[index] = np.arange(len(index))
        pairs = place[self.listed_pairs]
        kept: np.ndarray = pairs[(pairs >= 0).all(axis=1)]
        return kept if len(kept) else None

    def drawn_once(self, seed: int) -> ImageDataset:
        """Return the same data with one draw of each image by `seed`; itself where nothing is drawn at each use."""
        if self.fresh is None:
            return self
        return replace(self, images=self.fresh.images((len(self), *self.image_shape), seed + 1))

    def draw_once(self) -> None:
        """Draw all images that are only drawn when somebody looks at them, into a file that later ones are read from.

        By all cores, once on a machine, under ``$SELECTDIS_DATA`` (see docs/data.md). Data sets that are in memory or
        in a file are left as they are; of those that draw anew at each use the plain images are kept.
        """
        for images in (self.images, None if self.fresh is None else self.fresh.base):
            draw_once(images, self.name)

    def split(self, fraction: float, seed: int) -> tuple[ImageDataset, ImageDataset]:
        """Return (train, held_out): a random `fraction` of the images, and the rest."""
        n_train = round(fraction * len(self))
        if not 0 < n_train < len(self):
            raise SelectdisError(
                f"a split needs images on both sides: fraction {fraction} of {len(self)} leaves one empty"
            )
        order = np.random.default_rng(seed).permutation(len(self))
        return self.subset(np.sort(order[:n_train])), self.subset(np.sort(order[n_train:]))

    @cached_property
    def _groups(self) -> list[draws.FactorGroups | None]:
        assert self.factors is not None
        return draws.group_by_factor(self.factors, self.factor_names)

    @cached_property
    def _first_of_combination(self) -> tuple[np.ndarray, np.ndarray]:
        assert self.factors is not None
        known = np.flatnonzero((self.factors != MISSING).all(axis=1))
        flat = np.ravel_multi_index(tuple(self.factors[known].T), self.factor_sizes)
        keys, first = np.unique(flat, return_index=True)
        return keys, known[first]

    def _need_labels(self, wanted: str) -> None:
        if not self.labelled:
            raise SelectdisError(f"{wanted} needs known factors, and {self.name!r} has none")


def _check_images(data: ImageDataset) -> None:
    shape, dtype = tuple(data.images.shape), np.dtype(data.images.dtype)
    if len(shape) != 4 or dtype != np.uint8:
        raise SelectdisError(
            f"images are uint8 (n, channels, height, width); {data.name!r} has {dtype} {shape}: "
            "load other layouts through load_dataset"
        )
    if 0 in shape:
        raise SelectdisError(f"{data.name!r} holds no images (shape {shape})")
    if data.files and len(data.files) != shape[0]:
        raise SelectdisError(f"{data.name!r} has {shape[0]} images and names {len(data.files)} files: one for each")


def _check_factors(data: ImageDataset) -> None:
    names, sizes, n = data.factor_names, data.factor_sizes, len(data)
    if len(names) != len(sizes) or len(set(names)) != len(names):
        raise SelectdisError(f"{data.name!r} needs one different name per factor; found {names} for sizes {sizes}")
    if data.factors is None:
        if sizes and int(np.prod(sizes, dtype=np.int64)) != n:
            raise SelectdisError(f"a grid of sizes {sizes} has {int(np.prod(sizes))} images, {data.name!r} has {n}")
        return
    factors = np.asarray(data.factors)
    if factors.shape != (n, len(sizes)) or factors.dtype.kind not in "iu":
        raise SelectdisError(f"factors are int ({n}, {len(sizes)}); {data.name!r} has {factors.dtype} {factors.shape}")
    if (factors < MISSING).any() or (factors >= np.asarray(sizes, dtype=np.int64)).any():
        raise SelectdisError(f"factors of {data.name!r} must lie in 0..size-1 (or be -1: no value) for sizes {sizes}")
    object.__setattr__(data, "factors", factors.astype(np.int64, copy=False))
