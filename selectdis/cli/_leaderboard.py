"""`selectdis leaderboard`: what a study has found so far."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from selectdis.cli._common import FileArgument, FolderOption, StorageOption, open_study, print_board
from selectdis.cli._output import check_out, write_csv

__all__ = ["leaderboard"]


class By(StrEnum):
    configuration = "configuration"
    run = "run"


def leaderboard(
    file: FileArgument,
    by: Annotated[By, typer.Option(help="One row a configuration or one a run.")] = By.configuration,
    score: Annotated[str | None, typer.Option(help="A metric, or win_rate.")] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows to print.")] = 20,
    out: Annotated[Path | None, typer.Option(help="Write all records to this CSV file as well.")] = None,
    folder: FolderOption = None,
    storage: StorageOption = None,
) -> None:
    """Print a study's leaderboards: the proxy's, and that of each target."""
    check_out(out)
    study = open_study(file, folder, storage)
    print_board(study.leaderboard(by.value, score=score), title=f"proxy: {study.proxy_names}", rows=rows)
    transfers = study.transfers()
    for transfer in transfers:
        print_board(transfer.leaderboard(), title=f"target: {transfer.target} ({transfer.rule.label})", rows=rows)
    for sentence in study.stopped:
        print(sentence)
    if out is not None:
        import pandas as pd

        write_csv(pd.concat([study.records, *(transfer.records for transfer in transfers)]), out)
        print(f"wrote {out}")
