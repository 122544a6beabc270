"""One look for figures in Python and on the page, where their colours follow the reader's light or dark theme."""

from __future__ import annotations

import contextlib
import html
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from selectdis.visualization._figure import ShownFigure

__all__ = [
    "INK", "MARKERS", "MUTED", "RULE", "SERIES", "SHADES", "SURFACE", "TOLD",
    "figure_style", "inline_svg", "new_figure", "series_color",
]  # fmt: skip

# The light theme's colours. On the page, each becomes the CSS variable of its name, whose dark value is in page.css.
INK, MUTED, RULE, SURFACE = "#1b1f24", "#59636e", "#d9dee4", "#fefefe"
# Told apart with any colour vision: a test simulates those without red or green.
SERIES = ("#0b5fa5", "#e0620d", "#0b7a5b", "#c06aa5", "#7a5a00", "#3f97d4", "#4a1530")
# From low to high, for lines on the light and on the dark ground: as far from white as from the darkest card.
SHADES = ("#d9600f", "#868d96", "#3a86d0")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")  # besides the colours, for those who do not tell them apart
TOLD = "told:"  # begins the address of a point that stands for a text
_VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule", SURFACE: "--card"} | {
    colour: f"--series-{i + 1}" for i, colour in enumerate(SERIES)
}
_STYLE: dict[str, Any] = {
    "axes.edgecolor": RULE,
    "axes.facecolor": SURFACE,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": SURFACE,
    "font.family": "sans-serif",
    "font.size": 9,
    "grid.color": RULE,
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.labelcolor": INK,
    "svg.fonttype": "none",  # text stays text: it can be read aloud, searched and restyled
    "text.color": INK,
    "text.parse_math": False,  # a name with a dollar sign is not a formula
    "xtick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "ytick.color": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


@contextlib.contextmanager
def figure_style() -> Iterator[None]:
    """Make figures in this look within it; settings outside are left alone."""
    import matplotlib as mpl
    from cycler import cycler

    style: Any = {**_STYLE, "axes.prop_cycle": cycler(color=list(SERIES))}
    with mpl.rc_context(style):
        yield


def new_figure(width: float = 4.2, height: float = 3.0) -> ShownFigure:
    """Return an empty figure of `width` by `height` inches; it belongs to no window and needs no closing."""
    from selectdis.visualization._figure import ShownFigure

    return ShownFigure(ground=SURFACE, figsize=(width, height), layout="constrained")


def series_color(index: int) -> str:
    """Return the colour of the `index`-th series; they come round after seven."""
    return SERIES[index % len(SERIES)]


def inline_svg(figure: Figure, title: str, description: str) -> str:
    """Return `figure` as an `<svg>` element: its colours are CSS variables, and nothing in it points outside.

    Parameters
    ----------
    figure : Figure
        Of any size.
    title, description : str
        What a screen reader says.

    Returns
    -------
    str
    """
    buffer = io.StringIO()
    with figure_style():
        import matplotlib as mpl

        # A salt of its own keeps the ids of one figure apart from those of the others on the page.
        with mpl.rc_context({"svg.hashsalt": title + description}):
            figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for pattern in (r"<metadata>.*?</metadata>", r"<defs>\s*<style.*?</style>\s*</defs>", r"<!--.*?-->"):
        svg = re.sub(pattern, "", svg, flags=re.DOTALL)
    # A point that is an address of a text becomes one that says it where a pointer rests on it.
    svg = re.sub(
        rf'<a xlink:href="{TOLD}([^"]*)"[^>]*>(.*?)</a>', r'<g class="point"><title>\1</title>\2</g>', svg, flags=re.S
    )
    svg = _use_variables(_keep_needed_ids(svg))
    box = re.search(r'viewBox="([^"]+)"', svg)
    opening = (
        f'<svg class="figure" role="img" viewBox="{box[1] if box else "0 0 400 300"}" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink" aria-label="{html.escape(title)}: {html.escape(description)}">'
    )
    return opening + svg[svg.index(">") + 1 :].strip()


def _keep_needed_ids(svg: str) -> str:
    """Drop the ids that nothing refers to: they would only clash between figures."""
    needed = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    return re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in needed else "", svg)


def _use_variables(svg: str) -> str:
    svg = re.sub(r"font: (?:(\d{3}) )?([\d.]+px) [^;\"]+", _font, svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)  # the page's own font
    return re.sub(r"\s*\n\s*", " ", svg)


def _font(found: re.Match[str]) -> str:
    """Leave out the names of Matplotlib's own fonts, which the reader may not have."""
    return f"font-size: {found[2]}" + (f"; font-weight: {found[1]}" if found[1] else "")
