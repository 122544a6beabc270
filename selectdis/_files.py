"""Files opened as what they are, inside the folder that they are said to be in, and written whole or not at all.

A study's folder may come from anybody, links, FIFOs and devices in it too: whatever it holds under the name of a file,
nothing outside it is written, and nobody waits. The folder itself may be a link; what is below it may not.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import stat
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any, BinaryIO

from selectdis.errors import SelectdisError

__all__ = [
    "ForeignFileError", "Writer", "atomic_write", "inside", "open_file", "open_own", "own_database", "own_file",
    "own_tree", "quick_write", "spreadsheet_safe", "sqlite_url", "written",
]  # fmt: skip

Writer = Callable[[Path], AbstractContextManager[Path]]

_KINDS = {stat.S_IFLNK: "a link", stat.S_IFDIR: "a folder", stat.S_IFREG: "a file", stat.S_IFIFO: "a FIFO"}
_OPEN = os.O_NONBLOCK | os.O_CLOEXEC  # or the opening of a FIFO waits for its other end


class ForeignFileError(SelectdisError, OSError):
    """A link, a FIFO, a device or a folder in the place of a file, or of a folder on the way to it."""


def inside(folder: str | Path, *names: str) -> Path:
    """Return the path of a file in `folder`; for `atomic_write`, which takes the place of whatever is there.

    Raises
    ------
    ForeignFileError
        If a folder on the way to it is a link, or no folder.
    """
    path = Path(folder)
    *folders, name = PurePath(*names).parts
    for one in folders:
        path /= one
        _refuse_unless("a folder", path)
    return path / name


def own_file(folder: str | Path, *names: str, changed: bool = False) -> Path:
    """Return the path of a file in `folder`, to be opened by that path, or missing.

    Parameters
    ----------
    folder : path
        A study's.
    *names : str
        Below it.
    changed : bool
        It is to be written in place, where a file with a second name (a hard link) would change in both places.

    Raises
    ------
    ForeignFileError
        If there is something else in its place, or on the way to it.
    """
    path = inside(folder, *names)
    _refuse_unless("a file", path)
    with suppress(FileNotFoundError):
        if changed and path.lstat().st_nlink > 1:
            raise ForeignFileError(
                f"{path} has another name elsewhere (a hard link), where it would change too: put a copy of it there"
            )
    return path


def own_tree(folder: str | Path, name: str) -> Path:
    """Return the path of the folder `name` in `folder`, into which somebody else's code writes; see `own_file`."""
    path = Path(folder) / name
    _refuse_unless("a folder", path)
    for parent, folders, files in os.walk(path):
        for one in folders + files:
            if _kind(Path(parent) / one) not in ("a folder", "a file"):
                _refuse_unless("a file", Path(parent) / one)
    return path


def own_database(folder: str | Path, name: str) -> Path:
    """Return the path of an SQLite database in `folder`; what SQLite writes beside it is looked at as well."""
    for beside in ("-journal", "-wal", "-shm"):
        own_file(folder, name + beside, changed=True)
    return own_file(folder, name, changed=True)


def open_own(folder: str | Path, *names: str, flags: int = os.O_RDONLY) -> int:
    """Open a file in `folder` by one step of its path after the other, so that no link is followed; see `own_file`."""
    changed = bool(flags & (os.O_RDWR | os.O_WRONLY))
    *folders, name = PurePath(own_file(folder, *names, changed=changed).relative_to(folder)).parts
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | _OPEN)
    try:
        for one in folders:
            above, place = place, os.open(one, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | _OPEN, dir_fd=place)
            os.close(above)
        return os.open(name, flags | os.O_NOFOLLOW | _OPEN, 0o666, dir_fd=place)
    finally:
        os.close(place)


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading, wherever it lies; what is none is refused, and not waited for.

    Raises
    ------
    ForeignFileError
        If it is a FIFO, a device or a folder.
    """
    descriptor = os.open(path, os.O_RDONLY | _OPEN)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ForeignFileError(f"{path} is {_kind(path.resolve())}, where a file is needed")
    return os.fdopen(descriptor, "rb")


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; at the end it is synced and renamed to `path`, after an error removed.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing. The file gets the permissions that a plain one would get.

    Raises
    ------
    OSError
        If the disk refuses; `path` is then as it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, path)
        _sync(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def quick_write(path: Path) -> Iterator[Path]:
    """As `atomic_write`, but the disk is not waited for: after a power cut the file may be torn, or not there.

    For what can be made again, by whoever checks that it is whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _beside(path: Path) -> Path:
    """Make a temporary file of a name of its own beside `path`, with the permissions that a plain one would get."""
    temporary = path.with_name(f".{path.name[:200]}.{uuid.uuid4().hex[:12]}.tmp")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
    return temporary


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """Give what to write to where a user names `path`: as `atomic_write`, save that links are followed.

    A device or a pipe is written to itself, since no file must take its place.
    """
    if path.exists() and not path.is_file():
        yield path
    else:
        with atomic_write(path.resolve()) as temporary:
            yield temporary


def spreadsheet_safe(value: Any) -> Any:
    """Return a cell as a spreadsheet shows it: one that begins so is a formula there, and may fetch or start things."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def sqlite_url(path: Path) -> str:
    """Return the URL of an SQLite database, whatever the name of its folder holds.

    SQLAlchemy and MLflow do not agree on which characters of a URL are quoted: a folder whose name holds such ones is
    reached through a link in a temporary folder, which goes with this process.
    """
    from sqlalchemy import URL

    folder = path.parent.resolve()
    plain = re.fullmatch(r"[\w./-]*", str(folder), re.ASCII)
    return URL.create("sqlite", database=str((folder if plain else _alias(folder)) / path.name)).render_as_string()


@lru_cache(maxsize=64)
def _alias(folder: Path) -> Path:
    temporary = tempfile.mkdtemp(prefix="selectdis-")
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    alias = Path(temporary) / "folder"
    alias.symlink_to(folder)
    return alias


def _refuse_unless(wanted: str, path: Path) -> None:
    """Refuse what is there under `path` and not `wanted`."""
    if (kind := _kind(path)) not in ("", wanted):
        raise ForeignFileError(f"{path} is {kind}, in the place of {wanted} of the study's own: remove it")


def _kind(path: Path) -> str:
    """Say what lies at `path`, links not followed; "" where nothing does."""
    try:
        return _KINDS.get(stat.S_IFMT(path.lstat().st_mode), "a device or a socket")
    except (FileNotFoundError, NotADirectoryError):
        return ""


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
