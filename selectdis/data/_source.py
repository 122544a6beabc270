"""What the list of data sets says about each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from selectdis.data._dataset import ImageDataset
from selectdis.errors import whole_number

__all__ = ["DATASETS", "RemoteFile", "Source", "check_edition"]


@dataclass(frozen=True)
class RemoteFile:
    """A public file: where it is, and the hash that it must have (``sha256:...`` or ``md5:...``).

    `doubt` says why the hash may be void, where it may: a file with another one is then kept aside.
    """

    name: str
    url: str
    known_hash: str
    doubt: str = ""


@dataclass(frozen=True)
class Source:
    """A data set by name: the function that loads it, and what a table says about it."""

    load: Callable[..., ImageDataset]
    summary: str
    licence: str
    files: tuple[RemoteFile, ...] = ()


DATASETS: dict[str, Source] = {}  # filled in `selectdis/data/__init__.py`, which imports every data set


def check_edition(edition: int) -> int:
    """Return the edition of a data set's images: 2, or 1 for those that selectdis 0.1 made from the same files.

    A study remembers which one it was made with; see `selectdis.data._reference`.
    """
    return whole_number("edition", edition, 1, 2)
