"""Progress bars for work in Python: on a terminal or in a notebook, one at a time, and off where nobody wants them."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["hidden", "progress_bar", "set_progress"]

Update = Callable[[str, int, int], None]  # (what, done, of how many)

_wanted = True
_one_at_a_time = threading.Lock()


def set_progress(shown: bool) -> None:
    """Show progress bars, or none, from now on.

    They are shown by themselves on a terminal and in a notebook (which needs ipywidgets), never in a file or a pipe.

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
    from rich.console import Console

    if not Console(stderr=True).is_jupyter:
        return sys.stderr is not None and sys.stderr.isatty()
    try:
        import ipywidgets  # type: ignore[import-not-found]  # noqa: F401
    except ImportError:
        return False
    return True


@contextmanager
def _bar(unit: str) -> Iterator[Update]:
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
