"""`selectdis analyze`: what explains the scores, and which of them agree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selectdis.cli._backtest import FilesArgument, is_study, load_records
from selectdis.cli._common import open_study, print_table
from selectdis.cli._output import check_out, write_csv

__all__ = ["analyze"]


def analyze(
    files: FilesArgument = None,
    score: Annotated[str, typer.Option(help="For variance and transfer: win_rate or a metric.")] = "win_rate",
    out: Annotated[Path | None, typer.Option(help="Write every table in full to this folder, as CSV files.")] = None,
) -> None:
    """Variance explained, rank correlations, transfer between data sets, mean against sampled codes, annealing."""
    from selectdis import selection

    check_out(out, folder=True)
    tables = selection.analysis(load_records(files), score)
    for table in tables:
        print_table(table.shown, title=table.title, rows=60)
    for file in filter(is_study, files or ()):
        importances = open_study(file, None).importances().reset_index()
        if importances.empty:
            print(f"no importances of {file}: at most one parameter varies, which explains all that there is")
            continue
        print_table(importances, title=f"Optuna's parameter importances (fANOVA), {file}", rows=60)
    if out is not None:
        for table in tables:
            write_csv(table.whole, out / f"{table.name}.csv")
        print(f"wrote {len(tables)} tables to {out}")
