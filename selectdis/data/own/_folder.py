"""A folder of pictures."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_columns
from selectdis.data.reading._array_formats import ARRAY_SUFFIXES
from selectdis.data.reading._picture import HEIC, OTHERS, PictureOptions
from selectdis.data.reading._pictures import read_pictures
from selectdis.data.reading._scaling import Scaling
from selectdis.errors import SelectdisError, check_choice

__all__ = ["find_pictures", "folder", "is_picture"]

NOT_PICTURES = {".pdf", ".h5", ".hdf", ".hdf5"}  # Pillow lists them, with plugins that read nothing by themselves


def folder(
    path: str | Path,
    *,
    image_size: int = 64,
    gray: bool | None = None,
    fit: str = "crop",
    strict: bool = False,
    background: str = "black",
    scaling: Scaling = "type",
    pages: str = "first",
    labels: str | None = None,
) -> ImageDataset:
    """Read every picture below a folder, in the order of their paths.

    Parameters
    ----------
    path : str or Path
        Searched recursively; links to folders are followed once, hidden files and folders are left out.
    image_size : int
        Pixels per side, 4 to 1,024: "conv" takes 128, 64, 32 and 16, "fc" any.
    gray : bool, optional
        True for one channel, False for RGB. None keeps grey pictures grey, and refuses a mixture.
    fit : {"crop", "stretch", "pad"}
        How a picture becomes a square: its middle, stretched, or padded with black.
    strict : bool
        Raise on a file that cannot be read, instead of naming it in a warning and leaving it out.
    background : str
        Colour below transparent parts and around padded pictures: a name, such as "white", or "#rrggbb".
    scaling : {"type", "dataset", "picture", "percentiles"} or (float, float)
        What becomes 0 and 255: what the files' type can hold; the least and the largest value of all pictures; those of
        each picture; the 0.5th and 99.5th percentile of all pictures; or two given values. Bytes that hold nothing but
        0 and 1 count as black and white.
    pages : {"first", "all"}
        Of a stack or an animation: its first page, or each as a picture.
    labels : {"folders"}, optional
        Makes a factor of the folder that each picture is in, of those directly below `path`; by default nothing is
        known of the pictures.

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
        raise SelectdisError(
            f"{root} holds no picture, in it or below (looked for .png, .jpg, .bmp, .tif, .webp, ...){_instead(root)}"
        )
    if labels is not None:
        check_choice("labels", labels, ("folders",))
    options = PictureOptions(image_size, gray, fit, background, scaling, pages)
    read = read_pictures(paths, root, options, strict=strict)
    name, source = f"folder:{path}", str(root.resolve())
    data = ImageDataset(name, read.images, source=source)
    if labels is not None:
        data = dataset_of_columns(name, read.images, ["folder"], [_folders(root, paths, read.kept)], source=source)
    return replace(data, **read.about)


def _folders(root: Path, paths: Sequence[Path], kept: Sequence[int]) -> list[str]:
    """Return the folder below `root` that each picture is in; empty where it lies in `root` itself."""
    below = [paths[k].relative_to(root).parts for k in kept]
    folders = [parts[0] if len(parts) > 1 else "" for parts in below]
    if len(set(folders) - {""}) < 2:
        raise SelectdisError(
            f'labels="folders" needs pictures in two or more folders directly below {root}, found '
            f"{', '.join(sorted(set(folders) - {''})) or 'none'}"
        )
    return folders


def _instead(root: Path) -> str:
    """Say what a folder without a picture holds, and what to do with arrays."""
    suffixes = Counter(path.suffix.lower() or path.name for path in root.glob("*") if path.is_file())
    told = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(3))
    arrays = "; stack them into one array, and name its file" if set(suffixes) & set(ARRAY_SUFFIXES) else ""
    return f"; it holds {told}{arrays}" if told else ""


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


def is_picture(path: Path) -> bool:
    """Whether a file's name says that it is a picture."""
    return path.suffix.lower() in _suffixes()


def _suffixes() -> set[str]:
    known = Image.registered_extensions()
    return {suffix for suffix, kind in known.items() if kind in Image.OPEN} - NOT_PICTURES | HEIC | OTHERS
