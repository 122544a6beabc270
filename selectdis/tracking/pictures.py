"""Pictures of one trained run: what its latents do, what it reconstructs, which latents carry anything."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from selectdis.arrays import bin_codes, entropy, mutual_information_matrix
from selectdis.data import ImageDataset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from selectdis.training import Run

__all__ = [
    "Anatomy",
    "dissect",
    "gif_bytes",
    "importance_figure",
    "kl_figure",
    "png_bytes",
    "save_pictures",
    "tile",
]

REACH = 2.0  # traversals run over this many standard deviations of the prior to both sides
INK = (110, 110, 110)  # readable on white and on black


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


def kl_figure(anatomy: Anatomy) -> Figure:
    """Bars: the KL of each latent, in nats."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, 2.6), layout="constrained")
    axes = figure.add_subplot()
    names = [f"z{latent}" for latent in anatomy.order]
    axes.bar(names, anatomy.kl[anatomy.order], color="#2563a8")
    axes.set_ylabel("KL (nats)")
    axes.set_title("What each latent carries", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def importance_figure(anatomy: Anatomy) -> Figure | None:
    """Heatmap: the share of each factor's entropy that each latent knows; None where no factor is known."""
    from matplotlib.figure import Figure

    if anatomy.importance is None:
        return None
    matrix = anatomy.importance[anatomy.order]
    figure = Figure(figsize=(1.8 + 0.55 * matrix.shape[1], 1.6 + 0.3 * matrix.shape[0]), layout="constrained")
    axes = figure.add_subplot()
    picture = axes.imshow(matrix, cmap="Blues", vmin=0, vmax=max(float(matrix.max()), 0.01), aspect="auto")
    axes.set_xticks(range(matrix.shape[1]), anatomy.factor_names, rotation=40, ha="right", parse_math=False)
    axes.set_yticks(range(matrix.shape[0]), [f"z{latent}" for latent in anatomy.order])
    axes.set_title("Which latent knows which factor", loc="left", fontsize=10)
    figure.colorbar(picture, ax=axes, label="share of entropy")
    return figure


def save_pictures(run: Run, data: ImageDataset, folder: Path) -> None:
    """Write traversals (PNG and GIF), reconstructions, KL per latent and, with labels, the importance matrix."""
    anatomy = dissect(run, data, steps=11)
    folder.mkdir(parents=True, exist_ok=True)
    order = anatomy.order
    pictures = {
        "traversals.png": png_bytes(tile(anatomy.traversals[order], latent_labels(anatomy))),
        "traversals.gif": gif_bytes(anatomy.traversals[order].swapaxes(0, 1)),
        "reconstructions.png": png_bytes(tile(np.stack([anatomy.originals, anatomy.reconstructions]))),
        "kl_per_latent.png": _figure_bytes(kl_figure(anatomy)),
    }
    if (importance := importance_figure(anatomy)) is not None:
        pictures["importance.png"] = _figure_bytes(importance)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)


def _figure_bytes(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
