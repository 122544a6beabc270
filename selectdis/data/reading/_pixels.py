"""Small operations on batches of uint8 images (n, channels, height, width)."""

from __future__ import annotations

import numpy as np
from PIL import Image

__all__ = ["LUMA", "area_average", "fit_square", "lanczos", "resize", "to_channels", "to_gray"]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as Pillow's mode "L"


def area_average(images: np.ndarray, size: int) -> np.ndarray:
    """Shrink (..., h, w) by averaging whole blocks of pixels; `size` must divide h and w. Rounds to nearest."""
    *lead, h, w = images.shape
    if h == size and w == size:
        return images
    blocks = images.reshape(*lead, size, h // size, size, w // size)
    total = blocks.sum(axis=(-3, -1), dtype=np.uint32)
    per_block = (h // size) * (w // size)
    return ((total + per_block // 2) // per_block).astype(np.uint8)


def resize(images: np.ndarray, size: int) -> np.ndarray:
    """Bring (n, c, h, w) to (n, c, size, size): blocks averaged where `size` divides, else bilinear and antialiased."""
    h, w = images.shape[2:]
    if h == w and h % size == 0:
        return area_average(images, size)
    return _by_pillow(images, size, Image.Resampling.BILINEAR)


def lanczos(images: np.ndarray, size: int) -> np.ndarray:
    """Bring (n, c, h, w) to (n, c, size, size) as disentanglement_lib does; Pillow rounds to uint8 and clips."""
    return _by_pillow(images, size, Image.Resampling.LANCZOS)


def _by_pillow(images: np.ndarray, size: int, filter: Image.Resampling) -> np.ndarray:
    n, c, h, w = images.shape
    planes = images.reshape(n * c, h, w)  # one at a time: Pillow filters the channels of a colour apart too
    resized = [np.asarray(Image.fromarray(plane).resize((size, size), filter)) for plane in planes]
    return np.stack(resized).reshape(n, c, size, size)


def fit_square(images: np.ndarray, size: int, fit: str) -> np.ndarray:
    """Bring (n, c, h, w) to (n, c, size, size): "crop" the middle square, "stretch", or "pad" with black."""
    h, w = images.shape[2:]
    side = max(h, w) if fit == "pad" else min(h, w)
    top, left = abs(h - side) // 2, abs(w - side) // 2
    if fit == "crop":
        images = images[:, :, top : top + side, left : left + side]
    elif fit == "pad":
        around = ((0, 0), (0, 0), (top, side - h - top), (left, side - w - left))
        images = np.pad(images, around)
    return resize(images, size)


def to_gray(images: np.ndarray) -> np.ndarray:
    """Bring (n, 3, h, w) to (n, 1, h, w) by luminance; one channel stays as it is."""
    if images.shape[1] == 1:
        return images
    gray = np.einsum("nchw,c->nhw", images.astype(np.float32), LUMA)
    return np.rint(gray).astype(np.uint8)[:, None]


def to_channels(images: np.ndarray, gray: bool | None) -> np.ndarray:
    """Make images grey, RGB, or (None) leave them as they are."""
    if gray is None:
        return images
    if gray:
        return to_gray(images)
    return images if images.shape[1] == 3 else np.repeat(images, 3, axis=1)
