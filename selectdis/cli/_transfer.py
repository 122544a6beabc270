"""`selectdis transfer`: from the proxy's configurations to a picked run on the target."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from selectdis.cli._common import (
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
)
from selectdis.selection._trust import USE

__all__ = ["transfer"]


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
    quiet: QuietOption = False,
) -> None:
    """Train the selected configurations on the unlabelled target, pick a run there, and say how far to trust it."""
    study = open_study(file, folder, storage, jobs, scheduler, overrides)
    with ProgressListener(quiet) as progress:
        result = study.transfer(target, top=top, seeds=seeds, rule=rule, listeners=[progress])
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
