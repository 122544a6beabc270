"""selectdis track FILE: bring the MLflow view of a study up to date, or make it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def track(
    file: Annotated[Path, typer.Argument(help="The study file.")],
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Delete the view and make it again.")] = False,
    uri: Annotated[str | None, typer.Option(help="MLflow's tracking server; by default the study's own.")] = None,
    folder: Annotated[Path | None, typer.Option(help="The study's folder; by default runs/NAME.")] = None,
) -> None:
    """Send to MLflow what waits, or rebuild the whole view from the study."""
    from selectdis.study import Study
    from selectdis.tracking.rebuild import rebuild as rebuild_view
    from selectdis.tracking.rebuild import send_waiting

    study = Study.from_file(file, folder=folder)
    if rebuild:
        rebuild_view(study, uri)
        typer.echo(f"the MLflow view of {study.name} is made again: selectdis ui {file}")
    else:
        typer.echo(f"sent {send_waiting(study, uri)} waiting entries of {study.name} to MLflow")
