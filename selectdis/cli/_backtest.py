"""`selectdis backtest`: how far each selection rule can be trusted, from records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from selectdis.cli._common import print_table
from selectdis.cli._output import check_out, write_csv

__all__ = ["FilesArgument", "backtest", "is_study", "load_records"]

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Records tables (.csv, .csv.gz, .parquet), study files (YAML) or study folders; by default the published "
        "records.",
        metavar="[FILES]...",
    ),
]


def backtest(
    files: FilesArgument = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(help="'CONFIGURATION > RUN @ TOP', such as 'lcb:mig > udr_lasso @ 3'; may be repeated."),
    ] = None,
    score: Annotated[str, typer.Option(help="What picks are judged by: win_rate or a metric.")] = "win_rate",
    bootstrap: Annotated[int, typer.Option(min=2, help="Resamples of the seeds.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the table of rules to this CSV file as well.")] = None,
) -> None:
    """Let each labelled data set play the unlabelled target, and judge what each rule picks there."""
    from selectdis import selection

    check_out(out)
    rules = [selection.parse_rule(text) for text in rule] if rule else None
    result = selection.backtest(load_records(files), rules, score=score, n_bootstrap=bootstrap, seed=seed)
    print(f"P(the pick beats a random run): mean [its interval]; low to high: single picks\n{result}\n")
    print_table(result.shown_gains, title="Gain of the seed chosen over a random one of the configuration", rows=None)
    print_table(result.paper, title="One run's configuration, carried on: P(beats a random run)", rows=None)
    for named in rules or ():
        print(selection.trust(named, result))
    if out is not None:
        write_csv(result.table, out)
        print(f"wrote {out}")


def load_records(files: list[Path] | None) -> pd.DataFrame:
    """Return the records of tables and of studies (their proxies and targets) as one frame; without any, the published.

    Of these the part of most families.
    """
    from selectdis import selection

    if not files:
        return selection.evidence(selection.most_families(selection.evidence()))
    return pd.concat(
        [_study(file) if is_study(file) else selection.read_records(file) for file in files], ignore_index=True
    )


def is_study(file: Path) -> bool:
    return file.is_dir() or file.suffix in (".yaml", ".yml")


def _study(file: Path) -> pd.DataFrame:
    from selectdis.cli._common import open_study
    from selectdis.errors import SelectdisError

    study = open_study(file, None)
    records = [study.records, *(transfer.records for transfer in study.transfers())]
    if all(table.empty for table in records):
        raise SelectdisError(
            f"the study {study.name!r} in {study.folder} has no runs yet: run it first, or give the folder that it was "
            "run in"
        )
    return pd.concat([table for table in records if not table.empty], ignore_index=True)
