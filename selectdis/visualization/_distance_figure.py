"""How far a data set is from those of the evidence: one figure, with the pictures of the nearest."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from selectdis.data import ImageDataset, load_dataset
from selectdis.errors import SelectdisError
from selectdis.visualization._theme import INK, MUTED, figure_style, new_figure, series_color

if TYPE_CHECKING:
    from selectdis.selection.archive._distance import Distance
    from selectdis.visualization._figure import ShownFigure as Figure

__all__ = ["distance_figure"]

NEAREST, SHOWN = 3, 8  # data sets whose pictures are shown, and pictures of each


def distance_figure(distance: Distance, data: ImageDataset, *, seed: int = 0) -> Figure:
    """Draw the distances to the data sets of the evidence, how far rules were tried, and pictures of the nearest.

    Parameters
    ----------
    distance : Distance
        Of `Transfer.distance`.
    data : ImageDataset
        That it is about.
    seed : int
        Of the choice of pictures.

    Returns
    -------
    Figure
    """
    nearest, tried = distance.nearest, float(distance.among.max())
    sets = [(data.name, data), *((str(name), _load(str(name), data)) for name in nearest.index[:NEAREST])]
    rows = [(name, own) for name, own in sets if own is not None]
    with figure_style():
        figure = new_figure(10, max(2.6, 0.9 + 0.26 * len(nearest), 0.75 * len(rows)))
        grid = figure.add_gridspec(len(rows), 2, width_ratios=(1, 1.15))
        axes = figure.add_subplot(grid[:, 0])
        places = np.arange(len(nearest))[::-1]
        axes.axvspan(0, tried, color=MUTED, alpha=0.12, lw=0)
        axes.axvline(tried, color=MUTED, lw=1, ls="--")
        axes.plot(nearest.to_numpy(), places, "o", color=series_color(0))
        axes.set_yticks(places, [str(name) for name in nearest.index])
        axes.set_xlim(0, max(float(nearest.max()), tried) * 1.08)
        axes.set_ylim(-0.7, len(nearest) - 0.3)
        axes.set_xlabel("distance; shaded: as far as picks were tried")
        axes.set_title("Distance to each labelled data set", color=INK)
        for place, (name, own) in enumerate(rows):
            strip = figure.add_subplot(grid[place, 1])
            strip.imshow(_strip(own, seed), cmap="gray", vmin=0, vmax=255, interpolation="nearest", aspect="equal")
            strip.set_axis_off()
            strip.set_title("your pictures" if place == 0 else name, fontsize=9)
    return figure


def _load(name: str, like: ImageDataset) -> ImageDataset | None:
    """Load a data set of the evidence; None where it cannot be drawn here, such as one of somebody's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return load_dataset(name, image_size=like.image_shape[1])
        except SelectdisError:
            return None


def _strip(data: ImageDataset, seed: int) -> np.ndarray:
    """Return some pictures side by side: uint8 (h, width) or (h, width, 3)."""
    drawn = data.images_at(data.sample_indices(min(SHOWN, len(data)), np.random.default_rng(seed)))
    padded = np.pad(drawn, ((0, 0), (0, 0), (0, 0), (0, 1)), constant_values=255)
    row = np.concatenate(list(padded), axis=2)
    return row[0] if len(row) != 3 else np.moveaxis(row, 0, -1)
