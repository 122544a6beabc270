"""`selectdis backtest`: how far each selection rule can be trusted, from records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer

from selectdis.cli._common import print_table
from selectdis.cli._output import check_out, write_csv
from selectdis.errors import SelectdisError

if TYPE_CHECKING:
    from selectdis.selection.few_labels import ProbeCodes

__all__ = ["FilesArgument", "backtest", "is_study", "load_records"]

FilesArgument = Annotated[
    list[Path],
    typer.Argument(
        help="Records tables (.csv, .csv.gz, .parquet), study files (YAML) or study folders; with --labels also .npz "
        "files of probe codes.",
        metavar="FILES",
    ),
]


def backtest(
    files: FilesArgument,
    rule: Annotated[
        list[str] | None,
        typer.Option(help="'CONFIGURATION > RUN @ TOP', such as 'lcb:mig > udr_lasso @ 3'; may be repeated."),
    ] = None,
    score: Annotated[str, typer.Option(help="What picks are judged by: win_rate or a metric.")] = "win_rate",
    bootstrap: Annotated[int, typer.Option(min=2, help="Resamples of the seeds.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    labels: Annotated[str | None, typer.Option(help="Numbers of labelled images to judge as well, 5,10,20.")] = None,
    draws: Annotated[int, typer.Option(min=1, help="With --labels: draws of the images.")] = 25,
    out: Annotated[Path | None, typer.Option(help="Write the table of rules to this CSV file as well.")] = None,
) -> None:
    """Let each labelled data set play the unlabelled target, and judge what each rule picks there."""
    from selectdis import selection

    check_out(out)
    rules = [selection.parse_rule(text) for text in rule] if rule else None
    coded = [file for file in files if file.suffix == ".npz"]
    if coded and labels is None:
        raise SelectdisError(f"{coded[0]} holds codes, which --labels 5,10,20 looks at; rules go by tables of records")
    numbers = _numbers(labels)
    records = load_records([file for file in files if file not in coded])
    result = selection.backtest(records, rules, score=score, n_bootstrap=bootstrap, seed=seed)
    print(f"P(the pick beats a random run): mean [its interval]; low to high: single picks\n{result}\n")
    print_table(result.shown_gains, title="Gain of the seed chosen over a random one of the configuration", rows=None)
    print_table(result.paper, title="One run's configuration, carried on: P(beats a random run)", rows=None)
    for named in rules or ():
        print(selection.trust(named, result))
    if numbers:
        _print_labels(files, coded, records, numbers, score, draws, seed)
    if out is not None:
        write_csv(result.table, out)
        print(f"wrote {out}")


def _numbers(labels: str | None) -> list[int]:
    words = [] if labels is None else labels.split(",")
    if bad := [word for word in words if not re.fullmatch(r"\s*\d{1,4}\s*", word) or not 2 <= int(word) <= 1_000]:
        raise SelectdisError(f"--labels takes numbers of images from 2 to 1,000, such as 5,10,20; found {bad[0]!r}")
    return [int(word) for word in words]


def _print_labels(
    files: list[Path], coded: list[Path], records: pd.DataFrame, numbers: list[int], score: str, draws: int, seed: int
) -> None:
    """Print what a pick by a few labels is worth, from the codes in .npz files and in the folders of studies."""
    from selectdis.selection.few_labels import backtest_labels, read_probe_codes

    sets = [read_probe_codes(file, records) for file in coded]
    sets += [probe for file in files if is_study(file) for probe in _probes(file)]
    found = backtest_labels(sets, numbers, score=score, n_draws=draws, seed=seed)
    names = ", ".join(dict.fromkeys(probe.dataset for probe in sets))
    title = f"A few labels of the target: the best latent share picks among all runs ({names}; {draws} draws)"
    print_table(found.shown, title=title, rows=None)


def _probes(file: Path) -> Iterator[ProbeCodes]:
    from selectdis.cli._common import open_study
    from selectdis.scoring._probe import labelled_probe

    study = open_study(file, None)
    for stage in [*study.proxy_stages(), *study.target_stages()]:
        if stage.data.load().labelled:
            yield labelled_probe(str(study.folder), stage.data, study.spec.evaluation, stage.records)


def load_records(files: list[Path]) -> pd.DataFrame:
    """Return the records of tables and of studies (their proxies and targets) as one frame."""
    from selectdis import selection

    return pd.concat(
        [_study(file) if is_study(file) else selection.read_records(file) for file in files], ignore_index=True
    )


def is_study(file: Path) -> bool:
    return file.is_dir() or file.suffix in (".yaml", ".yml")


def _study(file: Path) -> pd.DataFrame:
    from selectdis.cli._common import open_study

    study = open_study(file, None)
    records = [study.records, *(stage.records for stage in study.target_stages())]
    if all(table.empty for table in records):
        raise SelectdisError(
            f"the study {study.name!r} in {study.folder} has no runs yet: run it first, or give the folder that it was "
            "run in"
        )
    return pd.concat([table for table in records if not table.empty], ignore_index=True)
