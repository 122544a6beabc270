"""Figures of bars, and of a search on its way: each a function that returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from selectdis._arrays import ACTIVE_NATS
from selectdis.records import score_label
from selectdis.visualization._charts import dots
from selectdis.visualization._theme import MUTED, figure_style, new_figure, series_color

if TYPE_CHECKING:
    from selectdis.visualization._figure import ShownFigure as Figure

__all__ = ["history", "importance_bars", "kl_bars", "nats_label", "stacked_bars"]


def stacked_bars(shares: pd.DataFrame, title: str = "") -> Figure:
    """Draw shares of a whole as one bar per row.

    Parameters
    ----------
    shares : DataFrame
        Rows are scores, columns are parts; values in [0, 1].
    title : str
        Left out where it is empty.

    Returns
    -------
    Figure
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
            axes.barh(places, widths, left=left, height=0.62, color=series_color(i), label=str(column), lw=0)
            left = left + widths
        axes.set_yticks(places, [score_label(str(name)) for name in shares.index])
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}%")
        axes.spines["left"].set_visible(False)
        figure.legend(loc="outside upper left", ncols=len(shares.columns), handlelength=1.0, handleheight=1.0)
        if title:
            axes.set_title(title)
    return figure


def history(scores: np.ndarray, label: str) -> Figure:
    """Draw the scores of configurations in the order in which they were tried, and the best so far.

    Parameters
    ----------
    scores : (n_configurations,)
        Higher is better; NaN where there is none.
    label : str
        What they are.

    Returns
    -------
    Figure
    """
    with figure_style():
        figure = new_figure(4.6, 3.0)
        axes = figure.add_subplot()
        places = np.arange(1, len(scores) + 1)
        told = [f"number {place}: {score:.3f}" for place, score in zip(places, scores, strict=True)]
        dots(axes, places, scores, told, label="a configuration")
        axes.step(places, np.fmax.accumulate(scores), where="post", color=series_color(1), lw=1.4, label="best so far")
        axes.set_xlabel("configuration, in the order of the search")
        axes.set_ylabel(label)
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.2)
    return figure


def importance_bars(importances: pd.Series, label: str) -> Figure:
    """Draw the importance of each parameter as a bar with its number.

    Parameters
    ----------
    importances : Series
        Index parameter; values in [0, 1].
    label : str
        What they are of.

    Returns
    -------
    Figure
    """
    found = importances.dropna().sort_values()
    with figure_style():
        figure = new_figure(4.6, 0.9 + 0.32 * len(found))
        axes = figure.add_subplot()
        axes.grid(axis="x")
        axes.grid(False, axis="y")
        bars = axes.barh([str(name) for name in found.index], found, height=0.62, color=series_color(0), lw=0)
        axes.bar_label(bars, fmt="%.2f", fontsize=7.5, color=MUTED, padding=2)
        axes.set_xlim(0, 1)
        axes.set_xlabel(label)
        axes.spines["left"].set_visible(False)
    return figure


def nats_label(kl: float) -> str:
    """Return the KL of a latent with two digits; 0.008 as 0.01 would contradict that nothing is in there."""
    return f"{kl:.2f}" if kl >= ACTIVE_NATS else f"< {ACTIVE_NATS}"


def kl_bars(kl: np.ndarray, latent_names: Sequence[str]) -> Figure:
    """Draw the KL of each latent as a bar with its number, from the left in the order given.

    Parameters
    ----------
    kl : (latents,)
        In nats.
    latent_names : sequence of str
        What stands below the bars.

    Returns
    -------
    Figure
    """
    with figure_style():
        figure = new_figure(max(4.2, 0.45 * len(kl)), 2.6)
        axes = figure.add_subplot()
        bars = axes.bar(latent_names, kl, color=series_color(0))
        axes.bar_label(bars, fmt=nats_label, fontsize=7.5, color=MUTED)
        axes.set_ylabel("KL (nats)")
        axes.set_xlabel("latent")
        axes.set_title("What each latent carries")
    return figure
