"""Where a study's truth lives: Optuna's journal file in the study's folder, or a PostgreSQL database."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from selectdis._redaction import redacted
from selectdis.errors import SelectdisError
from selectdis.study._locks import database_lock

__all__ = ["LOST_AFTER", "open_storage"]

LOST_AFTER = 120  # seconds without a sign of life, after which other drivers take over what a driver was at


def open_storage(folder: Path, url: str | None = None, *, lost_after: int = LOST_AFTER) -> BaseStorage:
    """The storage of the study in `folder`: its journal, or the database at `url`.

    Parameters
    ----------
    lost_after : int
        Seconds without a sign of life after which a driver that shares the database counts as dead.

    Raises
    ------
    SelectdisError
        If the journal cannot be read or written, or the database cannot be reached.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if url is not None:
        return _open_database(url, lost_after)
    path = folder / "study.log"
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    except OSError as error:
        raise SelectdisError(f"cannot use the study's journal {path}: {error.strerror or error}") from None
    except Exception as error:  # whatever replaying strange operations raises
        raise SelectdisError(
            f"the study's journal {path} is damaged ({type(error).__name__}: {error}); restore it from a copy, or "
            "start anew in another folder"
        ) from None


def _open_database(url: str, lost_after: int) -> BaseStorage:
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

        # Two drivers that create the tables at the same moment would trip over each other.
        with warnings.catch_warnings(), database_lock(make_url(driver), "selectdis: tables"):
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return RDBStorage(
                driver, engine_kwargs=options, heartbeat_interval=max(lost_after // 4, 1), grace_period=lost_after
            )
    except ImportError:
        raise SelectdisError("a PostgreSQL storage needs the extra: pip install 'selectdis[postgres]'") from None
    except Exception as error:  # whatever the database driver raises
        reason = (str(getattr(error, "orig", error)).strip() or type(error).__name__).splitlines()[0]
        raise SelectdisError(f"cannot reach the storage {redacted(url)}: {reason}") from None
