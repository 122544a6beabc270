"""Figures from tables: each a function of frames that returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import objective_label, score_label, strength_label
from selectdis.visualization._theme import INK, MUTED, RULE, SURFACE, figure_style, new_figure, series_colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from selectdis.visualization._pictures import Anatomy

__all__ = ["curves", "heatmap", "importance", "kl_bars", "parallel", "scatter", "stacked_bars", "strength_seed"]

_MANY_STRENGTHS = 12  # from here on, an axis of numbers instead of one place for each


def heatmap(matrix: pd.DataFrame, title: str = "") -> Figure:
    """Correlations in [-1, 1] as colours and numbers.

    Parameters
    ----------
    matrix : rows and columns are scores; NaN stays empty.
    """
    rows, columns = matrix.shape
    with figure_style():
        figure = new_figure(2.6 + 0.52 * columns, 1.6 + 0.34 * rows)
        axes = figure.add_subplot()
        axes.grid(False)
        axes.imshow(matrix.to_numpy(dtype=float), cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
        axes.set_xticks(range(columns), [score_label(str(c)) for c in matrix.columns], rotation=45, ha="right")
        axes.set_yticks(range(rows), [score_label(str(r)) for r in matrix.index])
        axes.spines[:].set_visible(False)
        axes.set_title(title)
        for r, c in np.argwhere(np.isfinite(matrix.to_numpy(dtype=float))):
            value = float(matrix.iloc[r, c])
            colour = SURFACE if abs(value) > 0.6 else INK
            axes.text(c, r, f"{value:.2f}".replace("0.", "."), ha="center", va="center", color=colour, fontsize=7.5)
    return figure


def strength_seed(records: pd.DataFrame, values: np.ndarray, objective: str, label: str) -> Figure:
    """One objective: a dot a run at its strength, and a line through the medians.

    Parameters
    ----------
    records : runs of one data set, with `objective` and `strength`.
    values : (n_runs,) score of each.
    """
    chosen = (records["objective"] == objective).to_numpy() & np.isfinite(values)
    strengths, scores = records["strength"].to_numpy(dtype=float)[chosen], values[chosen]
    levels = np.unique(strengths)
    with figure_style():
        figure = new_figure()
        axes = figure.add_subplot()
        if len(levels) > _MANY_STRENGTHS:
            axes.plot(strengths, scores, "o", ms=4.5, alpha=0.75, mew=0)
            if (levels > 0).all() and levels[-1] / levels[0] > 20:
                axes.set_xscale("log")
        else:
            _draw_levels(axes, strengths, scores, levels)
        axes.set_xlabel(strength_label(objective))
        axes.set_ylabel(label)
        axes.set_title(objective_label(objective))
    return figure


def _draw_levels(axes: Axes, strengths: np.ndarray, scores: np.ndarray, levels: np.ndarray) -> None:
    places = np.searchsorted(levels, strengths)
    spread = np.zeros(len(strengths))
    for place in range(len(levels)):  # seeds side by side, so that equal scores do not hide one another
        mine = places == place
        spread[mine] = np.linspace(-0.16, 0.16, mine.sum()) if mine.sum() > 1 else 0.0
    medians = [float(np.median(scores[places == place])) for place in range(len(levels))]
    axes.plot(range(len(levels)), medians, "-", color=MUTED, lw=1.4, zorder=1)
    axes.plot(places + spread, scores, "o", ms=5, alpha=0.8, mew=0, color=series_colour(0))
    axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axes.set_xlim(-0.6, len(levels) - 0.4)


def stacked_bars(shares: pd.DataFrame, title: str = "") -> Figure:
    """Shares of a whole as one bar a row.

    Parameters
    ----------
    shares : rows are scores, columns are parts; values in [0, 1].
    """
    with figure_style():
        figure = new_figure(4.7, 1.0 + 0.32 * len(shares))
        axes = figure.add_subplot()
        axes.grid(axis="x")
        axes.grid(False, axis="y")
        left = np.zeros(len(shares))
        places = np.arange(len(shares))[::-1]
        for i, column in enumerate(shares.columns):
            widths = np.nan_to_num(shares[column].to_numpy(dtype=float))
            axes.barh(places, widths, left=left, height=0.62, color=series_colour(i), label=str(column), lw=0)
            left = left + widths
        axes.set_yticks(places, [score_label(str(name)) for name in shares.index])
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside upper left", ncols=len(shares.columns), handlelength=1.0, handleheight=1.0)
        if title:
            axes.set_title(title)
    return figure


def scatter(
    x: pd.Series, y: pd.Series, x_label: str, y_label: str, groups: Sequence[str], picked: str | None = None
) -> Figure:
    """Points of two series with the same index, in one colour a group; the point `picked` has a ring."""
    with figure_style():
        figure = new_figure(4.4, 3.4)
        axes = figure.add_subplot()
        axes.grid(True, axis="both")
        names = list(dict.fromkeys(groups))
        mask = np.array(groups)
        for i, name in enumerate(names):
            mine = mask == name
            axes.plot(x[mine], y[mine], "o", ms=6, alpha=0.85, mew=0, color=series_colour(i), label=name)
        if picked is not None and picked in x.index:
            axes.plot([x[picked]], [y[picked]], "o", ms=12, mfc="none", mec=INK, mew=1.6, label="picked")
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if len(names) > 1 or picked in x.index:
            figure.legend(loc="outside upper left", ncols=3, handletextpad=0.2, columnspacing=1.0)
    return figure


def curves(series: Mapping[str, tuple[np.ndarray, np.ndarray]], y_label: str) -> Figure:
    """Training curves: name -> (steps, values)."""
    with figure_style():
        figure = new_figure(4.6, 3.2)
        axes = figure.add_subplot()
        for i, (name, (steps, values)) in enumerate(series.items()):
            axes.plot(steps, values, lw=1.5, color=series_colour(i), label=name)
        axes.set_xlabel("step")
        axes.set_ylabel(y_label)
        if series:
            figure.legend(loc="outside upper left", ncols=2, handlelength=1.2)
    return figure


def parallel(table: pd.DataFrame, colour_by: str) -> Figure:
    """Parallel coordinates: one axis a column, one line a row, coloured by `colour_by`.

    Columns of words get evenly spaced places; NaN breaks a line.
    """
    import matplotlib as mpl

    scaled = pd.DataFrame({name: _scaled(table[name])[0] for name in table.columns})
    hue = scaled[colour_by].to_numpy(dtype=float)
    with figure_style():
        figure = new_figure(max(5.0, 1.25 * table.shape[1]), 3.8)
        axes = figure.add_subplot()
        axes.grid(False)
        colours = mpl.colormaps["viridis"]
        for row, shade in zip(scaled.to_numpy(dtype=float), hue, strict=True):
            axes.plot(range(len(row)), row, lw=1.1, alpha=0.7, color=colours(shade) if np.isfinite(shade) else MUTED)
        for place, name in enumerate(table.columns):
            axes.axvline(place, color=RULE, lw=1)
            for height, text in _scaled(table[name])[1]:
                axes.text(place + 0.04, height, text, fontsize=7.5, color=MUTED, va="center")
        axes.set_xticks(range(table.shape[1]), [score_label(str(name)) for name in table.columns], rotation=20)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure


def _scaled(column: pd.Series) -> tuple[pd.Series, list[tuple[float, str]]]:
    """The column in [0, 1], and (height, text) of its ticks."""
    if not pd.api.types.is_numeric_dtype(column):
        words: list[Any] = sorted(column.dropna().astype(str).unique())
        places = {word: i / max(len(words) - 1, 1) for i, word in enumerate(words)}
        return column.astype(str).map(places), [(height, word) for word, height in places.items()]
    values = column.astype(float)
    low, high = values.min(), values.max()
    if not np.isfinite(low) or high == low:
        return values * 0 + 0.5, [(0.5, f"{low:g}")]
    return (values - low) / (high - low), [(0.0, f"{low:.3g}"), (1.0, f"{high:.3g}")]


def kl_bars(anatomy: Anatomy) -> Figure:
    """Bars: the KL of each latent, in nats."""
    with figure_style():
        figure = new_figure(4.2, 2.6)
        axes = figure.add_subplot()
        axes.bar([f"z{latent}" for latent in anatomy.order], anatomy.kl[anatomy.order], color=series_colour(0))
        axes.set_ylabel("KL (nats)")
        axes.set_title("What each latent carries")
    return figure


def importance(anatomy: Anatomy) -> Figure:
    """Heatmap: the share of each factor's entropy that each latent knows."""
    if anatomy.importance is None:
        raise SelectdisError("the factors of this data set are not known: take a run on the proxy")
    shares = anatomy.importance[anatomy.order]
    with figure_style():
        figure = new_figure(1.8 + 0.55 * shares.shape[1], 1.6 + 0.3 * shares.shape[0])
        axes = figure.add_subplot()
        axes.grid(False)
        picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(shares.shape[1]), anatomy.factor_names, rotation=40, ha="right")
        axes.set_yticks(range(shares.shape[0]), [f"z{latent}" for latent in anatomy.order])
        axes.set_title("Which latent knows which factor")
        figure.colorbar(picture, ax=axes, label="share of entropy")
    return figure
