"""Drivers and each other: one to a folder, several to a database, and signs of life."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optuna.storages import RDBStorage

from selectdis.errors import SelectdisError
from selectdis.study._journal import repair_journal

__all__ = ["Heartbeat", "driver_lock", "exclusively"]

POLL_SECONDS = 0.1


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
            repair_journal(folder / "study.log")
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


@contextlib.contextmanager
def exclusively(storage: Any, name: str) -> Iterator[None]:
    """One driver at a time within the block: an advisory lock of PostgreSQL, which goes with a driver that dies.

    A journal has one driver (`driver_lock`), and so needs no lock.

    Parameters
    ----------
    storage
        Optuna's storage.
    name : str
        What is locked.
    """
    backend = getattr(storage, "_backend", storage)  # optuna.create_study wraps a database in a cache
    if not isinstance(backend, RDBStorage):
        yield
        return
    with database_lock(backend.engine.url, name):
        yield


@contextlib.contextmanager
def database_lock(url: Any, name: str) -> Iterator[None]:
    """Hold PostgreSQL's advisory lock `name` with a connection of its own, which is closed in the end."""
    from sqlalchemy import NullPool, create_engine, text

    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
            time.sleep(POLL_SECONDS)
        yield


class Heartbeat:
    """Tells the database which trials this driver is at, so that others can take over when it dies.

    Parameters
    ----------
    storage
        Optuna's database storage, or None where there is only one driver.
    trial_ids : set of int
        Trials that this driver is at; may change.
    seconds : float
        Between two signs of life.
    """

    def __init__(self, storage: Any, trial_ids: set[int], seconds: float) -> None:
        self._storage, self._trial_ids, self._seconds = storage, trial_ids, seconds
        self._stop = threading.Event()

    def __enter__(self) -> None:
        if self._storage is not None:
            threading.Thread(target=self._beat, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds):
            for trial_id in tuple(self._trial_ids):
                try:
                    self._storage.record_heartbeat(trial_id)
                except Exception:  # a database that is away for a moment: the next beat tries again
                    break
