"""How bright and how different the pixels of images are, and a warning where there is next to nothing to see."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data.reading._originals import Originals
from selectdis.data.reading._scaling import SCALINGS

__all__ = ["Look", "describe", "look_at", "warn_of_dark_images"]

SEEN = 1_000  # evenly spaced images, so that a large data set is not read whole
DARK = 64  # of 255, from the darkest to the brightest pixel: what 14 bits leave of 16
FLAT = 8  # of 255, between the darkest and the brightest pixel of an image: nothing that shows


@dataclass(frozen=True)
class Look:
    """Brightness and contrast of images of 0 to 255.

    Attributes
    ----------
    seen : int
        How many images were looked at, evenly spaced.
    darkest, brightest : int
        Pixel of all.
    brightness : float
        Mean of all pixels.
    contrast : float
        Standard deviation of the pixels of an image, mean over images.
    flat : int
        Images whose pixels are less than 8 apart.
    """

    seen: int
    darkest: int
    brightest: int
    brightness: float
    contrast: float
    flat: int

    @property
    def nothing_to_see(self) -> str:
        """What is wrong with the images, in words; empty where nothing is."""
        if self.flat > self.seen / 2:
            return f"{self.flat} of {self.seen} images are nearly constant (their pixels less than {FLAT} of 255 apart)"
        if self.brightest <= DARK:
            return f"the images are dark: the brightest pixel is {self.brightest} of 255"
        if self.brightest - self.darkest <= DARK:
            return f"the images have little contrast: their pixels lie from {self.darkest} to {self.brightest} of 255"
        return ""


def look_at(data: ImageDataset) -> Look:
    """Return brightness and contrast of up to 1,000 images."""
    images = data.images_at(np.unique(np.linspace(0, len(data) - 1, SEEN).astype(np.int64)))
    planes = images.reshape(len(images), -1)
    low, high = planes.min(axis=1).astype(int), planes.max(axis=1).astype(int)
    contrast = float(np.mean([plane.std() for plane in planes]))
    flat = int((high - low < FLAT).sum())
    return Look(len(images), int(low.min()), int(high.max()), float(planes.mean()), contrast, flat)


def warn_of_dark_images(data: ImageDataset) -> ImageDataset:
    """Return `data`; warn where there is next to nothing to see in its images, and say which option helps."""
    if told := look_at(data).nothing_to_see:
        warnings.warn(f"{data.name}: {told}{_advice(data)}", stacklevel=3)
    elif told := _dark_beside_others(data.originals):
        warnings.warn(f'{data.name}: {told}; scaling="picture" spreads each over 0 to 255', stacklevel=3)
    return data


def _dark_beside_others(held: Originals | None) -> str:
    """Say which files of several depths use a quarter of theirs at most: 12 bits of 16 beside 8 bits."""
    if held is None or held.scaling != "type" or len(held.kinds) < 2:
        return ""
    dark = [
        f"{int(n):,} hold {kind}, {low:g} to {high:g}"
        for kind, (n, low, high) in held.kinds.items()
        if high - low <= _top(kind) * DARK / 255 and not kind.startswith("8-bit")
    ]
    return f"some of the pictures are dark or flat beside the others: {'; '.join(dark)}" if dark else ""


def _top(kind: str) -> float:
    """Return the largest value of such files, where their type is the scale."""
    if "float" in kind:
        return 1.0
    return 255.0 if kind.startswith(("1-bit", "uint8", "bool")) or "upper 8" in kind else 65_535.0


def _advice(data: ImageDataset) -> str:
    """Say what to do, by what the files hold."""
    before = data.originals
    if before is None:
        return ""
    if before.transparent:
        return (
            f"; {before.transparent} of them have transparent parts, which were laid on black: try another background, "
            'such as background="white"'
        )
    held = "; ".join(f"{kind}, {low:g} to {high:g}" for kind, (_, low, high) in before.kinds.items())
    options = 'scaling="dataset" (or "percentiles", or "picture": each on its own)'
    spread = before.scaling == "type" and any(low < high for _, low, high in before.kinds.values())
    return f"; the files hold {held}: {options} spreads that over 0 to 255" if spread else ""


def describe(data: ImageDataset) -> dict[str, str]:
    """Return what `selectdis data info` says of pixels and files, by name."""
    look = look_at(data)
    told = {
        "brightness": f"mean {look.brightness:.1f}, pixels from {look.darkest} to {look.brightest} (of 0 to 255)",
        "contrast": f"{look.contrast:.1f}: standard deviation within an image, mean over {look.seen:,} images",
    }
    if look.flat:
        told["nearly constant"] = f"{look.flat:,} of {look.seen:,} images: their pixels less than {FLAT} of 255 apart"
    return told if data.originals is None else told | _of_files(data.originals)


def _of_files(held: Originals) -> dict[str, str]:
    told: dict[str, str] = {}
    if held.kinds:
        kinds = (f"{int(n):,} {kind}, values {low:g} to {high:g}" for kind, (n, low, high) in held.kinds.items())
        told["files hold"] = "; ".join(kinds)
    if held.sizes:
        sizes = [f"{size}: {n:,}" for size, n in list(held.sizes.items())[:3]]
        more = f", and {len(held.sizes) - 3:,} other sizes" if len(held.sizes) > 3 else ""
        told["sizes of files"] = ", ".join(sizes) + more
    if held.transparent:
        told["transparent"] = f"{held.transparent:,} images in part"
    if held.stacks:
        taken = f"{held.pages_left:,} pages beyond the first left out" if held.pages_left else "every page taken"
        told["stacks"] = f"{held.stacks:,} files of several pages, {taken}"
    scaling = held.scaling if isinstance(held.scaling, str) else f"{held.scaling[0]:g} to {held.scaling[1]:g}"
    told["scaling"] = f"by {scaling}" if scaling in SCALINGS else f"from {scaling}"
    if held.sizes:
        told["left out"] = f"{len(held.left_out):,} files" + (" (--left-out lists them)" if held.left_out else "")
    return told
