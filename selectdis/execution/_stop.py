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

from selectdis._signals import SIGNALS, Stopped, interruptible

__all__ = ["PoolInterrupted", "StopSignal", "end_with_parent", "follow_parent", "stop_on_interrupt"]

LOOK_SECONDS = 0.5  # between looks for the file, which may be on a network
GRACE_SECONDS = 5.0  # for the work of a killed driver to save its state


class PoolInterrupted(Stopped):
    """Ctrl-C (or SIGTERM, SIGHUP), once all workers have ended in good order."""


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
    """Give a signal that Ctrl-C, SIGTERM and SIGHUP set for all workers that see `folder`.

    Raises
    ------
    PoolInterrupted
        At the end, where one of them came; its `number` says which. A second one interrupts at once.
    """
    path = Path(folder) / f"stop-{uuid.uuid4().hex[:12]}"
    stop = StopSignal(str(path))
    try:
        with interruptible(stop.ask) as flag:
            yield stop
        if flag.number is not None:
            raise PoolInterrupted
    except Stopped as error:
        error.number = flag.number or error.number
        raise
    finally:
        path.unlink(missing_ok=True)


def follow_parent(parent: int) -> None:
    """In a worker process: leave signals to `parent`, and end soon after it, at work or not.

    What stops a driver often reaches every process of its group; it leaves a stop file. When it is killed, work that
    looks at its signal is given time to save its state.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_SECONDS)
        time.sleep(GRACE_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def end_with_parent(parent: int | None) -> None:
    """End this worker process where its parent was killed: nobody waits for it any more."""
    if os.getppid() != parent:
        os._exit(1)
