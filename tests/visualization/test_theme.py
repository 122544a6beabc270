"""Colours of series: told apart with any colour vision, on light and on dark."""

import itertools
import re
from importlib.resources import files

import numpy as np
import pytest

from selectdis.visualization._theme import SERIES, SHADES, SURFACE

# Machado, Oliveira and Fernandes 2009, at full severity, on linear RGB.
VISIONS = {
    "normal": np.eye(3),
    "without green": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "without red": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
}
XYZ = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])


def linear(colour):
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    x = XYZ @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.0888]
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def palettes():
    style = files("selectdis.report").joinpath("page.css").read_text(encoding="utf-8")
    dark = style.partition("prefers-color-scheme: dark")[2].partition("}")[0]
    return {
        "light": (SERIES, SURFACE),
        "dark": (re.findall(r"--series-\d: (#\w+)", dark), re.search(r"--card: (#\w+)", dark)[1]),
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", VISIONS)
def test_series_are_told_apart(theme, vision):
    colours, ground = palettes()[theme]
    assert len(colours) == len(SERIES)
    seen = [lab(VISIONS[vision] @ linear(colour)) for colour in colours]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 10
    for colour in colours:  # WCAG, of what is drawn
        low, high = sorted((XYZ[1] @ linear(colour), XYZ[1] @ linear(ground)))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_shades_are_seen_on_both_grounds():
    for (_, ground), colour in itertools.product(palettes().values(), SHADES):
        low, high = sorted((XYZ[1] @ linear(colour), XYZ[1] @ linear(ground)))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_the_page_has_the_colours_of_the_figures():
    style = files("selectdis.report").joinpath("page.css").read_text(encoding="utf-8")
    light = style.partition("prefers-color-scheme: dark")[0]
    assert tuple(re.findall(r"--series-\d: (#\w+)", light)) == SERIES
