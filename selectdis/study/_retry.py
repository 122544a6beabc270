"""Waiting for a database that is away, and one sentence where the disk refuses."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import TypeVar

from selectdis.errors import SelectdisError

__all__ = ["with_patience"]

T = TypeVar("T")


def with_patience(action: Callable[[], T], *, minutes: float = 10.0) -> T:
    """`action`, tried again while the database is away; said once.

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
            if not database_away(error):
                raise
            if time.monotonic() - start > 60 * minutes:
                raise SelectdisError(
                    f"the database has been away for {minutes:g} minutes; what is done is kept: start it, then run the "
                    "same command again"
                ) from None
            if not said:
                said = True
                warnings.warn(f"the database is away ({type(error).__name__}): waiting for it", stacklevel=2)
            time.sleep(pause)
            pause = min(2 * pause, 15.0)


def database_away(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, says that the connection to the database was lost."""
    while error is not None:
        if type(error).__name__ in ("OperationalError", "InterfaceError", "DisconnectionError"):
            return True
        error = error.__cause__ or error.__context__
    return False
