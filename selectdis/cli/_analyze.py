"""`selectdis analyze`: what explains the scores, and which of them agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selectdis.cli._backtest import FilesArgument, is_study, load_records
from selectdis.cli._common import ColumnsOption, JsonOption, open_study
from selectdis.cli._output import check_out, write_csv
from selectdis.cli.console import Said, Table, show

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["analyze"]


def analyze(
    files: FilesArgument = None,
    score: Annotated[str, typer.Option(help="For variance and transfer: win_rate or a metric.")] = "win_rate",
    out: Annotated[Path | None, typer.Option(help="Write every table in full to this folder, as CSV files.")] = None,
    as_json: JsonOption = False,
    columns: ColumnsOption = None,
) -> None:
    """Variance explained, rank correlations, transfer between data sets, mean against sampled codes, annealing.

    Of studies with evaluation.at also whether the ranks of runs had settled.
    """
    import pandas as pd

    from selectdis import selection

    check_out(out, folder=True)
    records = pd.concat([load_records(files), *(_on_the_way(file) for file in files or ())], ignore_index=True)
    tables = selection.analysis(records, score)
    told: list[Table | Said] = [Table(t.name, t.whole, t.title, 60, texts=t.shown) for t in tables]
    told += [_importances(file) for file in filter(is_study, files or ())]
    if out is not None:
        for table in tables:
            write_csv(table.whole, out / f"{table.name}.csv")
        told.append(Said("wrote", f"wrote {len(tables)} tables to {out}", str(out)))
    show(told, as_json=as_json, columns=columns)


def _on_the_way(file: Path) -> pd.DataFrame:
    """Return a study's records after shares of the steps alone: those of the last are there already."""
    import pandas as pd

    from selectdis.selection._stability import after_last_steps

    rows = open_study(file, None).records_on_the_way if is_study(file) else pd.DataFrame()
    return rows if rows.empty else rows[~after_last_steps(rows)]


def _importances(file: Path) -> Table | Said:
    importances = open_study(file, None).importances().reset_index()
    if importances.empty:
        return Said("", f"no importances of {file}: at most one parameter varies, which explains all that there is")
    title = f"Optuna's parameter importances (fANOVA), {file}"
    return Table(f"importances:{file}", importances, title, 60)
