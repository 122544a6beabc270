"""Figures from tables and arrays: each a function that returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from selectdis.records import objective_label, score_label, strength_label
from selectdis.visualization._theme import (
    INK,
    MARKERS,
    MUTED,
    RULE,
    SHADES,
    SURFACE,
    TOLD,
    figure_style,
    new_figure,
    series_color,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from selectdis.visualization._figure import ShownFigure as Figure

__all__ = ["curves", "dots", "heatmap", "importance_heatmap", "parallel", "scatter", "strength_seed"]

_FEW_TICKS = 5  # of an axis of parallel coordinates
_MANY_STRENGTHS = 12  # from here on, an axis of numbers instead of one place for each


def heatmap(matrix: pd.DataFrame, title: str = "") -> Figure:
    """Draw correlations in [-1, 1] as colours and numbers.

    Parameters
    ----------
    matrix : DataFrame
        Rows and columns are scores; NaN stays empty.
    title : str
        Left out where it is empty.

    Returns
    -------
    Figure
    """
    rows, columns = ([score_label(str(name)) for name in names] for names in (matrix.index, matrix.columns))
    return _shaded(matrix.to_numpy(dtype=float), rows, columns, title, "RdBu", -1)


def importance_heatmap(shares: np.ndarray, latent_names: Sequence[str], factor_names: Sequence[str]) -> Figure:
    """Draw which latent knows which factor.

    Parameters
    ----------
    shares : (latents, factors)
        The share of each factor's entropy that each latent knows, in [0, 1].
    latent_names, factor_names : sequence of str
        Of rows and columns.

    Returns
    -------
    Figure
    """
    return _shaded(shares, latent_names, factor_names, "Which latent knows which share of a factor", "Blues", 0)


def _shaded(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, colors: str, low: float
) -> Figure:
    """Draw a grid of values from `low` to 1."""
    with figure_style():
        figure = new_figure(2.6 + 0.52 * len(columns), 1.6 + 0.34 * len(rows))
        axes = figure.add_subplot()
        axes.grid(False)
        axes.imshow(values, cmap=colors, vmin=low, vmax=1, aspect="auto")
        axes.set_xticks(range(len(columns)), columns, rotation=45, ha="right")
        axes.set_yticks(range(len(rows)), rows)
        axes.spines[:].set_visible(False)
        axes.set_title(title)
        for r, c in np.argwhere(np.isfinite(values)):
            color, text = SURFACE if abs(values[r, c]) > 0.6 else INK, f"{values[r, c]:.2f}".replace("0.", ".")
            axes.text(c, r, text, ha="center", va="center", color=color, fontsize=7.5)
    return figure


def strength_seed(records: pd.DataFrame, values: np.ndarray, objective: str, label: str) -> Figure:
    """Draw the runs of one objective: a dot for each at its strength, and a line through the medians.

    Parameters
    ----------
    records : DataFrame
        Runs of one data set, with `objective` and `strength`.
    values : (n_runs,)
        The score of each; NaN is left out.
    objective : str
        Whose runs are shown.
    label : str
        What the scores are.

    Returns
    -------
    Figure
    """
    chosen = (records["objective"] == objective).to_numpy() & np.isfinite(values)
    strengths, scores = records["strength"].to_numpy(dtype=float)[chosen], values[chosen]
    levels = np.unique(strengths)
    with figure_style():
        figure = new_figure()
        axes = figure.add_subplot()
        if len(levels) > _MANY_STRENGTHS:
            dots(axes, strengths, scores, [f"{a:g}: {b:.3f}" for a, b in zip(strengths, scores, strict=True)], size=20)
            if (levels > 0).all() and levels[-1] / levels[0] > 20:
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter("{x:g}")  # powers are formulas, which no text of a figure is
                axes.xaxis.set_minor_formatter("")
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
    told = [f"{levels[place]:g}: {score:.3f}" for place, score in zip(places, scores, strict=True)]
    dots(axes, places + spread, scores, told)
    axes.set_xticks(range(len(levels)), [f"{level:g}" for level in levels])
    axes.set_xlim(-0.6, len(levels) - 0.4)


def scatter(
    x: pd.Series,
    y: pd.Series,
    x_label: str,
    y_label: str,
    groups: Sequence[str],
    picked: str | None = None,
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Draw points of two series with the same index, in one colour per group; the point `picked` has a ring.

    Parameters
    ----------
    x, y : Series
        One value per point.
    x_label, y_label : str
        What stands at the axes.
    groups : sequence of str
        The group of each point.
    picked : str, optional
        Its place in the index.
    labels : mapping, optional
        Place in the index -> what the point is called where a pointer rests on it.

    Returns
    -------
    Figure
    """
    with figure_style():
        figure = new_figure(4.4, 3.4)
        axes = figure.add_subplot()
        axes.grid(True, axis="both")
        names = list(dict.fromkeys(groups))
        mask = np.array(groups)
        for i, name in enumerate(names):
            mine = mask == name
            told = [
                f"{where}: {a:.3f}, {b:.3f}"
                for where, a, b in zip(_told(x, labels)[mine], x[mine], y[mine], strict=True)
            ]
            dots(
                axes,
                x[mine],
                y[mine],
                told,
                size=36,
                color=series_color(i),
                label=name,
                marker=MARKERS[i % len(MARKERS)],
            )
        if picked is not None and picked in x.index:
            axes.plot([x[picked]], [y[picked]], "o", ms=12, mfc="none", mec=INK, mew=1.6, label="picked")
        axes.set_xlabel(x_label)
        axes.set_ylabel(y_label)
        if len(names) > 1 or picked in x.index:
            figure.legend(loc="outside upper left", ncols=3, handletextpad=0.2, columnspacing=1.0)
    return figure


def _told(x: pd.Series, labels: Mapping[str, str] | None) -> np.ndarray:
    return np.array([(labels or {}).get(str(name), str(name)) for name in x.index], dtype=object)


def dots(axes: Axes, x: Any, y: Any, told: Sequence[str], *, size: float = 25, **look: Any) -> None:
    """Draw points that say what they are where a pointer rests on them, on a page.

    Parameters
    ----------
    axes : Axes
        Where to.
    x, y : (n,) of float
        The points.
    told : sequence of str
        A text for each.
    size : float
        Area in square points.
    **look
        Of `Axes.scatter`.
    """
    usual: dict[str, Any] = {"color": series_color(0), "marker": "o", "alpha": 0.85, "linewidths": 0}
    axes.scatter(x, y, s=size, urls=[f"{TOLD}{text}" for text in told], **(usual | look))


def curves(series: Mapping[str, tuple[np.ndarray, np.ndarray]], y_label: str) -> Figure:
    """Draw training curves.

    Parameters
    ----------
    series : mapping
        Name -> (steps, values).
    y_label : str
        What the values are.

    Returns
    -------
    Figure
    """
    with figure_style():
        figure = new_figure(4.6, 3.2)
        axes = figure.add_subplot()
        for i, (name, (steps, values)) in enumerate(series.items()):
            axes.plot(steps, values, lw=1.5, color=series_color(i), label=name)
        axes.set_xlabel("step")
        axes.set_ylabel(y_label)
        if series:
            figure.legend(loc="outside upper left", ncols=2, handlelength=1.2)
    return figure


def parallel(table: pd.DataFrame, color_by: str) -> Figure:
    """Draw parallel coordinates: one axis per column, one line per row.

    Parameters
    ----------
    table : DataFrame
        Columns of words get evenly spaced places; NaN breaks a line.
    color_by : str
        The column that colours the lines.

    Returns
    -------
    Figure
    """
    import matplotlib as mpl

    scaled = pd.DataFrame({name: _scaled(table[name])[0] for name in table.columns})
    hue = scaled[color_by].to_numpy(dtype=float)
    with figure_style():
        figure = new_figure(max(5.0, 1.25 * table.shape[1]), 3.8)
        axes = figure.add_subplot()
        axes.grid(False)
        colors = mpl.colors.LinearSegmentedColormap.from_list("shades", SHADES)
        for row, shade in zip(scaled.to_numpy(dtype=float), hue, strict=True):
            axes.plot(range(len(row)), row, lw=1.3, alpha=0.85, color=colors(shade) if np.isfinite(shade) else MUTED)
        for place, name in enumerate(table.columns):
            axes.axvline(place, color=RULE, lw=1)
            for height, text in _scaled(table[name])[1]:
                axes.plot([place, place + 0.02], [height, height], color=MUTED, lw=0.8)
                axes.text(place + 0.04, height, text, fontsize=7.5, color=MUTED, va="center")
        axes.set_xticks(range(table.shape[1]), [score_label(str(name)) for name in table.columns], rotation=20)
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        values = table[color_by]
        if pd.api.types.is_numeric_dtype(values) and values.notna().any():
            limits = mpl.colors.Normalize(float(values.min()), float(values.max()))
            bar = figure.colorbar(mpl.cm.ScalarMappable(limits, colors), ax=axes, pad=0.08, aspect=30)
            bar.set_label(score_label(color_by))
            bar.outline.set_visible(False)
    return figure


def _scaled(column: pd.Series) -> tuple[pd.Series, list[tuple[float, str]]]:
    """Return the column in [0, 1], and (height, text) of its ticks."""
    if not pd.api.types.is_numeric_dtype(column):
        words: list[Any] = sorted(column.dropna().astype(str).unique())
        places = {word: i / max(len(words) - 1, 1) for i, word in enumerate(words)}
        return column.astype(str).map(places), [(height, word) for word, height in places.items()]
    values = column.astype(float)
    low, high = values.min(), values.max()
    if not np.isfinite(low) or high == low:
        return values * 0 + 0.5, [(0.5, f"{low:g}")]
    kept = sorted(values.dropna().unique()) if values.nunique() <= _FEW_TICKS else np.linspace(low, high, _FEW_TICKS)
    return (values - low) / (high - low), [((tick - low) / (high - low), f"{tick:.3g}") for tick in kept]
