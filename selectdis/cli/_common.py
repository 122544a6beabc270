"""What several commands share: their options, tables and the progress bar."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.markup import escape
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

from selectdis import _plugins
from selectdis._redaction import redacted
from selectdis.cli._folders import kept_spec
from selectdis.execution._estimate import TimeEstimate
from selectdis.metrics import SCORES
from selectdis.records import STRENGTH, score_name
from selectdis.study import Listener, StageInfo, Study

__all__ = [
    "DryRunOption", "FileArgument", "FolderOption", "JobsOption", "OverridesArgument", "ProgressListener",
    "QuietOption", "SchedulerOption", "StorageOption", "again", "open_study", "print_board", "print_table", "say_time",
]  # fmt: skip

FileArgument = Annotated[Path, typer.Argument(help="Study file (YAML), or the folder of a study.", metavar="FILE")]
OverridesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        help="Values in place of the study file's: training.steps=500 seeds=5 'search.latents=[6, 10]'.",
        metavar="[KEY=VALUE]...",
    ),
]
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


DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say how long it takes, and stop.")]


def say_time(estimate: Callable[[], TimeEstimate], *, quiet: bool, dry_run: bool) -> None:
    """Say how long a study will take, measured on a few steps; a dry run stops there."""
    if quiet and not dry_run:
        return
    print(f"time: {estimate()}", flush=True)
    if dry_run:
        raise typer.Exit


def again(
    command: str, file: Path, folder: Path | None = None, storage: str | None = None, study: Study | None = None
) -> str:
    """Return the command line, ready to be typed, that does `command` on the study that this one is about.

    Where `study` was given overrides, its folder stands for the file: there they are kept.
    """
    if study is not None and study.overrides and not study.spec.plugins:
        file, folder, storage = study.folder, None, storage or study.spec.storage
    words = [*_program(), *command.split(), str(file)]
    words += study.overrides if study is not None and study.spec.plugins else ()
    words += ["--folder", str(folder)] if folder else []
    words += ["--storage", redacted(storage)] if storage else []
    return shlex.join(words)


def _program() -> list[str]:
    called = Path(sys.argv[0])
    if called.parts[-2:] == ("selectdis", "__main__.py"):
        return ["python", "-m", "selectdis"]
    return [str(called) if called.name == "selectdis" and not called.is_absolute() else "selectdis"]


def open_study(
    file: Path,
    folder: Path | None,
    storage: str | None = None,
    jobs: int | None = None,
    scheduler: str | None = None,
    overrides: list[str] | None = None,
) -> Study:
    """Open the study of `file`; a folder that holds a study does as well."""
    if given_folder := file.is_dir():
        file, folder = kept_spec(file, storage), folder or file
    study = Study.from_file(
        file,
        folder=folder,
        storage=storage,
        n_jobs=jobs,
        scheduler=scheduler,
        overrides=overrides or (),
        plugins=not given_folder,
    )
    if missing := _plugins.absent(study.spec.plugins):
        scores = ", ".join(score for score in _plugins.DIRECTIONS if score not in SCORES) or "what they bring"
        warnings.warn(
            f"the plugins {', '.join(missing)} are not imported for a folder: {scores} can be shown as recorded, and "
            "not computed again",
            stacklevel=2,
        )
    return study


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


# What a leaderboard prints, and under which heading.
BOARD_COLUMNS = {
    "rank": "rank",
    "candidate": "run",
    "settings": "settings",
    "seeds": "seeds",
    "earlier": "earlier",
    "score": "score",
    "rule_score": "score",
    "pick": "pick",
    "mean": "mean score",
    "sd": "sd",
    "metric.mig": "mig",
    "metric.dci_disentanglement": "dci",
    "metric.sap": "sap",
    "metric.factor_vae": "factor vae",
    "criterion.udr_lasso": "udr",
    "criterion.reconstruction": "recon.",
    "criterion.active_units": "active",
}


def print_board(board: pd.DataFrame, *, title: str, rows: int = 20) -> None:
    """Print the columns of a leaderboard that fit a screen; `--out` and Python have all."""
    for dataset, part in board.groupby("dataset", sort=False):
        columns = [column for column in BOARD_COLUMNS if column in part]
        heading = title if board["dataset"].nunique() == 1 else f"{title}: {dataset}"
        if "ranked_by" in part:
            heading += f", by {str(part['ranked_by'].iloc[0]).replace('_', ' ')}"
        print_table(part[columns].rename(columns=BOARD_COLUMNS), title=heading, rows=rows)


def print_table(frame: pd.DataFrame, *, title: str, rows: int | None = 20) -> None:
    """Print `frame` for people: numbers to 3 digits, empty columns and those beyond the screen's edge left out."""
    console = Console(highlight=False)
    width = console.width if console.is_terminal else 120
    shown = frame.dropna(axis="columns", how="all")
    shown = shown if rows is None else shown.head(rows)
    cells = {str(column): [_cell(value) for value in shown[column]] for column in shown}
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    room, left_out = width, []
    for column, texts in cells.items():
        name = score_name(column).removeprefix(STRENGTH)
        room -= max(map(len, [name, *texts])) + 3
        if room < 0 and table.columns:
            left_out.append(name)
            continue
        numeric = pd.api.types.is_numeric_dtype(shown[column])
        table.add_column(name, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in list(zip(*list(cells.values())[: len(table.columns)], strict=True)):
        table.add_row(*map(escape, row))
    console.width = width
    console.print(table)
    if left_out:
        console.print(f"[dim]not shown: {', '.join(left_out)}[/]")
    if len(frame) > len(shown):
        console.print(f"[dim]... and {len(frame) - len(shown)} more rows[/]")


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
