"""What several commands share: their options, and how a study is opened."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selectdis._redaction import redacted

if TYPE_CHECKING:
    from selectdis.execution._estimate import TimeEstimate
    from selectdis.study import Study

__all__ = [
    "ColumnsOption", "DryRunOption", "FileArgument", "FolderOption", "JobsOption", "JsonOption", "OverridesArgument",
    "QuietOption", "SchedulerOption", "StorageOption", "again", "open_study", "say_time",
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
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document: whole tables, with all digits.")]
ColumnsOption = Annotated[
    str | None, typer.Option("--columns", metavar="NAME,...", help="Columns to print, such as mig,udr_lasso; or all.")
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
    from selectdis import _plugins
    from selectdis.cli._folders import kept_spec
    from selectdis.metrics import SCORES
    from selectdis.study import Study

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
