"""`selectdis report`: one page about a study, to read offline and to send around."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selectdis.cli._common import FolderOption, StorageOption, open_study
from selectdis.cli._output import check_out

__all__ = ["report"]


def report(
    file: Annotated[Path, typer.Argument(help="Study file (YAML), folder, or a table of records.", metavar="FILE")],
    out: Annotated[
        Path | None, typer.Option(help="Where to; by default report.html in the study's folder, or beside the table.")
    ] = None,
    folder: FolderOption = None,
    storage: StorageOption = None,
) -> None:
    """Write a self-contained HTML page: the pick and its trust, leaderboards, figures, traversals."""
    from selectdis.cli._backtest import is_study
    from selectdis.report import write_records_report, write_report

    if is_study(file):
        place = write_report(open_study(file, folder, storage), out)
    else:
        from selectdis.selection import read_records

        name = file.name.partition(".")[0]
        check_out(out)
        place = write_records_report(read_records(file), name, out or file.with_name(f"{name}.html"))
    typer.echo(f"written: {place}")
