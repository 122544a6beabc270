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
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from selectdis.errors import SelectdisError

__all__ = ["JOURNAL", "driver_lock", "open_journal", "repair_journal"]

JOURNAL = "study.log"


@contextlib.contextmanager
def driver_lock(folder: Path) -> Iterator[None]:
    """Hold the study's folder as its only driver; the lock goes with the process, however that ends.

    Raises
    ------
    SelectdisError
        If another live driver holds the folder, or the folder cannot be written.
    """
    path = folder / "driver.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Not through a link: a folder that somebody else made must not have other files overwritten.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError as error:
        raise _unwritable(folder, error) from None
    with open(descriptor, "r+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            raise SelectdisError(
                f"another driver ({handle.read().strip() or 'unknown'}) is running the study in {folder}; wait for it, "
                "or let several drivers share a database (--storage postgresql://...)"
            ) from None
        try:
            _sign(handle)
            repair_journal(folder / JOURNAL)
        except OSError as error:
            raise _unwritable(folder, error) from None
        yield


def _sign(handle: Any) -> None:
    handle.truncate(0)
    handle.write(f"process {os.getpid()} on {socket.gethostname()}")
    handle.flush()


def _unwritable(folder: Path, error: OSError) -> SelectdisError:
    return SelectdisError(
        f"cannot write the study's folder {folder}: {error.strerror or error}; make room or give write access, then "
        "run the same command again"
    )


def open_journal(folder: Path) -> JournalStorage:
    """Open Optuna's journal in `folder`."""
    path = folder / JOURNAL
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    except OSError as error:
        raise SelectdisError(f"cannot use the study's journal {path}: {error.strerror or error}") from None
    except Exception as error:  # whatever replaying strange operations raises
        raise SelectdisError(
            f"the study's journal {path} is damaged ({type(error).__name__}: {error}); restore it from a copy, or "
            "start anew in another folder"
        ) from None


def repair_journal(path: Path) -> None:
    """Cut off what a killed driver or a bad disk left damaged in the journal; the caller holds `driver_lock`.

    Optuna appends whole lines, so a kill can tear the tail alone. A damaged line further up costs what follows it,
    since later lines count on earlier ones (trials are numbered by their lines); the models of the runs recorded there
    are on disk, so these are scored again and not trained again. The cut part is kept beside the journal.
    """
    for stale in path.parent.glob(path.name + ".lock*"):  # a killed process's lock would stall everyone for 30 s
        stale.unlink(missing_ok=True)
    if path.is_symlink():
        raise SelectdisError(f"the study's journal {path} is a link; put the file itself there")
    if not path.exists():
        return
    good, size = _good_length(path), path.stat().st_size
    if good == size:
        return
    shutil.copyfile(path, path.with_suffix(".log.damaged"))
    with open(path, "r+b") as file:
        file.truncate(good)
        os.fsync(file.fileno())
    warnings.warn(
        f"the last {size - good} bytes of {path} were damaged and are left out (a copy: {path.name}.damaged); the "
        "runs recorded there are trained or read again",
        stacklevel=2,
    )


def _good_length(path: Path) -> int:
    """Bytes up to the end of the last line before the first that is not an operation."""
    good = 0
    with open(path, "rb") as file:
        for line in file:
            if not (line.endswith(b"\n") and _is_operation(line)):
                return good
            good += len(line)
    return good


def _is_operation(line: bytes) -> bool:
    try:
        operation = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(operation, dict) and isinstance(operation.get("op_code"), int) and "worker_id" in operation
