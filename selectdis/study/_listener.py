"""What a study tells whoever listens: the tracker, a progress bar, a user's own code."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from importlib.metadata import entry_points
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from selectdis import _plugins
from selectdis.errors import SelectdisError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from selectdis.data import ImageDataset
    from selectdis.records import Record
    from selectdis.study._stage import Stage
    from selectdis.study._study import Study
    from selectdis.study._transfer import Transfer
    from selectdis.training import Run

__all__ = ["Listener", "Listeners", "ProgressBar", "StageInfo", "installed_tracker"]


class StageInfo(NamedTuple):
    """One training stage of a study: ``name`` is ``"proxy"`` or ``"target"``.

    While a study runs, `data` are its images. Where it is told again afterwards and they cannot be loaded any more,
    `absent` says why, and of `data` the name alone means something.
    """

    name: str
    data: ImageDataset
    folder: Path
    absent: str = ""


class Listener:
    """Base class of the listeners to a study: every method may be left out.

    All methods are called in the driver. `run_finished` can come twice for one run (after a resume), so it has to be
    idempotent.
    """

    def stage_started(self, study: Study, stage: StageInfo) -> None:
        """Hear that a stage begins, or goes on after a stop."""

    def progress(self, stage: StageInfo, done: int, total: int) -> None:
        """Hear that `done` of the `total` runs known so far have ended."""

    def run_finished(self, study: Study, stage: StageInfo, record: dict[str, Any], run: Run | None) -> None:
        """Hear that a run has ended; `record` is its flat row, `run` is None where training failed."""

    def stage_finished(self, study: Study, stage: StageInfo, records: pd.DataFrame) -> None:
        """Hear that all runs have ended, and the criteria over many runs (UDR and others) are in `records`."""

    def recorded(
        self, study: Study, stage: Stage, records: list[Record] | None, transfer: Transfer | None = None
    ) -> None:
        """Hear that the study's storage holds `records` (None: all that `stage` has) and perhaps a pick.

        For views that are made of what is recorded: nothing is loaded for them, neither images nor trained runs.
        """

    def picked(self, study: Study, stage: StageInfo, run: Run, why: str, trust: dict[str, Any]) -> None:
        """Hear that a run was picked on the target."""

    def close(self) -> None:
        """Hear that nothing more will come."""


class ProgressBar(Listener):
    """Shows the runs that are done; `show` draws, as `progress_bar` gives it."""

    def __init__(self, show: Callable[[str, int, int], None]) -> None:
        self._show = show

    def progress(self, stage: StageInfo, done: int, total: int) -> None:
        self._show(f"{stage.name}: {stage.data.name}", done, total)


class Listeners:
    """The listeners to one study. What one of them raises is said once and never stops the study."""

    def __init__(self, study: Study, listeners: Iterable[Listener]) -> None:
        self._study, self._listeners = study, list(listeners)
        self._reported: set[tuple[str, str]] = set()
        # Otherwise the runs are not loaded, which costs reading a file each.
        self._hear_of_runs = any(type(one).run_finished is not Listener.run_finished for one in self._listeners)

    def _tell(self, event: str, *arguments: Any) -> None:
        for listener in self._listeners:
            try:
                getattr(listener, event)(*arguments)
            except Exception as error:
                self._report(type(listener).__name__, event, error)

    def _report(self, listener: str, event: str, error: Exception) -> None:
        if (listener, event) not in self._reported:
            self._reported.add((listener, event))
            warnings.warn(f"{listener}.{event} failed, the study goes on: {error!r}", stacklevel=2)

    def stage_started(self, stage: Stage) -> None:
        self._tell("stage_started", self._study, stage.info)

    def progress(self, info: StageInfo, done: int, total: int) -> None:
        self._tell("progress", info, done, total)

    def runs_finished(self, stage: Stage, records: Iterable[dict[str, Any]]) -> None:
        records = list(records)
        self._tell("recorded", self._study, stage, records)
        for record in records if self._hear_of_runs else ():
            self._tell("run_finished", self._study, stage.info, record, stage.load_run(record["candidate"]))

    def stage_finished(self, stage: Stage, records: pd.DataFrame) -> None:
        self._tell("stage_finished", self._study, stage.info, records)
        self._tell("recorded", self._study, stage, None)

    def picked(self, transfer: Transfer) -> None:
        trust = transfer.trust.to_dict()
        self._tell("picked", self._study, transfer.stage.info, transfer.best, transfer.why, trust)
        self._tell("recorded", self._study, transfer.stage, None, transfer)

    def close(self) -> None:
        self._tell("close")


def installed_tracker(tracking: str | dict[str, dict[str, Any]] | None, folder: Path) -> list[Listener]:
    """Return the listener that a study file's `tracking` names, with its options, found among the installed ones."""
    ((name, options),) = tracking.items() if isinstance(tracking, dict) else ((tracking, {}),)
    if name in (None, "none"):
        return []
    known = {point.name: point for point in entry_points(group="selectdis.listeners")}
    if name not in known and name not in _plugins.LISTENERS:
        every = ", ".join([*known, *_plugins.LISTENERS])
        raise SelectdisError(f"tracking: no tracker is called {name!r}; installed: {every}, none")
    tracker = known[name].load() if name in known else _plugins.LISTENERS[name]
    # Positional ones, such as a server's address with its password, are no matter of a study file.
    keywords = [p.name for p in signature(tracker).parameters.values() if p.kind is p.KEYWORD_ONLY]
    for option in options:
        if option not in keywords:
            hint = nearest(option, keywords) or f"; known: {', '.join(keywords) or 'none'}"
            raise SelectdisError(f"tracking: {name} has no option {option!r}{hint}")
    return [tracker(folder, **options)]
