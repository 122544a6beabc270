"""Ctrl-C, SIGTERM and SIGHUP: the first one lets a step end and be saved, the second one ends at once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = [
    "SIGNALS", "StopFlag", "Stopped", "blocked_in_children", "end_on_signals", "interruptible", "pause",
    "raise_if_asked",
]  # fmt: skip

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
LOOK_SECONDS = 0.1


class Stopped(KeyboardInterrupt):
    """A signal asked for the end; `number` says which one."""

    number: int = signal.SIGINT


class StopFlag:
    """Set once somebody asked for the end: `number` is then the signal's."""

    number: int | None = None

    @property
    def requested(self) -> bool:
        return self.number is not None


_active: list[StopFlag] = []  # of the work that is under way: signals are the process's, and so is this


@contextmanager
def interruptible(on_request: Callable[[], None] = lambda: None) -> Iterator[StopFlag]:
    """Let the first signal set a flag, so that a step can end and be saved; the second one interrupts at once.

    Within another `interruptible` the flag is that one's. Signals can only be caught in the main thread; elsewhere the
    flag is never set. A handler of the caller's own stays, and so does an ignored signal (nohup), save for Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        yield StopFlag()
        return
    if _active:
        yield _active[-1]
        return
    flag = StopFlag()

    def ask(number: int, frame: Any) -> None:
        flag.number = number
        for one in before:
            signal.signal(one, _end_at_once)
        on_request()

    before = _taken_over(ask)
    _active.append(flag)
    try:
        yield flag
    finally:
        _active.remove(flag)
        _give_back(before)


@contextmanager
def end_on_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP interrupt a command as Ctrl-C does, where nothing else was arranged for them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = _taken_over(_end_at_once)
    try:
        yield
    finally:
        _give_back(before)


def pause(seconds: float) -> None:
    """Sleep; where somebody asks for the end meanwhile, raise `Stopped` at once."""
    end = time.monotonic() + seconds
    raise_if_asked()
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, LOOK_SECONDS))
        raise_if_asked()


def raise_if_asked() -> None:
    """Raise `Stopped` where somebody asked for the end of the work that is under way."""
    if _active and (number := _active[-1].number) is not None:
        raise _stopped(number)


@contextmanager
def blocked_in_children() -> Iterator[None]:
    """Let processes that are started in here never hear a signal that asks for the end: their driver decides.

    The caller hears one that comes meanwhile at the end of the block.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_at_once(number: int, frame: Any) -> None:
    raise KeyboardInterrupt if number == signal.SIGINT else _stopped(number)


def _stopped(number: int) -> Stopped:
    error = Stopped()
    error.number = number
    return error


def _taken_over(handler: Callable[[int, Any], None]) -> dict[int, Any]:
    """Set `handler` where nobody else has one, and return the handlers before."""
    free = (signal.SIG_DFL, _end_at_once)
    mine = [number for number in SIGNALS if number == signal.SIGINT or signal.getsignal(number) in free]
    return {number: signal.signal(number, handler) for number in mine}


def _give_back(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler if handler is not None else signal.default_int_handler)
