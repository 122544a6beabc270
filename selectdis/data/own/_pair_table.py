"""A table of pairs of pictures: two columns of paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import known_column
from selectdis.data.own._table import picture_path, read_table
from selectdis.data.reading._picture import PictureOptions
from selectdis.data.reading._pictures import read_pictures
from selectdis.data.reading._scaling import Scaling
from selectdis.errors import SelectdisError

__all__ = ["pair_table"]


def pair_table(
    path: str | Path,
    *,
    columns: Sequence[str] | None = None,
    image_size: int = 64,
    gray: bool | None = None,
    fit: str = "crop",
    strict: bool = False,
    background: str = "black",
    scaling: Scaling = "type",
) -> ImageDataset:
    """Read the pictures that a CSV file lists in pairs, as an unlabelled data set with these pairs.

    Parameters
    ----------
    path : str or Path
        Of the .csv (or .tsv) file with a header; paths are relative to its folder. A picture that stands in several
        rows is one image of several pairs.
    columns : sequence of two str, optional
        The columns of both paths; by default the two that the file has.
    image_size, gray, fit, strict, background, scaling
        As for `folder`. Pairs of which a picture cannot be read are left out, with a warning.

    Raises
    ------
    SelectdisError
        No such file, not two columns, or no pair that can be read.
    """
    where = Path(path).expanduser()
    header, rows = read_table(where)
    names = header if columns is None else [known_column(name, header, where) for name in columns]
    if len(names) != 2:
        raise SelectdisError(
            f"pairs:{path} needs two columns of paths, found {', '.join(names)}; name the two with the option columns"
        )
    sides = [header.index(name) for name in names]
    listed = [[picture_path(where, row[side]) for side in sides] for row in rows]
    paths = list(dict.fromkeys(picture for pair in listed for picture in pair))
    options = PictureOptions(image_size, gray, fit, background, scaling)
    read = read_pictures(paths, where.parent, options, strict=strict)
    place = {paths[k]: row for row, k in enumerate(read.kept)}
    pairs = [(place[one], place[other]) for one, other in listed if one in place and other in place]
    if not pairs:
        raise SelectdisError(f"no pair of {path} has two pictures that can be read")
    data = ImageDataset(f"pairs:{path}", read.images, source=str(where.resolve()), listed_pairs=np.array(pairs))
    return replace(data, **read.about)
