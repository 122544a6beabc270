"""Images that are drawn, drawn once on a machine: by all cores, into uint8 files that every process maps.

The files lie in `rendered_folder()`. Together they are bounded: the one that was used longest ago goes first. What a
data set draws anew at each use is not kept, but the plain images that it draws on are.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import inspect
import os
import re
import shutil
import sys
import time
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np

from selectdis._files import quick_write
from selectdis._progress import progress_bar
from selectdis._signals import blocked_in_children, pause, raise_if_asked
from selectdis.data.reading._cache import cache_path, data_folder
from selectdis.data.reading._file_array import MappedArray, PackedBits, open_npy
from selectdis.data.reading._lazy import LazyImages
from selectdis.errors import SelectdisError

__all__ = ["LIMIT", "CachedFile", "cached_files", "draw_once", "rendered_folder"]

LIMIT = 50 * 10**9  # bytes of all the files together
DISK_SHARE = 0.9  # of the free disk, which one file may take
BLOCK_BYTES = 32 * 2**20  # that a process draws at a time
SAMPLES = 64  # images that are drawn anew to know a file by


def rendered_folder() -> Path:
    """Return the folder of the files; it need not exist."""
    return data_folder() / "rendered"


class CachedFile(NamedTuple):
    """A file of images that can be made again."""

    path: Path
    what: str  # "drawn" or "unpacked"
    shape: str
    nbytes: int
    used: datetime


def cached_files() -> list[CachedFile]:
    """Return the files of drawn and of unpacked images in the cache folder, by name."""
    found = []
    for folder, what in ((rendered_folder(), "drawn"), (cache_path("any").parent, "unpacked")):
        for path in sorted(folder.glob("*.npy")):
            with contextlib.suppress(OSError):  # cleared meanwhile
                about = path.stat()
                found.append(
                    CachedFile(path, what, _shape(path), about.st_size, datetime.fromtimestamp(about.st_mtime))
                )
    return found


def _shape(path: Path) -> str:
    try:
        return " x ".join(f"{side:,}" for side in open_npy(path).shape)
    except SelectdisError:
        return "damaged"


def draw_once(images: Any, name: str) -> None:
    """Let `images`, and all that they look through to, be read from a file from now on, drawn now where it is missing.

    Parameters
    ----------
    images : array-like
        As of an `ImageDataset`. What is in memory or in a file already is left as it is.
    name : str
        Of the data set, for people: it begins the file's name.

    Warns
    -----
    UserWarning
        Where images are drawn, with the place and the size; where there is no room or no way to write, once, and they
        are then drawn at each use.
    """
    for lazy in _drawn(images):
        if lazy.kept is not None or lazy.refused:
            continue
        try:
            lazy.kept = _file_of(lazy, name)
        except (OSError, SelectdisError) as error:
            lazy.refused = True
            warnings.warn(
                f"the images of {name} cannot be kept in {rendered_folder()} ({_reason(error)}), and are drawn at each "
                "use, which takes longer: point SELECTDIS_DATA at a folder with room",
                stacklevel=3,
            )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _drawn(images: Any) -> Iterator[LazyImages]:
    """Yield the images below `images` that somebody draws."""
    if not isinstance(images, LazyImages):
        return
    render = images.render
    if hasattr(render, "through"):
        yield from _drawn(render.through)
    elif not isinstance(render, PackedBits) and not isinstance(getattr(render, "__self__", None), MappedArray):
        yield images


def _file_of(lazy: LazyImages, name: str) -> MappedArray:
    picked = np.unique(np.linspace(0, len(lazy) - 1, SAMPLES).astype(np.int64))
    sample = np.ascontiguousarray(lazy.render(picked))
    folder, key = rendered_folder(), _key(lazy, sample)
    if (found := _found(folder, key, picked, sample)) is not None:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder / f".{key}.lock") as alone:
        if (found := _found(folder, key, picked, sample)) is None:
            path = folder / f"{re.sub(r'[^A-Za-z0-9]+', '-', Path(name).name)[:40]}-{key}.npy"
            for torn in folder.glob(f".*-{key}.npy.*.tmp") if alone else ():  # of a process that was killed
                torn.unlink(missing_ok=True)
            _draw(lazy, path, name)
            found = open_npy(path)
    return found


def _found(folder: Path, key: str, picked: np.ndarray, sample: np.ndarray) -> MappedArray | None:
    """Return the file of `key`; one that does not hold the `sample` (after a power cut, say) is removed."""
    for path in folder.glob(f"*-{key}.npy"):
        try:
            with contextlib.suppress(OSError):  # somebody else's file, or a disk that cannot be written to
                os.utime(path)  # used now: the bound on all of them goes by that
            found = open_npy(path)
            if np.array_equal(found.at(picked), sample):
                return found
        except (SelectdisError, OSError):
            continue
        path.unlink(missing_ok=True)
    return None


def _key(lazy: LazyImages, sample: np.ndarray) -> str:
    """Return a name of what is drawn: from the drawer, its settings, its module's text, and a sample of the images."""
    render = lazy.render
    kind = render if inspect.isfunction(render) else type(render)
    settings = re.sub(r" at 0x[0-9a-f]+", "", repr(render))
    digest = hashlib.sha256(repr((lazy.shape, kind.__module__, kind.__qualname__, settings)).encode())
    with contextlib.suppress(OSError, TypeError, KeyError):
        digest.update(inspect.getsource(sys.modules[kind.__module__]).encode())
    digest.update(sample.tobytes())
    return digest.hexdigest()[:24]


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[bool]:
    """Hold a lock that goes with this process; others wait, and then find the file. Gives whether it is held."""
    alone = True
    with path.open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pause(0.2)
            except OSError:  # a disk without locks: two may draw the same, and the last one's stays
                alone = False
                break
        try:
            yield alone
        finally:
            path.unlink(missing_ok=True)


def _draw(lazy: LazyImages, path: Path, name: str) -> None:
    _make_room(path.parent, lazy.nbytes)
    warnings.warn(
        f"the {len(lazy):,} images of {name} are drawn once, into {path} ({_said(lazy.nbytes)}; `selectdis data "
        "cache` lists such files and clears them)",
        stacklevel=6,
    )
    rows = max(1, BLOCK_BYTES // max(lazy.nbytes // len(lazy), 1))
    starts = range(0, len(lazy), rows)
    with quick_write(path) as temporary, progress_bar("blocks") as show:
        offset = _reserve(temporary, lazy)
        call = joblib.delayed(_draw_rows)
        with joblib.parallel_config("loky", n_jobs=min(joblib.cpu_count(), len(starts)), inner_max_num_threads=1):
            parallel = joblib.Parallel(return_as="generator_unordered")
            with blocked_in_children():
                done = parallel(call(lazy, str(temporary), offset, start, rows) for start in starts)
        for count, _ in enumerate(done, start=1):
            show(f"drawing {name}", count, len(starts))
            raise_if_asked()


def _reserve(path: Path, lazy: LazyImages) -> int:
    """Write the header and take all of the disk that the images need: a full disk is known now, not in a mapping."""
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": lazy.shape})
        file.flush()
        os.posix_fallocate(file.fileno(), 0, file.tell() + lazy.nbytes)
        return file.tell()


def _draw_rows(lazy: LazyImages, path: str, offset: int, start: int, rows: int) -> None:
    """Draw some images into their place in the file."""
    images = np.ascontiguousarray(lazy[start : start + rows])
    place, left = offset + start * (lazy.nbytes // len(lazy)), images.data.cast("B")
    descriptor = os.open(path, os.O_WRONLY)
    try:
        while left:
            written = os.pwrite(descriptor, left, place)
            place, left = place + written, left[written:]
    finally:
        os.close(descriptor)


def _make_room(folder: Path, needed: int) -> None:
    """Remove what was used longest ago, as far as the bound wants it.

    Raises
    ------
    SelectdisError
        Where the images are above the bound, or the disk is too full.
    """
    if needed > LIMIT:
        raise SelectdisError(
            f"they need {needed / 1e9:.0f} GB, and {LIMIT / 1e9:.0f} GB is the bound of all such files"
        )
    files = _by_age(folder, "*.npy")
    while files and sum(size for _, size, _ in files) + needed > LIMIT:
        files.pop(0)[2].unlink(missing_ok=True)
    for changed, _, torn in _by_age(folder, ".*.tmp"):  # of a process that was killed, a day ago at least
        if time.time() - changed > 86_400:
            torn.unlink(missing_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > DISK_SHARE * free:
        raise SelectdisError(f"they need {_said(needed)}, and the disk has {_said(free)} left")


def _said(nbytes: int) -> str:
    return f"{nbytes / 1e9:.1f} GB" if nbytes >= 10**8 else f"{nbytes / 1e6:.1f} MB"


def _by_age(folder: Path, pattern: str) -> list[tuple[float, int, Path]]:
    """Return when each file was written or used last, its bytes and its path; the oldest first."""
    found = []
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):  # removed, or renamed by who drew it, meanwhile
            about = path.stat()
            found.append((about.st_mtime, about.st_size, path))
    return sorted(found)
