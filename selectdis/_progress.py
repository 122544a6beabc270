"""Progress bars for work in Python: on a terminal or in a notebook, one at a time, and off where nobody wants them."""

from __future__ import annotations

import math
import multiprocessing
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

__all__ = ["hidden", "progress_bar", "set_progress"]

Update = Callable[[str, int, int], None]  # (what, done, of how many)

LINE_SECONDS = 0.2  # between two states of a line of text, of which each is a message to the browser
_wanted = True
_one_at_a_time = threading.Lock()


def set_progress(shown: bool) -> None:
    """Show progress bars, or none, from now on.

    They are shown by themselves on a terminal and in a notebook (as a line of text where ipywidgets is not installed),
    never in a file or a pipe.

    Parameters
    ----------
    shown : bool
        Whether `train`, `evaluate`, `backtest`, `Study.run`, `Study.transfer` and the report show how far they are.
    """
    global _wanted
    _wanted = shown


def hidden(what: str, done: int, total: int) -> None:
    """Show nothing."""


@contextmanager
def progress_bar(unit: str) -> Iterator[Update]:
    """Give a function to tell how far the work is, which is `hidden` where no bar is wanted or another one is shown.

    Parameters
    ----------
    unit : str
        What is counted, such as "runs".
    """
    if not (_is_shown() and _one_at_a_time.acquire(blocking=False)):
        yield hidden
        return
    try:
        with _bar(unit) as update:
            yield update
    finally:
        _one_at_a_time.release()


def _is_shown() -> bool:
    if not _wanted or multiprocessing.parent_process() is not None:
        return False
    return _in_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def _in_notebook() -> bool:
    from rich.console import Console

    return Console(stderr=True).is_jupyter


@contextmanager
def _bar(unit: str) -> Iterator[Update]:
    if _in_notebook() and find_spec("ipywidgets") is None:  # in which rich shows its bar there
        yield _line(unit)
        return
    from rich import progress
    from rich.console import Console

    columns: list[progress.ProgressColumn] = [progress.TextColumn("{task.description}"), progress.BarColumn()]
    columns += [progress.MofNCompleteColumn(), progress.TextColumn(unit), progress.TimeElapsedColumn()]
    columns += [progress.TextColumn("left"), progress.TimeRemainingColumn()]
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, progress.TaskID] = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield update


def _line(unit: str) -> Update:
    """Return what shows one line of text below a notebook's cell."""
    from IPython.display import display

    shown, at = display({"text/plain": ""}, raw=True, display_id=True), -math.inf

    def update(what: str, done: int, total: int) -> None:
        nonlocal at
        if done == total or time.monotonic() > at + LINE_SECONDS:
            at = time.monotonic()
            shown.update({"text/plain": f"{what}: {done:,} of {total:,} {unit}"}, raw=True)

    return update
