"""Pictures of one trained run: what its latents do, what it reconstructs, which latents carry anything."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from selectdis._arrays import entropy, information_matrix, known
from selectdis.data import ImageDataset
from selectdis.visualization._bars import kl_bars, nats_label
from selectdis.visualization._charts import importance_heatmap

if TYPE_CHECKING:
    from selectdis.training import Run

__all__ = ["RunPictures", "gif_bytes", "picture_run", "png_bytes", "save_pictures", "tile", "traversal_sheet"]

PICTURED = 1_000  # images that a run encodes for its pictures and for what its latents know, wherever they are shown
REACH = 2.0  # traversals run over this many standard deviations of the prior to both sides
INK = (110, 110, 110)  # readable on white and on black


class RunPictures(NamedTuple):
    """What there is to draw of a run; its latents are sorted by falling KL, or where they have none by their spread.

    Attributes
    ----------
    latents : (latents,) int
        Which latent of the code each row below is about.
    kl : (latents,) or None
        In nats, mean over images outside training where it is the record's; None of codes without a posterior.
    traversals : uint8 (latents, steps, c, h, w)
    values : (latents, steps)
        What the traversed latent is set to: around the prior, or all over the values in use.
    reconstructions : uint8 (2, k, c, h, w)
        Images, and what the run makes of them.
    importance : (latents, factors) or None
        The share of each factor's entropy that a latent knows, in [0, 1]; None without labels.
    factor_names : tuple of str
    """

    latents: np.ndarray
    kl: np.ndarray | None
    traversals: np.ndarray
    values: np.ndarray
    reconstructions: np.ndarray
    importance: np.ndarray | None
    factor_names: tuple[str, ...]

    @property
    def latent_names(self) -> list[str]:
        """``z3`` and so on, in the order of `latents`."""
        return [f"z{latent}" for latent in self.latents]


def picture_run(
    run: Run,
    data: ImageDataset,
    *,
    steps: int = 7,
    shown: int = 8,
    n: int = PICTURED,
    seed: int = 0,
    kl: Sequence[float] | None = None,
) -> RunPictures:
    """Encode images and decode what the pictures show.

    Parameters
    ----------
    run : Run
        A trained one that has not diverged.
    data : ImageDataset
        With the images to show.
    steps : int
        Pictures per latent, in a traversal.
    shown : int
        Reconstructions.
    n, seed : int
        How many images are encoded, and what draws them.
    kl : sequence of float, optional
        The KL of each latent in nats as the run's record has it, so that one number has one value wherever it is shown;
        by default that of the images which are encoded here.

    Returns
    -------
    RunPictures
    """
    indices = data.sample_indices(min(n, len(data)), np.random.default_rng(seed))
    images = data.images_at(indices)
    mean, log_variance = run.encode(images)
    if run.candidate.specification.has_kl:
        measured = 0.5 * (mean**2 + np.exp(log_variance) - log_variance - 1).mean(axis=0)  # to N(0, 1), per latent
        nats = measured if kl is None else np.asarray(kl, dtype=float)
        values = np.tile(np.linspace(-REACH, REACH, steps), (mean.shape[1], 1))
    else:
        nats, values = None, np.linspace(mean.min(axis=0), mean.max(axis=0), steps, axis=1)
    order = np.argsort(-(mean.std(axis=0) if nats is None else nats), kind="stable")
    base = int(np.argmin(((mean - np.median(mean, axis=0)) ** 2).sum(axis=1)))  # a typical image: nothing extreme
    return RunPictures(
        latents=order,
        kl=None if nats is None else nats[order],
        traversals=_traversals(run, mean[base], values)[order],
        values=values[order],
        reconstructions=np.stack([images[:shown], _pixels(run.decode(mean[:shown]))]),
        importance=_known_shares(mean, data.factors_at(indices))[order] if data.labelled else None,
        factor_names=data.factor_names,
    )


def _traversals(run: Run, base: np.ndarray, values: np.ndarray) -> np.ndarray:
    latents, steps = values.shape
    codes = np.tile(base, (latents, steps, 1)).astype(np.float32)  # (latents, steps, latents)
    codes[np.arange(latents), :, np.arange(latents)] = values
    decoded = _pixels(run.decode(codes.reshape(latents * steps, latents)))
    return decoded.reshape(latents, steps, *decoded.shape[1:])


def _known_shares(codes: np.ndarray, factors: np.ndarray) -> np.ndarray:
    information = information_matrix(codes, factors)
    entropies = np.array([entropy(*known(column)) for column in factors.T])
    return np.divide(information, entropies, out=np.zeros_like(information), where=entropies > 0)


def _pixels(decoded: np.ndarray) -> np.ndarray:
    return (np.clip(np.nan_to_num(decoded), 0, 1) * 255).round().astype(np.uint8)


def tile(images: np.ndarray, labels: Sequence[str] = (), *, cell: int = 56, gap: int = 3) -> Image.Image:
    """Return a grid of images with a transparent ground.

    Parameters
    ----------
    images : uint8 (rows, columns, c, h, w)
        A picture for each place.
    labels : sequence of str
        One per row, written to its left.
    cell : int
        Side of a picture in pixels, at least; pictures are enlarged by whole factors, so that pixels stay square.
    gap : int
        Pixels between two pictures.

    Returns
    -------
    PIL.Image.Image
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
    """Return one uint8 (c, h, w) picture of 1 or 3 channels; of other numbers, the mean in gray."""
    if pixels.shape[0] == 3:
        picture = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    else:
        gray = pixels[0] if pixels.shape[0] == 1 else pixels.mean(axis=0)
        picture = Image.fromarray(gray.astype(np.uint8))
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def png_bytes(picture: Image.Image) -> bytes:
    """Return `picture` as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def gif_bytes(frames: np.ndarray, *, milliseconds: int = 120, cell: int = 56) -> bytes:
    """Return an endless animation, there and back, of uint8 (frames, columns, c, h, w): the columns side by side."""
    there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    pictures = [tile(frames[i][None], cell=cell).convert("RGB") for i in there_and_back]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0)
    return buffer.getvalue()


def traversal_sheet(traversals: np.ndarray, kl: np.ndarray | None, latent_names: Sequence[str]) -> Image.Image:
    """Return traversals, uint8 (latents, steps, c, h, w), as a sheet with the name and the KL of each latent."""
    if kl is None:
        return tile(traversals, latent_names)
    return tile(traversals, [f"{name}  {nats_label(nats)} nats" for name, nats in zip(latent_names, kl, strict=True)])


def save_pictures(run: Run, data: ImageDataset, folder: Path, *, kl: Sequence[float] | None = None) -> None:
    """Write traversals (PNG and GIF), reconstructions, KL per latent and, with labels, the importance matrix.

    Parameters
    ----------
    run : Run
        A trained one that has not diverged.
    data : ImageDataset
        With the images to show.
    folder : Path
        Where to; made where it is missing.
    kl : sequence of float, optional
        As `picture_run` takes it.
    """
    of = picture_run(run, data, steps=11, kl=kl)
    pictures = {
        "traversals.png": png_bytes(traversal_sheet(of.traversals, of.kl, of.latent_names)),
        "traversals.gif": gif_bytes(of.traversals.swapaxes(0, 1)),
        "reconstructions.png": png_bytes(tile(of.reconstructions)),
    }
    if of.kl is not None:
        pictures["kl_per_latent.png"] = kl_bars(of.kl, of.latent_names).png()
    if of.importance is not None:
        pictures["importance.png"] = importance_heatmap(of.importance, of.latent_names, of.factor_names).png()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in pictures.items():
        (folder / name).write_bytes(content)
