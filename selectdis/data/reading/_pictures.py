"""Reading many picture files into one array, from the cache folder where they were read before."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from selectdis.data.reading._cache import cache_path, write_cached
from selectdis.data.reading._file_array import open_npy
from selectdis.data.reading._lazy import LazyImages, Subset
from selectdis.data.reading._originals import Originals, Tally
from selectdis.data.reading._picture import PictureOptions, count_pages, read_picture
from selectdis.data.reading._scaling import MEASURED, measured_range
from selectdis.errors import SelectdisError

__all__ = ["MixedChannelsError", "Pictures", "read_pictures"]

CACHE_FROM = 2_000  # so many pictures take seconds to decode: the result is then kept in the cache folder
BITS = (0.0, 1.0)


class Pictures(NamedTuple):
    """Pictures of one shape.

    Attributes
    ----------
    images : uint8 (n, c, size, size)
        Lazy where there are many.
    places : list of (int, int)
        For each image the place of its file in what was to be read, and which page of it.
    about : dict
        What an `ImageDataset` says of its files, by the names of its fields.
    """

    images: np.ndarray | LazyImages
    places: list[tuple[int, int]]
    about: dict[str, Any]

    @property
    def kept(self) -> list[int]:
        """For each image the place of its file in what was to be read."""
        return [file for file, _ in self.places]


class MixedChannelsError(SelectdisError):
    """Pictures in grey and in colour, and nobody said which they are to be."""


@dataclass(frozen=True)
class _Reader:
    """Reads pictures one after the other: those that cannot be read are noted, and come as None."""

    paths: Sequence[Path]
    places: Sequence[tuple[int, int]]  # which file, and which page of it
    options: PictureOptions
    strict: bool
    tally: Tally = field(default_factory=Tally)

    def __iter__(self) -> Iterator[np.ndarray | None]:
        channels: dict[int, Path] = {}
        for file, page in self.places:
            path = self.paths[file]
            try:
                raw = read_picture(path, self.options, page)
                picture = raw.pixels(self.options)
            except SelectdisError as error:
                told = str(error) if str(path) in str(error) else f"{path}: {error}"
                if self.strict:
                    raise SelectdisError(told) from None
                self.tally.left_out.append(told)
                yield None
                continue
            self.tally.add(raw, first=page == 0, all_pages=self.options.pages == "all")
            channels.setdefault(len(picture), path)
            if len(channels) > 1:
                raise MixedChannelsError(
                    f"all pictures need the same number of channels: {channels[1]} is grey and {channels[3]} in "
                    "colour; choose gray=True or gray=False"
                )
            yield picture

    def raws(self) -> Iterator[np.ndarray]:
        """Yield the values of what can be read; the rest is for the second time."""
        for file, page in self.places:
            try:
                yield read_picture(self.paths[file], self.options, page).values
            except SelectdisError:
                continue

    def scaled(self) -> _Reader:
        """Return the reader whose scaling is measured, where it is to be."""
        if self.options.scaling not in MEASURED:
            return self
        found = measured_range(self.raws(), str(self.options.scaling))
        return self if found is None else self.with_scaling(found)

    def with_scaling(self, scaling: tuple[float, float]) -> _Reader:
        """Return a reader that has read nothing yet."""
        return _Reader(self.paths, self.places, replace(self.options, scaling=scaling), self.strict)


def read_pictures(paths: Sequence[Path], root: Path, options: PictureOptions, *, strict: bool = False) -> Pictures:
    """Return pictures as uint8 (n, c, size, size), which files they are of, and what was in these.

    Files below `root` are named from there. Many of them are decoded once into the cache folder, under a name that
    changes when any of the files does. A warning says what was left out.
    """
    reader = _Reader(paths, _places(paths, options), options, strict)
    images, readable, originals = _read_now(reader) if len(reader.places) < CACHE_FROM else _read_cached(reader)
    _warn_of(originals, len(reader.places))
    kept = [place for place, fine in zip(reader.places, readable, strict=True) if fine]
    lost = [paths[file] for (file, _), fine in zip(reader.places, readable, strict=True) if not fine]
    about = {
        "files": tuple(_named(paths[file], root, page) for file, page in kept),
        "left_out": tuple(
            (_named(path, root), _reason(path, why)) for path, why in zip(lost, originals.left_out, strict=True)
        ),
        "image_fit": options.fit,
        "originals": originals,
    }
    return Pictures(images, kept, about)


def _named(path: Path, root: Path, page: int = 0) -> str:
    name = (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
    return f"{name}#{page}" if page else name


def _reason(path: Path, why: str) -> str:
    return why.removeprefix(str(path)).lstrip(": ")


def _places(paths: Sequence[Path], options: PictureOptions) -> list[tuple[int, int]]:
    if options.pages == "first":
        return [(file, 0) for file in range(len(paths))]
    return [(file, page) for file, path in enumerate(paths) for page in range(count_pages(path))]


def _read_now(reader: _Reader) -> tuple[np.ndarray, list[bool], Originals]:
    reader = reader.scaled()
    pictures = list(reader)
    if reader.tally.only_bits and reader.options.scaling == "type":
        reader = reader.with_scaling(BITS)
        pictures = list(reader)
    fine = [picture for picture in pictures if picture is not None]
    if not fine:
        raise _nothing(reader)
    return np.stack(fine), [picture is not None for picture in pictures], _originals(reader)


def _originals(reader: _Reader) -> Originals:
    return reader.tally.originals(reader.options.scaling)


def _nothing(reader: _Reader) -> SelectdisError:
    return SelectdisError(f"none of {len(reader.places)} pictures could be read: {reader.tally.left_out[0]}")


def _read_cached(reader: _Reader) -> tuple[LazyImages, list[bool], Originals]:
    key = _pictures_key(reader)
    parts = {part: f"{key}{part}" for part in ("", "-readable", "-originals")}
    if not all(cache_path(name).exists() for name in parts.values()):
        _decode_into_cache(reader, parts)
    images, readable, told = (open_npy(cache_path(name)) for name in parts.values())
    n, c, h, w = images.shape
    whole, fine = LazyImages((n, c, h, w), images.at), readable.array().astype(bool)
    originals = Originals.from_bytes(np.asarray(told.array()))
    if fine.all():
        return whole, fine.tolist(), originals
    chosen = np.flatnonzero(fine)
    return LazyImages((len(chosen), c, h, w), Subset(whole, chosen)), fine.tolist(), originals


def _decode_into_cache(reader: _Reader, parts: dict[str, str]) -> None:
    """Decode everything into one file, black where a picture cannot be read; others say what could, and was."""
    reader = reader.scaled()
    readable = _write_pictures(reader, parts[""])
    if reader.tally.only_bits and reader.options.scaling == "type":  # which is known at the end alone
        reader = reader.with_scaling(BITS)
        readable = _write_pictures(reader, parts[""])
    told = _originals(reader).to_bytes()
    for part, content in (("-readable", np.array(readable, np.uint8)), ("-originals", told)):
        cache_path(parts[part]).unlink(missing_ok=True)
        write_cached(parts[part], (len(content),), [content])


def _write_pictures(reader: _Reader, key: str) -> list[bool]:
    """Write all pictures under `key`, in place of what is there, and return which could be read."""
    readable: list[bool] = []
    pictures = iter(reader)
    first = next((picture for picture in pictures if picture is not None), None)
    before = len(reader.tally.left_out)
    if first is None:
        raise _nothing(reader)

    def blocks() -> Iterator[np.ndarray]:
        black = np.zeros_like(first)
        for picture in chain([None] * before, [first], pictures):
            readable.append(picture is not None)
            yield black if picture is None else picture

    cache_path(key).unlink(missing_ok=True)
    write_cached(key, (len(reader.places), *first.shape), blocks())
    return readable


def _pictures_key(reader: _Reader) -> str:
    digest = hashlib.sha256(repr((reader.options, len(reader.places))).encode())
    for path in reader.paths:
        try:
            stat = path.stat()
            digest.update(repr((str(path.absolute()), stat.st_size, stat.st_mtime_ns)).encode())
        except OSError:  # a dangling link
            digest.update(str(path.absolute()).encode())
    return digest.hexdigest()[:24]


def _warn_of(originals: Originals, n: int) -> None:
    bad = originals.left_out
    if bad:
        more = f" (and {len(bad) - 3} more)" if len(bad) > 3 else ""
        warnings.warn(f"left out {len(bad)} of {n} pictures: {'; '.join(bad[:3])}{more}", stacklevel=4)
    if originals.pages_left:
        warnings.warn(
            f"{originals.stacks} of {n} files hold several pages (stacks, animations): the first is taken, and "
            f'{originals.pages_left} others are left out; pages="all" takes every page as a picture',
            stacklevel=4,
        )
