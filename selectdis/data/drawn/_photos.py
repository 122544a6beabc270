"""Crops of two real photographs, in other light."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from PIL import Image

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import Sizes
from selectdis.data._source import Source
from selectdis.data.drawn._grid import classes, drawn_grid, span

__all__ = ["SOURCE", "photos"]

FACTORS = {
    "photo": classes(2, 2),  # a temple, a flower
    "hue": span(np.deg2rad(-75), np.deg2rad(75), 6),  # how far all colours are turned
    "brightness": span(0.45, 1.0, 5, 4, 4),
    "zoom": span(0.85, 0.4, 6, 5, 5),  # side of the crop, against the height of the photograph
    "x": span(-0.26, 0.26, 14, 12, 10),  # its centre, against the height
}
PAIR = ("hue", "brightness")
FILES = ("china.jpg", "flower.jpg")
# Luminance and two differences of colour, in which a turn changes the hue (YIQ, NTSC 1953)
YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
VIVID, TINT = 1.2, 0.2  # colours are so much stronger, and grey has this share of its luminance


def photos(*, image_size: int = 64, sizes: Sizes = None, correlation: float = 0.0) -> ImageDataset:
    """Crop two photographs that come with scikit-learn: photo, hue, brightness, zoom and x.

    Parameters
    ----------
    image_size : {64, 32, 16}
        Pixels per side.
    sizes : mapping or sequence of int, optional
        Values of photo (up to 2), hue (how far all colours are turned), brightness, zoom, x: a mapping (others keep
        their default) or five numbers.
    correlation : float
        Of hue and brightness, from -0.95 to 0.95. Other than 0, images are left out.

    Returns
    -------
    ImageDataset
        uint8 (n, 3, image_size, image_size), from photographs by Daniel Büchele and by vultilion (CC BY 2.0); a full
        grid where the correlation is 0.
    """
    return drawn_grid(
        "photos", _draw, FACTORS, image_size=image_size, sizes=sizes, gray=False, correlation=correlation, pair=PAIR
    )


def _draw(at: Mapping[str, np.ndarray], side: int, gray: bool) -> np.ndarray:
    crops = np.empty((len(at["photo"]), 3, side, side), dtype=np.float32)
    for k, (photo, share, x) in enumerate(zip(at["photo"], at["zoom"], at["x"], strict=True)):
        shrunk = _shrunk(int(photo), float(share), side)
        _, height, width = shrunk.shape
        top, left = (height - side) // 2, round((width - side) / 2 + float(x) * side / float(share))
        crops[k] = shrunk[:, top : top + side, left : left + side]
    light = _turns(at["hue"]) * at["brightness"][:, None, None]
    return (light @ crops.reshape(len(crops), 3, -1)).reshape(crops.shape)


def _turns(hue: np.ndarray) -> np.ndarray:
    """Return float32 (k, 3, 3): matrices that turn the colours of a picture around the grey axis.

    They are made stronger first, and grey gets one, or mist would look the same in every hue.
    """
    turn = np.zeros((len(hue), 3, 3))
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = VIVID * np.cos(hue)
    turn[:, 2, 1] = VIVID * np.sin(hue)
    turn[:, 1, 2] = -turn[:, 2, 1]
    turn[:, 1, 0], turn[:, 2, 0] = TINT * np.cos(hue), TINT * np.sin(hue)
    return (np.linalg.inv(YIQ) @ turn @ YIQ).astype(np.float32)


@lru_cache(maxsize=64)
def _shrunk(photo: int, share: float, side: int) -> np.ndarray:
    """Return a photograph in which a crop of `share` of its height is `side` pixels: float32 (3, h, w) in 0..1."""
    from sklearn.datasets import load_sample_image

    picture = Image.fromarray(load_sample_image(FILES[photo]))
    scale = side / (share * picture.height)
    small = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BOX)
    return np.moveaxis(np.asarray(small, dtype=np.float32) / 255, -1, 0).copy()


SOURCE = Source(load=photos, summary="crops of two real photographs in other light", licence="CC BY 2.0")
