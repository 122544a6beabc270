"""What a study tells whoever listens: the tracker, a progress bar, a user's own code."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

    from selectdis.data import ImageDataset
    from selectdis.study._study import Study
    from selectdis.training import Run

__all__ = ["Listener", "Listeners", "StageInfo"]


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
        """A stage begins, or goes on after a stop."""

    def progress(self, stage: StageInfo, done: int, total: int) -> None:
        """`done` of the `total` runs known so far have ended."""

    def run_finished(self, study: Study, stage: StageInfo, record: dict[str, Any], run: Run | None) -> None:
        """A run has ended; `record` is its flat row, `run` is None where training failed."""

    def stage_finished(self, study: Study, stage: StageInfo, records: pd.DataFrame) -> None:
        """All runs have ended, and the criteria over many runs (UDR and others) are in `records`."""

    def picked(self, study: Study, stage: StageInfo, run: Run, why: str, trust: dict[str, Any]) -> None:
        """A run was picked on the target."""

    def close(self) -> None:
        """Nothing more will come."""


class Listeners(Listener):
    """Several listeners as one. What one of them raises is said once and never stops the study."""

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self._listeners = list(listeners)
        self._reported: set[tuple[str, str]] = set()

    @property
    def hear_of_runs(self) -> bool:
        """Whether any of them is told of finished runs: to load these costs reading a file each."""
        return any(type(one).run_finished is not Listener.run_finished for one in self._listeners)

    def _tell(self, method: str, *arguments: Any) -> None:
        for listener in self._listeners:
            try:
                getattr(listener, method)(*arguments)
            except Exception as error:
                self._report(type(listener).__name__, method, error)

    def _report(self, listener: str, method: str, error: Exception) -> None:
        if (listener, method) not in self._reported:
            self._reported.add((listener, method))
            warnings.warn(f"{listener}.{method} failed, the study goes on: {error!r}", stacklevel=2)

    def stage_started(self, study: Study, stage: StageInfo) -> None:
        self._tell("stage_started", study, stage)

    def progress(self, stage: StageInfo, done: int, total: int) -> None:
        self._tell("progress", stage, done, total)

    def run_finished(self, study: Study, stage: StageInfo, record: dict[str, Any], run: Run | None) -> None:
        self._tell("run_finished", study, stage, record, run)

    def stage_finished(self, study: Study, stage: StageInfo, records: pd.DataFrame) -> None:
        self._tell("stage_finished", study, stage, records)

    def picked(self, study: Study, stage: StageInfo, run: Run, why: str, trust: dict[str, Any]) -> None:
        self._tell("picked", study, stage, run, why, trust)

    def close(self) -> None:
        self._tell("close")
