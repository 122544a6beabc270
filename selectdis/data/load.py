"""From what a user names to images."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from selectdis.data.dataset import ImageDataset
from selectdis.data.folder import folder
from selectdis.errors import SelectdisError, nearest

__all__ = ["load_dataset"]


def load_dataset(name: Any, **options: Any) -> ImageDataset:
    """Images by name, from a file or folder of your own, or from an object that holds them.

    Parameters
    ----------
    name : one of `DATASETS` ("sprites", "scenes", "digits", "dsprites", ...) or "folder:PATH".
    options : those of the data set's own function, e.g. ``image_size=32``, ``grey=True``, ``path="/data/x.npz"``.

    Raises
    ------
    SelectdisError : an unknown name or option (with the nearest right one), or data that cannot be used.
    """
    load, arguments = _loader(name)
    _check_options(str(name), load, options)
    return load(*arguments, **options)


def _loader(name: Any) -> tuple[Callable[..., ImageDataset], tuple[Any, ...]]:
    from selectdis.data import DATASETS  # the table imports the loaders, and the loaders know nothing of it

    if name in DATASETS:
        return DATASETS[name].load, ()
    if name.startswith("folder:"):
        return folder, (name.removeprefix("folder:"),)
    raise _unknown(name, DATASETS)


def _unknown(name: str, known: Mapping[str, Any]) -> SelectdisError:
    return SelectdisError(
        f"no data set is called {name!r}{nearest(name, known)}; there are {', '.join(known)}, and your own images as "
        "folder:PATH, a .npy, .npz or .csv file, or file.h5::key"
    )


def _check_options(name: str, load: Callable[..., ImageDataset], options: Mapping[str, Any]) -> None:
    known = [p.name for p in inspect.signature(load).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for option in options:
        if option not in known:
            raise SelectdisError(
                f"the data set {name!r} has no option {option!r}{nearest(option, known)} (it has {', '.join(known)})"
            )
