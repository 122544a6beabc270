"""What several commands share: their options, tables and the progress bar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
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
from rich.table import Table

from selectdis.study import Listener, StageInfo, Study

__all__ = [
    "FileArgument", "FolderOption", "JobsOption", "ProgressListener", "QuietOption", "SchedulerOption",
    "StorageOption", "open_study", "print_table",
]  # fmt: skip

FileArgument = Annotated[Path, typer.Argument(help="Study file (YAML).", metavar="FILE")]
FolderOption = Annotated[Path | None, typer.Option("--folder", help="The study's folder (default: runs/NAME).")]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Processes on this machine (default: one a core, one on a GPU).")
]
SchedulerOption = Annotated[
    str | None, typer.Option("--scheduler", help="Dask scheduler that does the training (tcp://host:port).")
]
StorageOption = Annotated[
    str | None, typer.Option("--storage", help="PostgreSQL URL that several drivers share (default: the folder).")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and problems only.")]


def open_study(
    file: Path,
    folder: Path | None,
    storage: str | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
) -> Study:
    """The study of `file`; a folder that holds a study does as well."""
    return Study.from_file(file, folder=folder, storage=storage, jobs=jobs, scheduler=scheduler)


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


def print_table(frame: pd.DataFrame, *, title: str, rows: int | None = 20) -> None:
    """Print `frame` for people: numbers to 3 digits, columns that are empty left out."""
    console = Console(highlight=False)
    frame = frame.dropna(axis="columns", how="all")
    shown = frame if rows is None else frame.head(rows)
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False)
    for column in shown:
        numeric = pd.api.types.is_numeric_dtype(shown[column])
        name = str(column).removeprefix("metric.").removeprefix("criterion.").removeprefix("strength.")
        table.add_column(name, justify="right" if numeric else "left", no_wrap=not numeric, overflow="fold")
    for _, row in shown.iterrows():
        table.add_row(*(_cell(value) for value in row))
    console.print(table)
    if len(frame) > len(shown):
        console.print(f"... and {len(frame) - len(shown)} more")


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
