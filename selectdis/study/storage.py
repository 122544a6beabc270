"""Where a study's truth lives: Optuna's journal file in the study's folder, or a PostgreSQL database."""

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

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from selectdis.errors import SelectdisError

__all__ = ["HEARTBEAT_SECONDS", "driver_lock", "open_storage", "repair_journal"]

HEARTBEAT_SECONDS = 30


def open_storage(folder: Path, url: str | None = None) -> BaseStorage:
    """The storage of the study in `folder`: its journal, or the database at `url`.

    Raises
    ------
    SelectdisError
        If the journal cannot be read or written, or the database cannot be reached.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url is not None:
        return _open_database(url)
    path = folder / "study.log"
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    except OSError as error:
        raise SelectdisError(f"cannot use the study's journal {path}: {error.strerror or error}") from None
    except (ValueError, KeyError) as error:
        raise SelectdisError(
            f"the study's journal {path} is damaged ({error}); restore it from a copy, or start anew in another folder"
        ) from None


def _open_database(url: str) -> BaseStorage:
    if not url.startswith(("postgresql", "mysql")):
        raise SelectdisError(
            f"a storage for several drivers is a PostgreSQL URL (postgresql://user@host/database), found "
            f"{_redacted(url)}"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return RDBStorage(
                url,
                engine_kwargs={"pool_pre_ping": True},  # a restarted server costs one reconnect, not the study
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=4 * HEARTBEAT_SECONDS,
            )
    except ImportError:
        raise SelectdisError("a PostgreSQL storage needs the extra: pip install 'selectdis[postgres]'") from None
    except Exception as error:  # whatever the database driver raises
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise SelectdisError(f"cannot reach the storage {_redacted(url)}: {reason}") from None


def _redacted(url: str) -> str:
    """`url` without its password."""
    scheme, _, rest = url.partition("://")
    login, at, host = rest.rpartition("@")
    return f"{scheme}://{login.partition(':')[0]}{at}{host}" if rest else scheme


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
        handle = open(path, "a+", encoding="utf-8")  # noqa: SIM115 - held for the whole block below
    except OSError as error:
        raise SelectdisError(f"cannot write the study's folder {folder}: {error.strerror or error}") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.seek(0)
            raise SelectdisError(
                f"another driver ({handle.read().strip() or 'unknown'}) is running the study in {folder}; wait for it, "
                "or let several drivers share a database (--storage postgresql://...)"
            ) from None
        handle.truncate(0)
        handle.write(f"process {os.getpid()} on {socket.gethostname()}")
        handle.flush()
        repair_journal(folder / "study.log")
        yield


def repair_journal(path: Path) -> None:
    """Cut off what a killed driver left half-written at the journal's end; the caller holds `driver_lock`.

    Optuna appends whole lines, so only the tail can be torn. The cut part is kept beside the journal.
    """
    for stale in path.parent.glob(path.name + ".lock*"):  # a killed process's lock would stall everyone for 30 s
        stale.unlink(missing_ok=True)
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
    """Bytes up to the end of the last line before the first that is not JSON."""
    good = 0
    with open(path, "rb") as file:
        for line in file:
            try:
                json.loads(line)
            except ValueError:
                return good
            if not line.endswith(b"\n"):
                return good
            good += len(line)
    return good
