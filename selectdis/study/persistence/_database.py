"""A database that several drivers share: opened, locked for a moment, waited for, and told who is alive."""

from __future__ import annotations

import contextlib
import hashlib
import re
import select
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import optuna
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial

from selectdis._redaction import redacted, redacted_reason
from selectdis._signals import pause as wait
from selectdis._signals import raise_if_asked
from selectdis.errors import SelectdisError
from selectdis.study.persistence._optuna import quietly, show_alive

__all__ = ["LOST_AFTER", "database_lock", "open_database", "retry_while_away", "signs_of_life"]

LOST_AFTER = 120  # seconds without a sign of life, after which other drivers take over what a driver was at
POLL_SECONDS = 0.1
T = TypeVar("T")


def open_database(url: str, lost_after: int) -> RDBStorage:
    """Open a PostgreSQL database; a driver counts as dead `lost_after` seconds after its last sign of life."""
    if not url.startswith("postgresql"):
        raise SelectdisError(
            f"a storage for several drivers is a PostgreSQL URL (postgresql://user@host/database), found "
            f"{redacted(url)}"
        )
    # The driver that the extra installs: SQLAlchemy 2.1 would take another one by itself.
    driver = re.sub(r"^postgresql:", "postgresql+psycopg2:", url)
    options: dict[str, Any] = {"pool_pre_ping": True}  # a restarted server costs one reconnect, not the study
    try:
        from sqlalchemy import make_url

        _hear_stops()
        # Two drivers that create the tables at the same moment would trip over each other.
        with quietly(), database_lock(make_url(driver), "selectdis: tables"):
            return RDBStorage(
                driver, engine_kwargs=options, heartbeat_interval=max(lost_after // 4, 1), grace_period=lost_after
            )
    except ImportError:
        raise SelectdisError("a PostgreSQL storage needs the extra: pip install 'selectdis[postgres]'") from None
    except Exception as error:  # whatever the database driver raises
        reason = redacted_reason(getattr(error, "orig", error), url) or type(error).__name__
        raise SelectdisError(f"cannot reach the storage {redacted(url)}: {reason}") from None


def _hear_stops() -> None:
    """Let Ctrl-C end a wait for a server that says nothing: PostgreSQL's own client would not hear it."""
    from psycopg2 import extensions as client

    def wait_for(connection: Any) -> None:
        while (state := connection.poll()) != client.POLL_OK:
            own = [connection.fileno()]
            reading, writing = (own, []) if state == client.POLL_READ else ([], own)
            select.select(reading, writing, [], POLL_SECONDS)
            raise_if_asked()

    client.set_wait_callback(wait_for)


@contextlib.contextmanager
def database_lock(url: Any, name: str) -> Iterator[None]:
    """Hold PostgreSQL's advisory lock `name` with a connection of its own: it goes with a driver that dies."""
    from sqlalchemy import NullPool, create_engine, text

    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar():
            wait(POLL_SECONDS)
        yield


@contextlib.contextmanager
def signs_of_life(study: optuna.Study, trials: Mapping[int, FrozenTrial], seconds: float) -> Iterator[None]:
    """Tell the database every `seconds` that this driver is at `trials` (they may change), so that nobody else is."""
    end = threading.Event()

    def beat() -> None:
        while not end.wait(seconds):
            for trial in tuple(trials.values()):
                try:
                    show_alive(study, trial)
                except Exception:  # a database that is away for a moment: the next beat tries again
                    break

    threading.Thread(target=beat, daemon=True).start()
    try:
        yield
    finally:
        end.set()


def retry_while_away(action: Callable[[], T], *, minutes: float = 10.0) -> T:
    """Return what `action` gives, tried again while the database is away, which is said once.

    Raises
    ------
    SelectdisError
        If the storage cannot be written (a full disk), or the database stays away for `minutes`.
    """
    start, pause, said = time.monotonic(), 0.5, False
    while True:
        try:
            return action()
        except SelectdisError:
            raise
        except OSError as error:
            raise SelectdisError(
                f"cannot write the study's records ({error.strerror or error}); what is done is kept: make room or "
                "give write access, then run the same command again"
            ) from None
        except Exception as error:
            if not _is_away(error):
                raise
            if time.monotonic() - start > 60 * minutes:
                raise SelectdisError(
                    f"the database has been away for {minutes:g} minutes; what is done is kept: start it, then run the "
                    "same command again"
                ) from None
            if not said:
                said = True
                warnings.warn(f"the database is away ({type(error).__name__}): waiting for it", stacklevel=2)
            wait(pause)
            pause = min(2 * pause, 15.0)


def _is_away(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, says that the connection to the database was lost."""
    while error is not None:
        if type(error).__name__ in ("OperationalError", "InterfaceError", "DisconnectionError"):
            return True
        error = error.__cause__ or error.__context__
    return False
