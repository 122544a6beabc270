"""`selectdis track`: bring the MLflow view of a study up to date, or make it again."""

from __future__ import annotations

from typing import Annotated

import typer

from selectdis.cli._common import FileArgument, FolderOption, StorageOption, open_study

__all__ = ["track"]


def track(
    file: FileArgument,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Delete the view and make it again.")] = False,
    uri: Annotated[str | None, typer.Option(help="MLflow's tracking server; by default the study's own.")] = None,
    folder: FolderOption = None,
    storage: StorageOption = None,
) -> None:
    """Send to MLflow what it lacks of a study, or make the whole view again."""
    from selectdis.tracking._rebuild import rebuild as rebuild_view
    from selectdis.tracking._rebuild import track as show_in_mlflow

    study = open_study(file, folder, storage)
    if rebuild:
        rebuild_view(study, uri)
        typer.echo(f"the MLflow view of {study.name} is made again")
        return
    shown = show_in_mlflow(study, uri)
    if shown.sent:
        typer.echo(f"sent {shown.sent} of {shown.runs} runs of {study.name} to MLflow")
    else:
        typer.echo(f"MLflow has all {shown.runs} runs of {study.name}")
