"""`selectdis transfer`: from the proxy's configurations to a picked run on the target."""

from __future__ import annotations

import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selectdis.cli._common import (
    ColumnsOption,
    DryRunOption,
    FileArgument,
    FolderOption,
    JobsOption,
    JsonOption,
    OverridesArgument,
    QuietOption,
    SchedulerOption,
    StorageOption,
    again,
    open_study,
    say_time,
)
from selectdis.cli.console import Said, Table, boards, show

if TYPE_CHECKING:
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
    as_json: JsonOption = False,
    columns: ColumnsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Train the selected configurations on the unlabelled target, pick a run there, and say how far to trust it."""
    from selectdis.cli.console._bar import ProgressListener

    quiet = quiet or as_json  # one document, and nothing beside it
    study = open_study(file, folder, storage, jobs, scheduler, overrides)
    given: dict[str, Any] = {"top": top, "seeds": seeds, "rule": rule}
    say_time(partial(study.estimate_transfer, target, **given), quiet=quiet, dry_run=dry_run)
    with ProgressListener(quiet) as progress:
        result = study.transfer(target, **given, listeners=[progress])
    said: dict[str, Any] = {"as_json": as_json, "columns": columns}
    say_pick(study, result, quiet=quiet, file=file, folder=folder, storage=storage, **said)


def say_pick(
    study: Study,
    result: Transfer,
    *,
    quiet: bool,
    file: Path,
    folder: Path | None,
    storage: str | None = None,
    as_json: bool = False,
    columns: str | None = None,
) -> None:
    """Print the runs on a target, the pick among them, how far to trust it, and what to type next."""
    from selectdis.selection._trust import USE

    told: list[Table | Said] = []
    told += boards(result.leaderboard(), name="runs", title=f"{study.name}: runs on the target {result.target}")
    told += _pick(result)
    show(told, as_json=as_json, columns=columns)
    if result.pick is None:
        raise typer.Exit(1)
    if not quiet and not as_json:
        if result.trust.decision != USE:
            print(_advice(result, again("label", file, folder, storage, study), len(list(study.target_stages())) > 1))
        if (study.folder / "mlflow.db").exists():
            print(f"Compare everything in MLflow: {again('ui', file, folder, study=study)}")
        print(f"One page: {again('report', file, folder, storage, study)}")


def _advice(result: Transfer, command: str, several: bool) -> str:
    """Say how to label images, or where some are labelled, more of them (their sheet has the same factors)."""
    which = f" --target {shlex.quote(result.target)}" if several else ""
    if result.labels is not None:
        return f"Label ten more images: {command}{which} --n 10"
    return f"Label ten images, with factors of your own: {command}{which} --factor size=small,medium,large --n 10"


def _pick(result: Transfer) -> list[Said]:
    if result.pick is None:
        return [Said("why", f"Nothing is picked: {result.why}.", result.why)]
    return [
        Said("pick", f"{result.pick.candidate}  ({result.model})", result.pick.candidate, "Picked run:"),
        Said("model", "", str(result.model)),
        Said("why", result.why, label="Why:"),
        Said("trust", str(result.trust), result.trust.to_dict(), "Trust:"),
        *([Said("outcome", result.outcome, label="Outcome:")] if result.outcome else ()),
    ]
