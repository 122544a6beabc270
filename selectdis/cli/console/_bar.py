"""The bar on stderr while a study runs; imported by commands that train, since it needs the study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from selectdis.study import Listener, StageInfo, Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ProgressListener"]


class ProgressListener(Listener):
    """A bar on stderr with the runs done and the time left."""

    def __init__(self, quiet: bool) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("runs"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet,
        )
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> ProgressListener:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def stage_started(self, study: Study, stage: StageInfo) -> None:
        self._tasks[stage.name + stage.data.name] = self._bar.add_task(f"{stage.name}: {stage.data.name}", total=None)

    def progress(self, stage: StageInfo, done: int, total: int) -> None:
        self._bar.update(self._tasks[stage.name + stage.data.name], completed=done, total=total)

    def stage_finished(self, study: Study, stage: StageInfo, records: pd.DataFrame) -> None:
        self.progress(stage, len(records), len(records))  # where nothing was left to do, it has told of none
