"""A folder of clips: neighbouring frames are pairs."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data.own._folder import find_pictures
from selectdis.data.reading._picture import PictureOptions
from selectdis.data.reading._pictures import read_pictures
from selectdis.data.reading._scaling import Scaling
from selectdis.errors import SelectdisError

__all__ = ["clips"]


def clips(
    path: str | Path,
    *,
    image_size: int = 64,
    gray: bool | None = None,
    fit: str = "crop",
    strict: bool = False,
    background: str = "black",
    scaling: Scaling = "type",
    pages: str = "first",
) -> ImageDataset:
    """Read the frames of clips as an unlabelled data set whose pairs are neighbouring frames.

    Parameters
    ----------
    path : str or Path
        Searched recursively; each folder that holds pictures is one clip, its frames in the order of their names, with
        numbers by their value (frame9, frame10). With ``pages="all"`` the pages of a stack or an animation are frames.
    image_size, gray, fit, strict, background, scaling, pages
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
    several = pages == "all" or any(one.parent == other.parent for one, other in pairwise(paths))
    if not paths or not several:
        raise SelectdisError(f"{root} holds no clip of two frames or more (a folder of pictures, in it or below)")
    read = read_pictures(paths, root, PictureOptions(image_size, gray, fit, background, scaling, pages), strict=strict)
    frames = [_Frame(file, page, paths[file].parent) for file, page in read.places]
    pairs = [(row, row + 1) for row, (one, other) in enumerate(pairwise(frames)) if one.before(other, set(frames))]
    if not pairs:
        raise SelectdisError(f"no two neighbouring frames of {root} can be read")
    listed = np.array(pairs)
    return ImageDataset(f"clips:{path}", read.images, source=str(root.resolve()), listed_pairs=listed, **read.about)


class _Frame(NamedTuple):
    """A page of a file, by the place of the file in the order of all, and its folder."""

    file: int
    page: int
    folder: Path

    def before(self, other: _Frame, frames: set[_Frame]) -> bool:
        """Whether the other one comes next: the next page, or the next file where both are no stacks."""
        if self.file == other.file:
            return other.page == self.page + 1
        stacks = self.page > 0 or _Frame(other.file, 1, other.folder) in frames
        return other.file == self.file + 1 and self.folder == other.folder and not stacks


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Return what sorts names with numbers by their value."""
    parts = re.split(r"(\d+)", name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
