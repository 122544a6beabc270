"""`selectdis backtest`: how far each selection rule can be trusted, from records."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selectdis.cli._common import ColumnsOption, JsonOption, open_study
from selectdis.cli._output import check_out, write_csv
from selectdis.cli.console import Said, Table, show
from selectdis.errors import SelectdisError

if TYPE_CHECKING:
    import pandas as pd

    from selectdis.selection.few_labels import ProbeCodes

__all__ = ["FilesArgument", "backtest", "is_study", "load_records"]

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(
        help="Records tables (.csv, .csv.gz, .parquet), study files (YAML) or study folders, with --labels also .npz "
        "files of probe codes; by default the published records.",
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
    labels: Annotated[str | None, typer.Option(help="Numbers of labelled images to judge as well, 5,10,20.")] = None,
    draws: Annotated[int, typer.Option(min=1, help="With --labels: draws of the images.")] = 25,
    out: Annotated[Path | None, typer.Option(help="Write the table of rules to this CSV file as well.")] = None,
    as_json: JsonOption = False,
    columns: ColumnsOption = None,
) -> None:
    """Let each labelled data set play the unlabelled target, and judge what each rule picks there."""
    from selectdis import selection

    check_out(out)
    rules = [selection.parse_rule(text) for text in rule] if rule else None
    coded = [file for file in files or () if file.suffix == ".npz"]
    if coded and labels is None:
        raise SelectdisError(f"{coded[0]} holds codes, which --labels 5,10,20 looks at; rules go by tables of records")
    numbers = _numbers(labels)
    records = load_records([file for file in files or () if file not in coded])
    result = selection.backtest(records, rules, score=score, n_bootstrap=bootstrap, seed=seed)
    told: list[Table | Said] = [
        Said("", "P(the pick beats a random run): mean [its interval]; low to high: single picks"),
        Said("summary", result.summary),
        Table("rules", result.table, "Rules, best first", None, texts=result.shown),
        *(Said("", line) for line in result.notes),
        Table("gains", result.shown_gains, "Gain of the seed chosen over a random one of the configuration", None),
        Table("carried", result.paper, "One run's configuration, carried on: P(beats a random run)", None),
        *(Said("", str(selection.trust(named, result))) for named in rules or ()),
        Said("notes", "", result.notes),
        Said("trust", "", [selection.trust(named, result).to_dict() for named in rules or ()]),
    ]
    if numbers:
        told.append(_by_labels(files or [], coded, records, numbers, score, draws, seed))
    if out is not None:
        write_csv(result.table, out)
        told.append(Said("wrote", f"wrote {out}", str(out)))
    show(told, as_json=as_json, columns=columns)


def _numbers(labels: str | None) -> list[int]:
    words = [] if labels is None else labels.split(",")
    if bad := [word for word in words if not re.fullmatch(r"\s*\d{1,4}\s*", word) or not 2 <= int(word) <= 1_000]:
        raise SelectdisError(f"--labels takes numbers of images from 2 to 1,000, such as 5,10,20; found {bad[0]!r}")
    return [int(word) for word in words]


def _by_labels(
    files: list[Path], coded: list[Path], records: pd.DataFrame, numbers: list[int], score: str, draws: int, seed: int
) -> Table:
    """Return what a pick by a few labels is worth, from the codes in .npz files and in the folders of studies."""
    from selectdis.selection.few_labels import backtest_labels, read_probe_codes

    sets = [read_probe_codes(file, records) for file in coded]
    sets += [probe for file in files if is_study(file) for probe in _probes(file)]
    found = backtest_labels(sets, numbers, score=score, n_draws=draws, seed=seed)
    names = ", ".join(dict.fromkeys(probe.dataset for probe in sets))
    title = f"A few labels of the target: the best latent share picks among all runs ({names}; {draws} draws)"
    return Table("labels", found.shown, title, None)


def _probes(file: Path) -> Iterator[ProbeCodes]:
    from selectdis.cli._common import open_study
    from selectdis.scoring._probe import labelled_probe

    study = open_study(file, None)
    for stage in [*study.proxy_stages(), *study.target_stages()]:
        if stage.data.load().labelled:
            yield labelled_probe(str(study.folder), stage.data, study.spec.evaluation, stage.records)


def load_records(files: list[Path] | None) -> pd.DataFrame:
    """Return the records of tables and of studies (their proxies and targets) as one frame; without any, the published.

    Of these the part of most families.
    """
    import pandas as pd

    from selectdis import selection

    if not files:
        return selection.evidence(selection.most_families(selection.evidence()))
    return pd.concat(
        [_study(file) if is_study(file) else selection.read_records(file) for file in files], ignore_index=True
    )


def is_study(file: Path) -> bool:
    return file.is_dir() or file.suffix in (".yaml", ".yml")


def _study(file: Path) -> pd.DataFrame:
    import pandas as pd

    study = open_study(file, None)
    records = [study.records, *(stage.records for stage in study.target_stages())]
    if all(table.empty for table in records):
        raise SelectdisError(
            f"the study {study.name!r} in {study.folder} has no runs yet: run it first, or give the folder that it was "
            "run in"
        )
    return pd.concat([table for table in records if not table.empty], ignore_index=True)
