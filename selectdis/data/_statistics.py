"""Statistics of images that need no labels: by these data sets are near to one another, or far."""

from __future__ import annotations

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data.reading._pixels import to_gray

__all__ = ["STATISTICS", "image_statistics"]

SHOWN, SEED = 1_000, 0  # images that are looked at, and what draws them
BANDS = ((1, 1), (2, 2), (3, 4), (5, 8))  # cycles per picture, both ends included: 16 pixels have no more
BLACK, WHITE, EDGE = 0.05, 0.95, 0.1  # of brightness in [0, 1]; of its change from one pixel to the next
GRID = 8  # pixels per side, for the number of ways in which pictures vary

# Group -> its statistics. Groups weigh the same in a distance, however many they have.
STATISTICS = {
    "spectrum": ("band_1", "band_2", "band_3_4", "band_5_8"),
    "colours": ("brightness", "contrast", "saturation", "saturation_spread", "black", "white"),
    "edges": ("edge_strength", "edge_share", "edge_direction"),
    "variety": ("varying", "dimensions"),
}


def image_statistics(data: ImageDataset) -> dict[str, float]:
    """Return the statistics of a data set by name.

    ``band_*``: log10 of the power of the brightness in a band of frequencies, mean over pictures and orientations.
    ``brightness``, ``contrast``: mean and standard deviation over all pixels; ``saturation`` and its ``_spread``: of
    the largest less the smallest channel; ``black``, ``white``: shares of pixels. ``edge_strength``: mean change from
    one pixel to the next, over 16ths of a picture; ``edge_share``: of changes above 0.1; ``edge_direction``: log10 of
    the horizontal over the vertical ones. ``varying``: the share of the variance that is between pictures rather than
    within their mean; ``dimensions``: log10 of the participation ratio of the principal components of 8 x 8 pixels.

    Parameters
    ----------
    data : ImageDataset
        Of any size; up to 1,000 of its images are looked at.
    """
    drawn = np.sort(np.random.default_rng(SEED).permutation(len(data))[:SHOWN])
    images = data.images_at(drawn)
    colour = images.astype(np.float32) / 255
    gray = to_gray(images[:, :3] if images.shape[1] > 2 else images[:, :1])[:, 0].astype(np.float32) / 255
    spread = colour.max(axis=1) - colour.min(axis=1)
    return {
        **_spectrum(gray),
        "brightness": float(gray.mean()),
        "contrast": float(gray.std()),
        "saturation": float(spread.mean()),
        "saturation_spread": float(spread.std()),
        "black": float((gray < BLACK).mean()),
        "white": float((gray > WHITE).mean()),
        **_edges(gray),
        **_variety(gray),
    }


def _spectrum(gray: np.ndarray) -> dict[str, float]:
    size = gray.shape[1]
    power = (np.abs(np.fft.fft2(gray)) ** 2).mean(axis=0) / size**4  # of a picture of any size
    cycles = np.fft.fftfreq(size) * size
    radius = np.rint(np.hypot(cycles[:, None], cycles))
    bands = [power[(radius >= low) & (radius <= high)].mean() for low, high in BANDS]
    return dict(zip(STATISTICS["spectrum"], np.log10(np.maximum(bands, 1e-9)).tolist(), strict=True))


def _edges(gray: np.ndarray) -> dict[str, float]:
    step = max(gray.shape[1] // 16, 1)
    across, down = (np.abs(np.diff(gray[:, ::step, ::step], axis=axis)) for axis in (2, 1))
    both = np.concatenate([across.ravel(), down.ravel()])
    direction = np.log10((across.mean() + 1e-4) / (down.mean() + 1e-4))
    return {
        "edge_strength": float(both.mean()),
        "edge_share": float((both > EDGE).mean()),
        "edge_direction": float(direction),
    }


def _variety(gray: np.ndarray) -> dict[str, float]:
    n, size, _ = gray.shape
    grid = min(GRID, size)
    block = size // grid
    middle = gray[:, : grid * block, : grid * block]
    small = middle.reshape(n, grid, block, grid, block).mean(axis=(2, 4)).reshape(n, -1)
    variances = np.clip(np.linalg.eigvalsh(np.cov(small.T)), 0, None) if n > 1 else np.zeros(1)
    total, between = float(small.var()), float(small.var(axis=0).mean())
    ratio = variances.sum() ** 2 / max(float((variances**2).sum()), 1e-12)
    return {"varying": between / total if total > 0 else 0.0, "dimensions": float(np.log10(max(ratio, 1.0)))}
