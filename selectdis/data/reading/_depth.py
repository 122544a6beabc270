"""What a picture's file says of its numbers, where Pillow's reading of them does not: signs, inverted grey, depth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from selectdis.errors import SelectdisError

__all__ = ["Depth", "depth_of"]

BITS, PHOTOMETRIC, PLANES, SIGN = 258, 262, 284, 339  # tags of TIFF
UNSIGNED, SIGNED = 1, 2
WHITE_IS_ZERO, APART = 0, 2


class Depth(NamedTuple):
    """How the numbers of a picture are to be read.

    Attributes
    ----------
    inverted : bool
        White is 0, and Pillow leaves it so.
    dtype : numpy.dtype, optional
        What they are, where Pillow takes their sign for a bit, or a bit for their sign.
    lost : int
        Bits per colour in the file, where Pillow reads the upper eight of more; else 0.
    """

    inverted: bool = False
    dtype: np.dtype | None = None
    lost: int = 0

    def values(self, read: np.ndarray) -> np.ndarray:
        """Return what Pillow `read` as the numbers that the file holds; signed bytes as 16 bits."""
        if self.inverted:
            read = np.iinfo(read.dtype).max - read
        if self.dtype is None:
            return read
        told = read.view(self.dtype)
        return told.astype(np.int16) if told.dtype == np.int8 else told


def depth_of(opened: Image.Image) -> Depth:
    """Return how to read a picture that was opened, and not yet loaded.

    Raises
    ------
    SelectdisError
        Of planes of 16 bits, which Pillow takes for eight.
    """
    raw = _raw_mode(opened)
    if not hasattr(opened, "tag_v2"):
        return Depth(lost=16 if ";16" in raw and _is_colour(opened) else 0)
    tags = opened.tag_v2
    bits, sign = max(tags.get(BITS, (1,))), tags.get(SIGN, (UNSIGNED,))[0]
    lost = bits if bits > 8 and _is_colour(opened) else 0
    if lost and tags.get(PLANES) == APART:
        raise SelectdisError(f"its colours of {bits} bits lie apart, in planes: save it interleaved, or in 8 bits")
    inverted = opened.mode.startswith("I;16") and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO and not raw.endswith("I")
    if opened.mode == "I" and bits == 32 and sign == UNSIGNED:
        return Depth(inverted, np.dtype(np.uint32))
    return Depth(inverted, np.dtype(np.int8) if bits == 8 and sign == SIGNED else None, lost)


def _is_colour(opened: Image.Image) -> bool:
    return not opened.mode.startswith(("I", "F", "1"))


def _raw_mode(opened: Image.Image) -> str:
    """Return Pillow's own name of how the file's pixels lie, such as "RGB;16B"; empty where it has none."""
    tile = getattr(opened, "tile", None)
    told = tile[0][3] if tile else ""
    return str(told[0] if isinstance(told, tuple) and told else told)
