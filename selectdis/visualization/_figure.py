"""Matplotlib's figure, which shows itself in a notebook without pyplot."""

from __future__ import annotations

from matplotlib.figure import Figure

from selectdis.visualization._theme import figure_png

__all__ = ["ShownFigure"]


class ShownFigure(Figure):
    """A figure that a notebook shows where it is a cell's last value."""

    def _repr_png_(self) -> bytes:
        return figure_png(self)
