"""selectdis report FILE: one page about a study, to read offline and to send around."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    file: Annotated[Path, typer.Argument(help="The study file.")],
    out: Annotated[Path | None, typer.Option(help="Where to; by default report.html in the study's folder.")] = None,
    folder: Annotated[Path | None, typer.Option(help="The study's folder; by default runs/NAME.")] = None,
) -> None:
    """Write a self-contained HTML page: the pick and its trust, leaderboards, figures, traversals."""
    from selectdis.report import write_report
    from selectdis.study import Study

    typer.echo(f"written: {write_report(Study.from_file(file, folder=folder), out)}")
