"""A study's folder: held by one driver at a time, its journal opened, and mended after a crash."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from selectdis._files import atomic_write, open_own, own_file
from selectdis.errors import SelectdisError
from selectdis.study.persistence._optuna import is_operation, refused_operation

__all__ = ["JOURNAL", "driver_lock", "open_journal"]

JOURNAL, LOCK = "study.log", "driver.lock"
_HELD: set[Path] = set()  # folders that this process holds as their driver


@contextlib.contextmanager
def driver_lock(folder: Path) -> Iterator[None]:
    """Hold the study's folder as its only driver; the lock goes with the process, however that ends.

    Raises
    ------
    SelectdisError
        If another live driver holds the folder, or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = open_own(folder, LOCK, flags=os.O_RDWR | os.O_CREAT)
    except SelectdisError:
        raise
    except OSError as error:
        raise _unwritable(folder, error) from None
    with open(descriptor, "r+", encoding="utf-8", errors="replace") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SelectdisError(
                f"another driver ({handle.read(200).strip() or 'unknown'}) is running the study in {folder}; wait for "
                "it, or let several drivers share a database (--storage postgresql://...)"
            ) from None
        held = folder.resolve()
        _HELD.add(held)
        try:
            _tidy(folder, handle)
            yield
        finally:
            _HELD.discard(held)


def _tidy(folder: Path, handle: Any) -> None:
    """Sign the lock, and take away what a killed driver left half-written."""
    try:
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {socket.gethostname()}")
        handle.flush()
        for stale in folder.glob(f"{JOURNAL}.lock*"):  # a killed process's lock would stall everyone for 30 s
            stale.unlink(missing_ok=True)
        if damage := _damage(own_file(folder, JOURNAL, changed=True)):
            _cut(folder / JOURNAL, damage)
    except SelectdisError:
        raise
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> SelectdisError:
    return SelectdisError(
        f"cannot write the study's folder {folder}: {error.strerror or error}; make room or give write access, then "
        "run the same command again"
    )


class Damage(NamedTuple):
    """What is wrong with a journal, from which byte on, and whether for good: what a later Optuna wrote is not."""

    what: str
    offset: int
    for_good: bool = True


def open_journal(folder: Path) -> JournalStorage:
    """Open Optuna's journal in `folder`, mended where it is damaged and no driver is at it."""
    path = own_file(folder, JOURNAL, changed=True)
    try:
        if _damage(path):
            with contextlib.suppress(SelectdisError), driver_lock(folder):
                pass  # mended; held by a driver or on a read-only disk it may still be read: the end alone is torn
        return _opened(path)
    except OSError as error:
        raise SelectdisError(f"cannot use the study's journal {path}: {error.strerror or error}") from None
    except Exception as error:  # whatever replaying strange operations raises
        _mend(folder, error)
        return _opened(path)


def _opened(path: Path) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


def _mend(folder: Path, error: Exception) -> None:
    """Cut the journal where Optuna refuses it."""
    path = folder / JOURNAL
    damage = _damage(path) or _refused(path) or Damage(f"{type(error).__name__}: {error}", 0, for_good=False)
    if not damage.for_good:
        raise SelectdisError(
            f"the study's journal {path} cannot be read ({damage.what}): take the version of Optuna that wrote it, "
            "restore it from a copy, or start anew in another folder"
        )
    try:
        with contextlib.nullcontext() if folder.resolve() in _HELD else driver_lock(folder):
            if damage == (_damage(path) or _refused(path)):
                _cut(path, damage)
    except SelectdisError as refused:
        raise SelectdisError(f"{damage.what} in {path}, which cannot be mended now: {refused}") from None


def _cut(path: Path, damage: Damage) -> None:
    """Cut off what a killed driver or a bad disk left damaged in the journal; the caller holds `driver_lock`.

    Optuna appends whole lines, so a kill can tear the tail alone. A damaged line further up costs what follows it,
    since later lines count on earlier ones (trials are numbered by their lines); the models of the runs recorded there
    are on disk, so these are scored again and not trained again. A copy is kept beside the journal.
    """
    with atomic_write(path.with_name(f"{path.name}.damaged")) as copy:
        shutil.copyfile(path, copy)
    with open(open_own(path.parent, path.name, flags=os.O_RDWR), "r+b") as file:
        lost = file.seek(0, os.SEEK_END) - damage.offset
        file.truncate(damage.offset)
        os.fsync(file.fileno())
    warnings.warn(
        f"{damage.what} in {path}: the last {lost} bytes, from there on, are left out (a copy: {path.name}.damaged); "
        "the runs recorded there are trained or read again",
        stacklevel=2,
    )


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield the number, the offset and the bytes of each line of the journal; none where there is no journal."""
    offset = 0
    with contextlib.suppress(FileNotFoundError), open(open_own(path.parent, path.name), "rb") as file:
        for number, line in enumerate(file, 1):
            yield number, offset, line
            offset += len(line)


def _damage(path: Path) -> Damage | None:
    """Return the first line that is not whole, or no operation."""
    for number, offset, line in _lines(path):
        try:
            operation = json.loads(line)
        except (ValueError, RecursionError):
            return Damage(f"line {number} is damaged", offset)
        if not line.endswith(b"\n"):
            return Damage(f"line {number} is damaged", offset)
        if not is_operation(operation):
            return Damage(f"line {number} is no operation of a study journal", offset)
    return None


def _refused(path: Path) -> Damage | None:
    """Return the first line that Optuna refuses of those that are operations."""
    lines = list(_lines(path))
    found = refused_operation(json.loads(line) for _, _, line in lines)
    if found is None:
        return None
    index, known, reason = found
    number, offset, _ = lines[index]
    why = f"it is no operation of a study journal ({reason})" if known else "this version does not know its operation"
    return Damage(f"line {number}: {why}", offset, for_good=known)
