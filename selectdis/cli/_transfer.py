"""`selectdis transfer`: from the proxy's configurations to a picked run on the target."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from selectdis.cli._common import (
    DryRunOption,
    FileArgument,
    FolderOption,
    JobsOption,
    OverridesArgument,
    ProgressListener,
    QuietOption,
    SchedulerOption,
    StorageOption,
    again,
    open_study,
    print_board,
    say_time,
)
from selectdis.selection._trust import USE
from selectdis.study import Study, Transfer

__all__ = ["say_pick", "transfer"]


def transfer(
    file: FileArgument,
    overrides: OverridesArgument = None,
    target: Annotated[str | None, typer.Option(help="Data set, or folder:PATH (default: the study file's).")] = None,
    top: Annotated[int | None, typer.Option(min=1, help="Configurations to carry over.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds of each configuration on the target.")] = None,
    rule: Annotated[
        str | None,
        typer.Option(help="'CONFIGURATION > RUN @ TOP', such as 'lcb:mig > udr_lasso' (default: the study file's)."),
    ] = None,
    folder: FolderOption = None,
    jobs: JobsOption = None,
    scheduler: SchedulerOption = None,
    storage: StorageOption = None,
    dry_run: DryRunOption = False,
    quiet: QuietOption = False,
) -> None:
    """Train the selected configurations on the unlabelled target, pick a run there, and say how far to trust it."""
    study = open_study(file, folder, storage, jobs, scheduler, overrides)
    given: dict[str, Any] = {"top": top, "seeds": seeds, "rule": rule}
    say_time(partial(study.estimate_transfer, target, **given), quiet=quiet, dry_run=dry_run)
    with ProgressListener(quiet) as progress:
        result = study.transfer(target, **given, listeners=[progress])
    say_pick(study, result, quiet=quiet, file=file, folder=folder, storage=storage)


def say_pick(
    study: Study, result: Transfer, *, quiet: bool, file: Path, folder: Path | None, storage: str | None = None
) -> None:
    """Print the runs on a target, the pick among them, how far to trust it, and what to type next."""
    print_board(result.leaderboard(), title=f"{study.name}: runs on the target {result.target}")
    console = Console(highlight=False, soft_wrap=True)
    if result.pick is None:
        console.print(f"Nothing is picked: {result.why}.", markup=False)
        raise typer.Exit(1)
    console.print(f"[bold]Picked run:[/] {result.pick.candidate}  ({escape(result.model)})", markup=True)
    console.print(f"[bold]Why:[/] {escape(result.why)}", markup=True)
    console.print(f"[bold]Trust:[/] {escape(str(result.trust))}", markup=True)
    if result.outcome:
        console.print(f"[bold]Outcome:[/] {escape(result.outcome)}", markup=True)
    if not quiet:
        if result.trust.decision != USE:
            label = f"{again('label', file, folder, storage, study)} --factor size=small,medium,large --n 10"
            console.print(f"Label ten images, with factors of your own: {label}", markup=False)
        if (study.folder / "mlflow.db").exists():
            console.print(f"Compare everything in MLflow: {again('ui', file, folder, study=study)}", markup=False)
        console.print(f"One page: {again('report', file, folder, storage, study)}", markup=False)
