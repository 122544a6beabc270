"""`selectdis leaderboard`: what a study has found so far."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selectdis.cli._common import ColumnsOption, FileArgument, FolderOption, JsonOption, StorageOption, open_study
from selectdis.cli._output import check_out, write_csv
from selectdis.cli.console import Said, Table, boards, show

if TYPE_CHECKING:
    from selectdis.study import Study

__all__ = ["leaderboard"]


class By(StrEnum):
    configuration = "configuration"
    run = "run"


def leaderboard(
    file: FileArgument,
    by: Annotated[By, typer.Option(help="One row a configuration or one a run.")] = By.configuration,
    score: Annotated[str | None, typer.Option(help="A metric, or win_rate.")] = None,
    pareto: Annotated[
        bool, typer.Option("--pareto", help="The proxy's configurations that no other one beats in all of --scores.")
    ] = False,
    scores: Annotated[str, typer.Option(help="With --pareto: two or more, with commas.")] = "win_rate,reconstruction",
    rows: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 20,
    out: Annotated[Path | None, typer.Option(help="Write all records to this CSV file as well.")] = None,
    as_json: JsonOption = False,
    columns: ColumnsOption = None,
    folder: FolderOption = None,
    storage: StorageOption = None,
) -> None:
    """Print a study's leaderboards: the proxy's, and that of each target."""
    check_out(out)
    study = open_study(file, folder, storage)
    if pareto:
        show([_front(study, scores, rows)], as_json=as_json, columns=columns)
        return
    told: list[Table | Said] = []
    if study.evidence is None:  # else the runs on the proxy are everybody's, and not of this study
        board = study.leaderboard(by.value, score=score)
        told += boards(board, name="proxy", title=f"proxy: {study.proxy_names}", rows=rows)
    transfers = study.transfers()
    for transfer in transfers:
        title = f"target: {transfer.target} ({transfer.rule.label})"
        told += boards(transfer.leaderboard(), name=f"target:{transfer.target}", title=title, rows=rows)
    told += [Said("", sentence) for sentence in study.stopped]
    if out is not None:
        import pandas as pd

        own = [] if study.evidence is not None else [study.records]
        write_csv(pd.concat([*own, *(transfer.records for transfer in transfers)]), out)
        told.append(Said("wrote", f"wrote {out}", str(out)))
    show(told, as_json=as_json, columns=columns)


def _front(study: Study, scores: str, rows: int) -> Table:
    names = [name.strip() for name in scores.split(",") if name.strip()]
    title = f"proxy: {study.proxy_names}: what no other configuration beats in all of {', '.join(names)}"
    return Table("pareto", study.pareto(names).drop(columns=["dataset", "configuration"]), title, rows)
