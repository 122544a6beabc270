"""`selectdis track`: bring the MLflow view of a study up to date, or make it again."""

from __future__ import annotations

from typing import Annotated

import typer

from selectdis.cli._common import FileArgument, FolderOption, StorageOption, open_study
from selectdis.errors import SelectdisError

__all__ = ["track"]


def track(
    file: FileArgument,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Delete the view and make it again.")] = False,
    uri: Annotated[str | None, typer.Option(help="MLflow's tracking server; by default the study's own.")] = None,
    folder: FolderOption = None,
    storage: StorageOption = None,
) -> None:
    """Send to MLflow what waits, or rebuild the whole view from the study."""
    from selectdis.tracking._rebuild import rebuild as rebuild_view
    from selectdis.tracking._rebuild import send_waiting

    study = open_study(file, folder, storage)
    if rebuild:
        rebuild_view(study, uri)
        typer.echo(f"the MLflow view of {study.name} is made again")
    else:
        if study.records.empty:
            raise SelectdisError(f"the study {study.name!r} in {study.folder} has no runs yet: run it first")
        typer.echo(f"sent {send_waiting(study, uri)} waiting entries of {study.name} to MLflow")
