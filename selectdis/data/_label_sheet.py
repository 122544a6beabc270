"""What is handed to whoever labels images: a table of empty cells, and the pictures, numbered as its rows."""

from __future__ import annotations

import base64
import csv
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from selectdis._files import atomic_write
from selectdis.data._dataset import ImageDataset
from selectdis.data._label_table import IMAGE, NUMBER, LabelFactor, Labels

__all__ = ["write_label_sheet"]

CELL, GAP, CAPTION, COLUMNS = 128, 8, 22, 5
PAPER, INK = (255, 255, 255), (0, 0, 0)


def write_label_sheet(
    path: Path, data: ImageDataset, images: np.ndarray, factors: Sequence[LabelFactor], known: Labels | None = None
) -> list[Path]:
    """Write `path`, a CSV of empty cells, and beside it a picture (.png) and a page (.html) of its images.

    Parameters
    ----------
    path : Path
        Of the CSV; its folder is there.
    data : ImageDataset
        Whose images they are.
    images : (n,) int
        Which ones, in the order of the rows.
    factors : sequence of LabelFactor
        A column each; their values stand in the header.
    known : Labels, optional
        What fills the cells of images and factors that have a label.

    Returns
    -------
    list of Path
        The three files.
    """
    pictures = [_picture(image) for image in data.images_at(images)]
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow([NUMBER, IMAGE, *(factor.definition for factor in factors)])
    cells = {} if known is None else known.words()
    for k, image in enumerate(images.tolist(), 1):
        table.writerow([k, image, *(cells.get((image, factor), "") for factor in factors)])
    contents = {".csv": text.getvalue().encode(), ".png": _png(_sheet(pictures))}
    contents[".html"] = _page(pictures, images, factors, path.name).encode()
    written = []
    for suffix, content in contents.items():
        with atomic_write(place := path.with_suffix(suffix)) as temporary:
            temporary.write_bytes(content)
        written.append(place)
    return written


def _picture(image: np.ndarray) -> Image.Image:
    """uint8 (c, h, w) -> a picture whose longer side is CELL; small ones are enlarged without smoothing."""
    pixels = np.repeat(image, 3, axis=0) if len(image) == 1 else image[:3]
    picture = Image.fromarray(np.ascontiguousarray(np.moveaxis(pixels, 0, -1)))
    scale = CELL / max(picture.size)
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    return picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)


def _sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    columns = min(COLUMNS, len(pictures))
    step, rows = CELL + GAP, -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * step + GAP, rows * (step + CAPTION) + GAP), PAPER)
    drawing, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for k, picture in enumerate(pictures):
        left, top = GAP + k % columns * step, GAP + k // columns * (step + CAPTION)
        drawing.text((left, top), str(k + 1), fill=INK, font=font)
        sheet.paste(picture, (left, top + CAPTION))
    return sheet


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _page(pictures: Sequence[Image.Image], images: np.ndarray, factors: Sequence[LabelFactor], table: str) -> str:
    figures = "".join(
        f'<figure><figcaption>{k} <small>image {image}</small></figcaption><img alt="image {image}" '
        f'src="data:image/png;base64,{base64.b64encode(_png(picture)).decode()}"></figure>\n'
        for k, (picture, image) in enumerate(zip(pictures, images.tolist(), strict=True), 1)
    )
    values = "".join(
        f"<li><b>{html.escape(factor.name)}</b>: {html.escape((' < ' if factor.ordered else ', ').join(factor.values))}"
        for factor in factors
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Images to label</title><style>body{font:16px sans-serif;margin:1em}figure{display:inline-block;"
        f"margin:.3em;break-inside:avoid}}img{{width:{CELL}px;image-rendering:pixelated}}</style>\n"
        f"<h1>Images to label</h1><p>Fill in {html.escape(table)}, a row per number; a cell may stay empty.</p>"
        f"<ul>{values}</ul>\n{figures}</html>\n"
    )
