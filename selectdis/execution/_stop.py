"""How work hears that it should end: a stop file that workers anywhere see, or the death of their parent process."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selectdis.training._runtime import interruptible

__all__ = [
    "PoolInterrupted",
    "StopSignal",
    "end_with_parent",
    "ignore_interrupts",
    "ignore_interrupts_in_children",
    "stop_on_interrupt",
]

LOOK_SECONDS = 0.5  # between looks for the file, which may be on a network


class PoolInterrupted(KeyboardInterrupt):
    """Ctrl-C, once all workers have ended in good order."""


class StopSignal:
    """Whether the end was asked for: call it to know.

    Parameters
    ----------
    file : str
        A file that the driver makes to ask for the end; without one nobody ever asks.
    parent : int
        The driver's process, where the work is done in a child of it that must not outlive it.
    """

    def __init__(self, file: str = "", parent: int | None = None) -> None:
        self.file, self.parent = file, parent
        self._asked, self._looked = False, -LOOK_SECONDS

    def __call__(self) -> bool:
        """Look for the file once in a while."""
        if not self._asked and time.monotonic() - self._looked >= LOOK_SECONDS:
            self._looked = time.monotonic()
            self._asked = os.path.exists(self.file) or self.parent not in (None, os.getppid())
        return self._asked

    def __reduce__(self) -> tuple[type[StopSignal], tuple[str, int | None]]:
        """Leave the time of the last look behind: another machine has another clock."""
        return StopSignal, (self.file, self.parent)

    def ask(self) -> None:
        """Ask all who work for the end."""
        self._asked = True
        Path(self.file).touch()

    def for_children(self) -> StopSignal:
        """Return the signal for processes that this one starts."""
        return StopSignal(self.file, os.getpid())


@contextmanager
def stop_on_interrupt(folder: str | Path) -> Iterator[StopSignal]:
    """Give a signal that Ctrl-C sets for all workers that see `folder`.

    Raises
    ------
    PoolInterrupted
        At the end, where Ctrl-C came. A second one interrupts at once.
    """
    path = Path(folder) / f"stop-{uuid.uuid4().hex[:12]}"
    stop = StopSignal(str(path))
    try:
        with interruptible(stop.ask):
            yield stop
    finally:
        path.unlink(missing_ok=True)
    if stop():
        raise PoolInterrupted


def ignore_interrupts() -> None:
    """In a worker process: Ctrl-C reaches every process of a terminal; the driver decides, and leaves a stop file."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def ignore_interrupts_in_children() -> Iterator[None]:
    """Let processes that are started in here never hear Ctrl-C, not even before their first line of ours.

    What comes from the keyboard within these milliseconds is not heard at all.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before if before is not None else signal.default_int_handler)


def end_with_parent(parent: int | None) -> None:
    """End this worker process where its parent was killed: nobody waits for it, and it would wait minutes for work."""
    if os.getppid() != parent:
        os._exit(1)
