"""Carries entries from the outbox to the tracking server, in the background: a study never waits for it."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from selectdis.tracking._outbox import Outbox

__all__ = ["Sender"]

# What MLflow says when an entry itself is at fault. Anything else may be mended by time: the entry waits.
_AT_FAULT = (
    "INVALID_PARAMETER_VALUE",
    "BAD_REQUEST",
    "INVALID_STATE",
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
)


class Applies(Protocol):
    """Whatever takes entries: a `Store`."""

    def apply(self, entry: Mapping[str, Any]) -> None: ...


class Sender:
    """A thread that sends entries in their order, and waits where the server is away.

    Parameters
    ----------
    outbox : where entries wait.
    connect : makes the connection; called again after each failure.
    retry_after : seconds between two tries while the server is away.
    """

    def __init__(self, outbox: Outbox, connect: Callable[[], Applies], *, retry_after: float = 30.0) -> None:
        self.problem: Exception | None = None
        self.rejected: str | None = None
        self._outbox = outbox
        self._connect = connect
        self._retry_after = retry_after
        self._store: Applies | None = None
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There is something to send."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="selectdis-tracking", daemon=True)
            self._thread.start()
        self._wake.set()

    def close(self, timeout: float) -> None:
        """Send what waits, for up to `timeout` seconds; what does not get through stays in the outbox."""
        self._closed.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(None if math.isinf(timeout) else timeout)

    def send_all(self) -> bool:
        """Send what waits, here and now; False where the server is away."""
        while (entry := self._outbox.first()) is not None:
            if not self._send(entry):
                return False
        return True

    def _work(self) -> None:
        while True:
            self._wake.clear()
            closing = self._closed.is_set()
            away = not self.send_all()
            if closing:
                return
            if away:
                self._closed.wait(self._retry_after)
            else:
                self._wake.wait()

    def _send(self, entry: Mapping[str, Any]) -> bool:
        for attempt in (1, 2):
            try:
                self._store = self._store or self._connect()
                self._store.apply(entry)
            except Exception as error:
                self._store = None  # what it remembers of the server may be what is wrong
                if not _is_at_fault(error):
                    self.problem = error
                    return False
                if attempt == 2:
                    self.rejected = f"{entry.get('kind')}: {type(error).__name__}: {error}"
                    self._outbox.reject(self.rejected)
            else:
                self._outbox.drop()
                self.problem = None
                break
        return True


def _is_at_fault(error: Exception) -> bool:
    """Whether it is the entry that cannot be sent, and not the server that cannot be reached."""
    code = getattr(error, "error_code", None)
    if code is not None:
        return code in _AT_FAULT
    if isinstance(error, FileNotFoundError):
        return True  # a file that the entry names is gone
    return not isinstance(error, OSError) and type(error).__module__.split(".")[0] not in ("sqlalchemy", "requests")
