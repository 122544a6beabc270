"""Scikit-learn's handwritten digits: real images that need no download."""

from __future__ import annotations

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._sizes import check_image_size
from selectdis.data._source import Source
from selectdis.data.reading._pixels import resize

__all__ = ["SOURCE", "digits"]


def digits(*, image_size: int = 64, labels: bool = False) -> ImageDataset:
    """Enlarge 1,797 handwritten digits of 8x8 pixels bilinearly (Alpaydin & Kaynak 1998, through scikit-learn).

    Parameters
    ----------
    image_size : int
        Pixels per side, 4 to 1,024: "conv" takes 128, 64, 32 and 16, "fc" any.
    labels : bool
        Keep the digit as the one known factor. By default nothing is known: the factors that one would want (slant,
        stroke width) were never written down.

    Returns
    -------
    ImageDataset
        uint8 (1797, 1, image_size, image_size), white on black.
    """
    from sklearn.datasets import load_digits

    size = check_image_size(image_size)
    bunch = load_digits()
    small = np.rint(bunch.images * (255 / 16)).astype(np.uint8)[:, None]
    images = resize(small, size)
    if not labels:
        return ImageDataset("digits", images, source="scikit-learn")
    factors = bunch.target.astype(np.int64)[:, None]
    return ImageDataset("digits", images, ("digit",), (10,), factors, source="scikit-learn")


SOURCE = Source(
    load=digits,
    summary="1,797 real handwritten digits",
    licence="CC BY 4.0",
)
