"""`selectdis transfer`: from the proxy's configurations to a picked run on the target."""

from __future__ import annotations

from typing import Annotated

import typer

from selectdis.cli._common import (
    FileArgument,
    FolderOption,
    JobsOption,
    OverridesArgument,
    QuietOption,
    SchedulerOption,
    StorageOption,
    again,
    open_study,
)
from selectdis.cli.console import boards, say, show

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
    from selectdis.cli.console._bar import ProgressListener
    from selectdis.selection._trust import USE

    study = open_study(file, folder, storage, jobs, scheduler, overrides)
    with ProgressListener(quiet) as progress:
        result = study.transfer(target, top=top, seeds=seeds, rule=rule, listeners=[progress])
    show(boards(result.leaderboard(), name="target", title=f"{study.name}: runs on the target {result.target}"))
    if result.pick is None:
        say(f"Nothing is picked: {result.why}.")
        raise typer.Exit(1)
    say(f"{result.pick.candidate}  ({result.model})", "Picked run:")
    say(result.why, "Why:")
    say(str(result.trust), "Trust:")
    if result.outcome:
        say(result.outcome, "Outcome:")
    if not quiet:
        if result.trust.decision != USE:
            label = f"{again('label', file, folder, storage, study)} --factor size=small,medium,large --n 10"
            print(f"Label ten images, with factors of your own: {label}")
        if (study.folder / "mlflow.db").exists():
            print(f"Compare everything in MLflow: {again('ui', file, folder, study=study)}")
        print(f"One page: {again('report', file, folder, storage, study)}")
