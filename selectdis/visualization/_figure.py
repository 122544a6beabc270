"""Matplotlib's figure, which shows itself in a notebook without pyplot."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["ShownFigure"]


class ShownFigure(Figure):
    """A figure that a notebook shows where it is a cell's last value, on the colour `ground`."""

    ground = "white"

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=144, facecolor=self.ground)
        return buffer.getvalue()
