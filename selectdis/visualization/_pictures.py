"""Pictures of one trained run: what its latents do, what it reconstructs, which latents carry anything."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from selectdis._arrays import bin_codes, entropy, mutual_information_matrix
from selectdis.data import ImageDataset

if TYPE_CHECKING:
    from selectdis.training import Run

__all__ = [
    "Anatomy",
    "bars",
    "dissect",
    "gif_bytes",
    "latent_labels",
    "matrix",
    "png_bytes",
    "save_pictures",
    "tile",
]

REACH = 2.0  # traversals run over this many standard deviations of the prior to both sides
INK = (110, 110, 110)  # readable on white and on black
BAR = (22, 104, 184)


class Anatomy(NamedTuple):
    """What pictures of a run are made of.

    Attributes
    ----------
    kl : (latents,) nats, mean over images
    order : (latents,) latents by falling KL
    traversals : uint8 (latents, steps, c, h, w), latents in their own order
    values : (steps,) what the traversed latent is set to
    originals, reconstructions : uint8 (k, c, h, w)
    importance : (latents, factors) share of each factor's entropy that a latent knows, in [0, 1]; None without labels
    factor_names : names of its columns
    """

    kl: np.ndarray
    order: np.ndarray
    traversals: np.ndarray
    values: np.ndarray
    originals: np.ndarray
    reconstructions: np.ndarray
    importance: np.ndarray | None
    factor_names: tuple[str, ...]


def dissect(run: Run, data: ImageDataset, *, steps: int = 7, shown: int = 8, n: int = 1_000, seed: int = 0) -> Anatomy:
    """Encode `n` images of `data` and decode what the pictures show.

    Parameters
    ----------
    steps : pictures a latent, in a traversal.
    shown : reconstructions.
    """
    indices = data.sample_indices(min(n, len(data)), np.random.default_rng(seed))
    images = data.images_at(indices)
    mean, log_variance = run.encode(images)
    kl = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).mean(axis=0)
    base = int(np.argmin(((mean - np.median(mean, axis=0)) ** 2).sum(axis=1)))  # a typical image: nothing extreme
    values = np.linspace(-REACH, REACH, steps)
    return Anatomy(
        kl=kl,
        order=np.argsort(-kl, kind="stable"),
        traversals=_traversals(run, mean[base], values),
        values=values,
        originals=images[:shown],
        reconstructions=_pixels(run.decode(mean[:shown])),
        importance=_importance(mean, data.factors_at(indices)) if data.labelled else None,
        factor_names=data.factor_names,
    )


def _traversals(run: Run, base: np.ndarray, values: np.ndarray) -> np.ndarray:
    latents, steps = len(base), len(values)
    codes = np.tile(base, (latents, steps, 1)).astype(np.float32)  # (latents, steps, latents)
    codes[np.arange(latents), :, np.arange(latents)] = values
    decoded = _pixels(run.decode(codes.reshape(latents * steps, latents)))
    return decoded.reshape(latents, steps, *decoded.shape[1:])


def _importance(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    information = mutual_information_matrix(bin_codes(codes, 20), factors)
    entropies = np.array([entropy(column) for column in factors.T])
    return np.divide(information, entropies, out=np.zeros_like(information), where=entropies > 0)


def _pixels(decoded: np.ndarray) -> np.ndarray:
    return (np.clip(np.nan_to_num(decoded), 0, 1) * 255).round().astype(np.uint8)


def tile(images: np.ndarray, labels: Sequence[str] = (), *, cell: int = 56, gap: int = 3) -> Image.Image:
    """A grid of images with a transparent ground.

    Parameters
    ----------
    images : uint8 (rows, columns, c, h, w)
    labels : one a row, written to its left.
    cell : side of a picture in pixels, at least; pictures are enlarged by whole factors, so that pixels stay square.
    """
    rows, columns, _, h, w = images.shape
    scale = max(1, round(cell / max(h, w)))
    left = 0 if not labels else 84
    sheet = Image.new("RGBA", (left + columns * (w * scale + gap) - gap, rows * (h * scale + gap) - gap))
    draw = ImageDraw.Draw(sheet)
    for r in range(rows):
        if labels:
            y = r * (h * scale + gap) + h * scale // 2
            draw.text((0, y), labels[r], fill=INK, font=ImageFont.load_default(12), anchor="lm")
        for c in range(columns):
            sheet.paste(_image(images[r, c], scale), (left + c * (w * scale + gap), r * (h * scale + gap)))
    return sheet


def _image(pixels: np.ndarray, scale: int) -> Image.Image:
    """One uint8 (c, h, w) picture of 1 or 3 channels; of other numbers, the mean in grey."""
    if pixels.shape[0] == 3:
        picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    else:
        grey = pixels[0] if pixels.shape[0] == 1 else pixels.mean(axis=0)
        picture = Image.fromarray(grey.astype(np.uint8))
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def png_bytes(picture: Image.Image) -> bytes:
    """`picture` as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def gif_bytes(frames: np.ndarray, *, milliseconds: int = 120, cell: int = 56) -> bytes:
    """An endless animation, there and back, of uint8 (frames, columns, c, h, w): the columns side by side."""
    there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    pictures = [tile(frames[i][None], cell=cell).convert("RGB") for i in there_and_back]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)
    return buffer.getvalue()


def latent_labels(anatomy: Anatomy) -> list[str]:
    """``z3  2.41 nats`` for every latent, by falling KL."""
    return [f"z{latent}  {anatomy.kl[latent]:.2f} nats" for latent in anatomy.order]


def bars(anatomy: Anatomy) -> Image.Image:
    """The KL of each latent as a bar with its number, most informative first."""
    row, left, width = 20, 34, 300
    sheet = Image.new("RGBA", (left + width + 50, row * len(anatomy.kl)))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    longest = max(float(anatomy.kl.max()), 1e-9)
    for place, latent in enumerate(anatomy.order):
        top, length = place * row, max(round(width * float(anatomy.kl[latent]) / longest), 1)
        draw.text((0, top + row // 2), f"z{latent}", fill=INK, font=font, anchor="lm")
        draw.rectangle((left, top + 3, left + length, top + row - 4), fill=BAR)
        draw.text((left + length + 6, top + row // 2), f"{anatomy.kl[latent]:.2f}", fill=INK, font=font, anchor="lm")
    return sheet


def matrix(anatomy: Anatomy) -> Image.Image | None:
    """Which latent (rows) knows which share of which factor (columns), as shades; None where no factor is known."""
    if anatomy.importance is None:
        return None
    row, column, left = 22, 92, 34
    sheet = Image.new("RGBA", (left + column * len(anatomy.factor_names), row * (1 + len(anatomy.kl))))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for c, name in enumerate(anatomy.factor_names):
        draw.text((left + column * c + column // 2, row // 2), name[:13], fill=INK, font=font, anchor="mm")
    for r, latent in enumerate(anatomy.order, start=1):
        draw.text((0, row * r + row // 2), f"z{latent}", fill=INK, font=font, anchor="lm")
        for c, share in enumerate(anatomy.importance[latent]):
            shade = tuple(round(255 - float(share) * (255 - part)) for part in BAR)
            x, y = left + column * c, row * r
            draw.rectangle((x, y, x + column - 3, y + row - 3), fill=shade)
            ink = (255, 255, 255) if share > 0.5 else (27, 31, 36)
            draw.text((x + column // 2, y + row // 2 - 1), f"{share:.2f}", fill=ink, font=font, anchor="mm")
    return sheet


def save_pictures(run: Run, data: ImageDataset, folder: Path) -> None:
    """Write traversals (PNG and GIF), reconstructions, KL per latent and, with labels, the importance matrix."""
    anatomy = dissect(run, data, steps=11)
    folder.mkdir(parents=True, exist_ok=True)
    order = anatomy.order
    pictures = {
        "traversals.png": png_bytes(tile(anatomy.traversals[order], latent_labels(anatomy))),
        "traversals.gif": gif_bytes(anatomy.traversals[order].swapaxes(0, 1)),
        "reconstructions.png": png_bytes(tile(np.stack([anatomy.originals, anatomy.reconstructions]))),
        "kl_per_latent.png": png_bytes(bars(anatomy)),
    }
    if (importance := matrix(anatomy)) is not None:
        pictures["importance.png"] = png_bytes(importance)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
