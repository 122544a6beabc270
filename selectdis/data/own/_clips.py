"""A folder of clips: neighbouring frames are pairs."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data.own._folder import find_pictures
from selectdis.data.reading._pictures import read_pictures
from selectdis.errors import SelectdisError

__all__ = ["clips"]


def clips(
    path: str | Path, *, image_size: int = 64, gray: bool | None = None, fit: str = "crop", strict: bool = False
) -> ImageDataset:
    """Read the frames of clips as an unlabelled data set whose pairs are neighbouring frames.

    Parameters
    ----------
    path : str or Path
        Searched recursively; each folder that holds pictures is one clip, its frames in the order of their names, with
        numbers by their value (frame9, frame10).
    image_size, gray, fit, strict
        As for `folder`. A frame that cannot be read is nobody's neighbour.

    Raises
    ------
    SelectdisError
        No such folder, or no two neighbouring frames in it.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        found = "that is a file" if root.exists() else "it does not exist"
        raise SelectdisError(f"clips:{path} needs a folder of clips, each a folder of frames, and {found}")
    paths = sorted(find_pictures(root), key=lambda frame: (frame.parent, _natural(frame.name)))
    neighbours = [(i, i + 1) for i, (one, other) in enumerate(pairwise(paths)) if one.parent == other.parent]
    if not neighbours:
        raise SelectdisError(f"{root} holds no clip of two frames or more (a folder of pictures, in it or below)")
    images, kept, about = read_pictures(paths, root, image_size=image_size, gray=gray, fit=fit, strict=strict)
    place = {frame: row for row, frame in enumerate(kept)}
    pairs = [(place[one], place[other]) for one, other in neighbours if one in place and other in place]
    if not pairs:
        raise SelectdisError(f"no two neighbouring frames of {root} can be read")
    return ImageDataset(f"clips:{path}", images, source=str(root.resolve()), listed_pairs=np.array(pairs), **about)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return what sorts names with numbers by their value."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
