"""Matplotlib's figure, which shows itself in a notebook without pyplot."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

__all__ = ["ShownFigure"]


class ShownFigure(Figure):
    """A figure that a notebook shows where it is a cell's last value."""

    def __init__(self, *, ground: str, **options: Any) -> None:
        super().__init__(**options)
        self._ground = ground

    def png(self) -> bytes:
        """Return the figure as a PNG file on its ground, for pages with a theme of their own."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=144, facecolor=self._ground)
        return buffer.getvalue()

    _repr_png_ = png
