"""One picture that shows a data set: random images, and one row per factor."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from selectdis.data._dataset import ImageDataset
from selectdis.errors import SelectdisError

__all__ = ["preview"]

CELL, GAP, TEXT = 64, 4, 150
PAPER, INK = (250, 250, 250), (40, 40, 40)


def preview(data: ImageDataset, *, columns: int = 10, rows: int = 4, seed: int = 0) -> Image.Image:
    """Draw random images and, where factors are known, one row for each: it changes, the others stay.

    Where the data set is no grid the others stay as far as it has such images.

    Parameters
    ----------
    data : ImageDataset
        What to show.
    columns : int
        Images per row.
    rows : int
        Rows of random images.
    seed : int
        Of the choice.
    """
    if columns < 2 or rows < 1:
        raise SelectdisError(f"a preview needs at least 2 columns and 1 row, found {columns} and {rows}")
    rng = np.random.default_rng(seed)
    picked = data.sample_indices(min(columns * rows, len(data)), rng)
    strips = [("random images" if k == 0 else "", picked[k : k + columns]) for k in range(0, len(picked), columns)]
    strips += _factor_strips(data, columns, rng)
    return _composed([(title, data.images_at(indices)) for title, indices in strips], columns)


def _factor_strips(data: ImageDataset, columns: int, rng: np.random.Generator) -> list[tuple[str, np.ndarray]]:
    """(title, indices) of each factor's row, at most `columns` values evenly spread."""
    if not data.labelled:
        return []
    base = data.factors_at(data.sample_indices(1, rng))[0]
    strips = []
    for k, (name, size) in enumerate(zip(data.factor_names, data.factor_sizes, strict=True)):
        values = np.unique(np.linspace(0, size - 1, min(size, columns)).round().astype(np.int64))
        if data.is_grid:
            rows = np.repeat(base[None], len(values), axis=0)
            rows[:, k] = values
            indices = data.indices_of(rows)
        else:
            indices = _one_of_each(data, base, k, values)
        strips.append((f"{name} ({size})", indices))
    return strips


def _one_of_each(data: ImageDataset, base: np.ndarray, factor: int, values: np.ndarray) -> np.ndarray:
    """Return for each value the image that has the most other factors in common with `base`, the first of several."""
    assert data.factors is not None
    alike = (data.factors == base).sum(axis=1)
    of_value = [np.flatnonzero(data.factors[:, factor] == value) for value in values]
    return np.array([found[alike[found].argmax()] for found in of_value if len(found)], dtype=np.int64)


def _composed(strips: list[tuple[str, np.ndarray]], columns: int) -> Image.Image:
    width, height = TEXT + columns * (CELL + GAP) + GAP, len(strips) * (CELL + GAP) + GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    drawing, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, (title, images) in enumerate(strips):
        top = GAP + row * (CELL + GAP)
        drawing.text((GAP * 2, top + CELL // 2), title, fill=INK, font=font, anchor="lm")
        for column, image in enumerate(images):
            sheet.paste(_picture(image), (TEXT + GAP + column * (CELL + GAP), top))
    return sheet


def _picture(image: np.ndarray) -> Image.Image:
    """uint8 (c, h, w) -> a square of CELL pixels; small images are enlarged without smoothing."""
    pixels = np.repeat(image, 3, axis=0) if len(image) == 1 else image[:3]
    return Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1))).resize(
        (CELL, CELL), Image.Resampling.NEAREST
    )
