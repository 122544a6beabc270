"""From what a user names to images."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from selectdis import _plugins
from selectdis.data._dataset import ImageDataset
from selectdis.data._look import warn_of_dark_images
from selectdis.data._source import DATASETS
from selectdis.data.own._array_file import array_file
from selectdis.data.own._clips import clips
from selectdis.data.own._folder import folder, is_picture
from selectdis.data.own._hugging_face import hugging_face
from selectdis.data.own._objects import from_array, from_items
from selectdis.data.own._pair_table import pair_table
from selectdis.data.own._table import TABLE_SUFFIXES, table
from selectdis.data.reading._array_formats import ARRAY_SUFFIXES
from selectdis.errors import SelectdisError, nearest, warn_renamed, whole_number

__all__ = ["current_options", "load_dataset", "loader_options", "options_of"]

RENAMED = {"grey": "gray"}
BY_PATH: dict[str, Callable[..., ImageDataset]] = {
    "folder:": folder,
    "clips:": clips,
    "pairs:": pair_table,
    "hf:": hugging_face,
}
NAMES = ("column", "columns", "factors", "factor_names", "split", "layout")  # options that name something of a file
PAIRS = "pairs_differ_in"  # an option of every data set that has factors


def load_dataset(name: Any, **options: Any) -> ImageDataset:
    """Load images by name, from files of your own, or from an object that holds them.

    Parameters
    ----------
    name : str, Path or object
        One of `DATASETS` ("sprites", "scenes", "digits", "dsprites", ...); "folder:PATH"; "hf:PATH"; pairs of
        images as a table of two columns of paths, "pairs:x.csv", or as clips, "clips:PATH"; an array file
        "x.npy", "x.npz::key", "x.h5::key"; a table "x.csv" of pictures and factors; an array or tensor; or an object
        with `len` and indexing that gives (image, label).
    **options
        Those of the data set's own function, e.g. ``image_size=32``, ``gray=True``, ``path="/data/x.npz"``; and of any
        data set with factors ``pairs_differ_in=k``: how many of them differ between the images of a pair.

    Raises
    ------
    SelectdisError
        An unknown name or option (with the nearest right one), or data that cannot be used.
    """
    if isinstance(name, ImageDataset):
        _check_options(name.name, lambda: name, options)
        return name
    load, arguments = _loader(name)
    options = current_options(options)
    _check_options(name if isinstance(name, str) else type(name).__name__, load, options)
    differ_in = options.pop(PAIRS, None)
    data = load(*arguments, **options)
    data = data if differ_in is None else _with_pairs(data, differ_in)
    return data if isinstance(name, str) and name in DATASETS else warn_of_dark_images(data)


def _with_pairs(data: ImageDataset, differ_in: Any) -> ImageDataset:
    """Return `data` with pairs that differ in so many factors, which it must have."""
    data = replace(data, pairs_differ_in=whole_number(PAIRS, differ_in, 1))
    if data.no_pairs:
        raise SelectdisError(f"{data.name!r} gives no pairs that differ in {differ_in} factors: {data.no_pairs}")
    return data


def _loader(name: Any) -> tuple[Callable[..., ImageDataset], tuple[Any, ...]]:
    if isinstance(name, Path):
        name = f"folder:{name}" if name.is_dir() else str(name)
    if not isinstance(name, str):
        return _object_loader(name)
    if name not in DATASETS:
        _plugins.installed("datasets")
    if name in DATASETS:
        return DATASETS[name].load, ()
    if name.strip() in BY_PATH:  # not the working directory, which an empty path would be
        raise SelectdisError(f"{name} needs a path, such as {name.strip()}images; found none")
    for prefix, load in BY_PATH.items():
        if name.startswith(prefix):
            return load, (name.removeprefix(prefix),)
    path, _, key = name.partition("::")
    suffix = Path(path).suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        return array_file, (path, key or None)
    if suffix in TABLE_SUFFIXES and not key:
        return table, (path,)
    raise _unknown(name, DATASETS)


def _object_loader(data: Any) -> tuple[Callable[..., ImageDataset], tuple[Any, ...]]:
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        return from_array, (data,)
    if hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        return from_items, (data,)
    raise SelectdisError(
        f"a data set is a name, an array, or an object with len() and indexing; found {type(data).__name__}"
    )


def _unknown(name: str, known: Mapping[str, Any]) -> SelectdisError:
    path = Path(name).expanduser()
    if path.is_dir():
        return SelectdisError(f"{name!r} is a folder: write folder:{name}")
    if path.is_file():
        what = f"a picture: write folder:{path.parent}, for all beside it" if is_picture(path) else "of another format"
        return SelectdisError(
            f"files of images are .npy, .npz, .h5 or .hdf5, tables of pictures .csv or .tsv, and {name} is {what}"
        )
    return SelectdisError(
        f"no data set is called {name!r}{nearest(name, known)}; there are {', '.join(known)}, and your own images as "
        "folder:PATH, clips:PATH, pairs:x.csv, hf:PATH, a .npy, .npz, .h5 or .csv file, or file.h5::key"
    )


def _check_options(name: str, load: Callable[..., ImageDataset], options: Mapping[str, Any]) -> None:
    known = loader_options(load)
    for option in options:
        if option not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise SelectdisError(f"the data set {name!r} has no option {option!r}{nearest(option, known)} ({has})")
        if (option == "gray" or isinstance(known[option], bool)) and not _is_flag(options[option]):
            raise SelectdisError(f"the option {option!r} of {name!r} is true or false, found {options[option]!r}")
        if option in NAMES and not _are_words(options[option]):
            raise SelectdisError(
                f"the option {option!r} of {name!r} is a name (or a list of them), found {options[option]!r}: quote "
                f"numbers, such as -o {option}='\"3\"'"
            )


def _are_words(value: Any) -> bool:
    """Whether it is a word or some: YAML makes numbers of 3 and dates of 2020-01-01."""
    several = isinstance(value, Sequence) and not isinstance(value, str)
    return value is None or all(isinstance(word, str) for word in (value if several else [value]))


def _is_flag(value: Any) -> bool:
    return value is None or (isinstance(value, bool | int | np.bool_) and value in (0, 1))


def current_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return loader options under their names of today, with a hint for each that was given an old one."""
    for old in RENAMED.keys() & options.keys():
        warn_renamed(f"the option {old}", RENAMED[old], stacklevel=4)
    return {RENAMED.get(name, name): value for name, value in options.items()}


def options_of(name: Any) -> dict[str, Any]:
    """Return names and defaults of the options that `load_dataset` takes for `name`."""
    return loader_options(_loader(name)[0])


def loader_options(load: Callable[..., ImageDataset]) -> dict[str, Any]:
    """Return names and defaults of the options that a loader takes."""
    fixed = load.keywords if isinstance(load, partial) else {}
    parameters = inspect.signature(load).parameters.values()
    known = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in fixed}
    return known if load in (folder, clips, pair_table) else known | {PAIRS: None}
