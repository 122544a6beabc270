"""What drawn families share: a grid of factors, drawn in small blocks, and factors that go together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import scipy

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import IMAGE_SIZES, Sizes, check_drawn_size, check_sizes, spaced
from selectdis.data.reading._lazy import LazyImages, render_small
from selectdis.errors import SelectdisError

__all__ = ["Draw", "Factor", "GridRenderer", "around", "check_correlation", "classes", "drawn_grid", "span"]

BLOCK_PIXELS = 2**17  # of one plane: what a drawing computes then fits the cache
STRONGEST = 0.95  # correlation: beyond it hardly anything but the diagonal is left
SHARPEST = 100.0  # by the square of half a range: hardly anything is then left beside the diagonal of ten values
# Values of the factors, (k,) each; pixels per side; one channel instead of three -> float32 (k, c, side, side) in 0..1
Draw = Callable[[Mapping[str, np.ndarray], int, bool], np.ndarray]


@dataclass(frozen=True)
class Factor:
    """One factor of a drawn family.

    Parameters
    ----------
    defaults : tuple of int
        How many values it takes by default at 64, 32 and 16 pixels.
    values : callable
        From their number to the values, (n,).
    most : int, optional
        The largest number of values, where there is one.
    """

    defaults: tuple[int, int, int]
    values: Callable[[int], np.ndarray]
    most: int | None = None


def span(low: float, high: float, *defaults: int) -> Factor:
    """Return a factor with evenly spaced values, both ends included."""
    return Factor(_three(defaults), partial(spaced, low, high))


def around(turn: float, *defaults: int) -> Factor:
    """Return a factor that goes around a circle of `turn`, whose last value stops short of the first."""
    return Factor(_three(defaults), partial(np.linspace, 0, turn, endpoint=False))


def classes(most: int, *defaults: int) -> Factor:
    """Return a factor of `most` kinds without an order: 0, 1, ..."""
    return Factor(_three(defaults), np.arange, most)


def _three(defaults: tuple[int, ...]) -> tuple[int, int, int]:
    at_64, at_32, at_16 = defaults if len(defaults) == 3 else defaults * 3
    return at_64, at_32, at_16


def drawn_grid(
    name: str,
    draw: Draw,
    factors: Mapping[str, Factor],
    *,
    image_size: int,
    sizes: Sizes,
    gray: bool,
    correlation: float,
    pair: tuple[str, str],
    instances: int = 1,
) -> ImageDataset:
    """Return every combination of `factors`, or with a `correlation` those that go together.

    Parameters
    ----------
    name : str
        Of the data set.
    draw : callable
        See `Draw`; a function of a module, so that it can be pickled.
    factors : mapping of str to Factor
        In their order, the last one changing fastest.
    image_size, sizes
        As every drawn data set takes them.
    gray : bool
        One channel instead of three.
    correlation : float
        Of the two factors of `pair`; see `_together`.
    pair : tuple of str
        Their names.
    instances : int
        Images of each combination; above 1 the drawing also gets the ``instance``, which is no factor.
    """
    size, together = check_drawn_size(image_size), check_correlation(correlation)
    place = IMAGE_SIZES.index(size)
    defaults = {name: factor.defaults[place] for name, factor in factors.items()}
    most = {name: factor.most for name, factor in factors.items() if factor.most is not None}
    chosen = check_sizes(sizes, defaults, most)
    values = {name: factor.values(n) for (name, factor), n in zip(factors.items(), chosen, strict=True)}
    labels = None
    if instances > 1:
        values["instance"] = np.arange(instances)
        labels = np.repeat(np.indices(chosen).reshape(len(chosen), -1).T, instances, axis=0)
    shape = (math.prod(chosen) * instances, 1 if gray else 3, size, size)
    images = LazyImages(shape, GridRenderer(draw, values, size, gray))
    if not together:
        return ImageDataset(name, render_small(images), tuple(factors), chosen, labels, source="rendered")
    data = ImageDataset(name, images, tuple(factors), chosen, labels, source="rendered")
    columns = [list(factors).index(factor) for factor in pair]
    return data.subset(_together(data.factors_at(range(len(data)))[:, columns], together))


@dataclass(frozen=True, eq=False)
class GridRenderer:
    """Indices into the grid -> pictures."""

    draw: Draw
    values: Mapping[str, np.ndarray]  # of each factor, (size,)
    image_size: int
    gray: bool

    def __call__(self, indices: np.ndarray) -> np.ndarray:
        out = np.empty((len(indices), 1 if self.gray else 3, self.image_size, self.image_size), dtype=np.uint8)
        block = max(1, BLOCK_PIXELS // self.image_size**2)
        for start in range(0, len(indices), block):
            out[start : start + block] = self._block(indices[start : start + block])
        return out

    def _block(self, indices: np.ndarray) -> np.ndarray:
        at = np.unravel_index(indices, tuple(len(values) for values in self.values.values()))
        chosen = {name: _single(values)[k] for (name, values), k in zip(self.values.items(), at, strict=True)}
        return np.rint(255 * np.clip(self.draw(chosen, self.image_size, self.gray), 0, 1)).astype(np.uint8)


def _single(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if values.dtype == np.float64 else values


def check_correlation(correlation: float) -> float:
    """Return a correlation from -0.95 to 0.95."""
    if isinstance(correlation, bool) or not isinstance(correlation, int | float) or not abs(correlation) <= STRONGEST:
        raise SelectdisError(f"correlation is a number from -{STRONGEST} to {STRONGEST}, found {correlation!r}")
    return float(correlation)


def _together(pairs: np.ndarray, correlation: float) -> np.ndarray:
    """Return int64 indices of the images to keep, so that two factors go together and each stays evenly spread.

    Parameters
    ----------
    pairs : (n, 2) int
        The two factors of each image of a grid.
    correlation : float
        Of their values, in 0, 1, ...
    """
    n_first, n_second = pairs.max(axis=0) + 1
    joint = _joint(n_first, n_second, correlation)
    cells = np.ravel_multi_index(tuple(pairs.T), joint.shape)
    rng = np.random.default_rng(0)
    kept = []
    for cell, share in enumerate((joint / joint.max()).ravel()):
        members = np.flatnonzero(cells == cell)
        kept.append(rng.permutation(members)[: round(share * len(members))])
    return np.sort(np.concatenate(kept)).astype(np.int64)


def _joint(n_first: int, n_second: int, correlation: float) -> np.ndarray:
    """Return float64 (n_first, n_second): a distribution of two even factors with a `correlation`.

    In proportion to exp(-sharpness (a - b)^2), as in Träuble et al. 2021 (On Disentangled Representations Learned from
    Correlated Data, section 3), and then balanced (Sinkhorn 1964), so that each factor alone stays even.
    """
    first, second = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in (n_first, n_second))
    distance = (first[:, None] - np.sign(correlation) * second) ** 2

    def balanced(sharpness: float) -> np.ndarray:
        joint = np.exp(-sharpness * distance)
        for _ in range(200):
            joint /= joint.sum(axis=1, keepdims=True) * n_first
            joint /= joint.sum(axis=0) * n_second
        return joint

    def excess(sharpness: float) -> float:
        spread = np.sqrt((first**2).mean() * (second**2).mean())
        found = first @ balanced(sharpness) @ second / spread if spread else 0.0
        return float(abs(found) - abs(correlation))

    if (short := excess(SHARPEST)) < 0:
        raise SelectdisError(
            f"a correlation of {correlation} cannot be had between {n_first} and {n_second} values, at most "
            f"{np.floor(100 * (short + abs(correlation))) / 100}: give both more values, or the same number of them"
        )
    return balanced(scipy.optimize.brentq(excess, 0, SHARPEST, xtol=1e-6))
