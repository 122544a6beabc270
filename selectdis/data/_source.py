"""What the list of data sets says about each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from selectdis.data._dataset import ImageDataset

__all__ = ["DATASETS", "RemoteFile", "Source"]


@dataclass(frozen=True)
class RemoteFile:
    """A public file: where it is, and the hash that it must have (``sha256:...`` or ``md5:...``)."""

    name: str
    url: str
    known_hash: str


@dataclass(frozen=True)
class Source:
    """A data set by name: the function that loads it, and what a table says about it."""

    load: Callable[..., ImageDataset]
    summary: str
    licence: str
    files: tuple[RemoteFile, ...] = ()


DATASETS: dict[str, Source] = {}  # filled in `selectdis/data/__init__.py`, which imports every data set
