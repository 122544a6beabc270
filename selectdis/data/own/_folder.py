"""A folder of pictures."""

from __future__ import annotations

import os
from pathlib import Path

from PIL import Image

from selectdis.data._dataset import ImageDataset
from selectdis.data.reading._pictures import read_pictures
from selectdis.errors import SelectdisError

__all__ = ["find_pictures", "folder"]

NOT_PICTURES = {".pdf", ".h5", ".hdf", ".hdf5"}  # Pillow lists them, with plugins that read nothing by themselves


def folder(
    path: str | Path, *, image_size: int = 64, gray: bool | None = None, fit: str = "crop", strict: bool = False
) -> ImageDataset:
    """Read every picture below a folder, in the order of their paths, as an unlabelled data set.

    Parameters
    ----------
    path : str or Path
        Searched recursively; links to folders are followed once, hidden files and folders are left out.
    image_size : {64, 32, 16}
        Pixels per side.
    gray : bool, optional
        True for one channel, False for RGB. None keeps grey pictures grey, and refuses a mixture.
    fit : {"crop", "stretch", "pad"}
        How a picture becomes a square: its middle, stretched, or padded with black.
    strict : bool
        Raise on a file that cannot be read, instead of naming it in a warning and leaving it out.

    Raises
    ------
    SelectdisError
        No such folder, no pictures in it, a mixture of grey and colour, or, with `strict`, a bad picture.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        found = "that is a file" if root.exists() else "it does not exist"
        raise SelectdisError(f"folder:{path} needs a folder of pictures, and {found}")
    paths = find_pictures(root)
    if not paths:
        raise SelectdisError(f"{root} holds no picture, in it or below (looked for .png, .jpg, .bmp, .tif, .webp, ...)")
    images, _, about = read_pictures(paths, root, image_size=image_size, gray=gray, fit=fit, strict=strict)
    return ImageDataset(f"folder:{path}", images, source=str(root.resolve()), **about)


def find_pictures(root: Path) -> list[Path]:
    """Return the paths below `root` with a picture's suffix, sorted; a folder is entered once, whatever links to it."""
    suffixes, seen = _suffixes(), set()
    found: list[Path] = []
    for where, folders, files in os.walk(root, followlinks=True):
        real = os.path.realpath(where)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(where, f) for f in files if not f.startswith(".") and Path(f).suffix.lower() in suffixes]
    return sorted(found)


def _suffixes() -> set[str]:
    known = Image.registered_extensions()
    return {suffix for suffix, kind in known.items() if kind in Image.OPEN} - NOT_PICTURES
