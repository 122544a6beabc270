"""`selectdis report`: one page about a study, to read offline and to send around."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selectdis.cli._common import FileArgument, FolderOption, StorageOption, open_study

__all__ = ["report"]


def report(
    file: FileArgument,
    out: Annotated[Path | None, typer.Option(help="Where to; by default report.html in the study's folder.")] = None,
    folder: FolderOption = None,
    storage: StorageOption = None,
) -> None:
    """Write a self-contained HTML page: the pick and its trust, leaderboards, figures, traversals."""
    from selectdis.report import write_report

    typer.echo(f"written: {write_report(open_study(file, folder, storage), out)}")
