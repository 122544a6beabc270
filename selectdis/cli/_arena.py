"""`selectdis arena`: what a criterion or a rule is worth on the published runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selectdis.cli._common import ColumnsOption, JsonOption
from selectdis.cli._output import check_out, write_csv
from selectdis.cli.console import Said, Table, show

__all__ = ["arena"]


def arena(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="A Python file with functions of `run` or `pool`, a criterion's name, or a rule; without any, "
            "all that selectdis has.",
            metavar="[FILE.py|NAME|RULE]...",
        ),
    ] = None,
    part: Annotated[str | None, typer.Option(help="Of the evidence (default: the one of most families).")] = None,
    evidence: Annotated[Path | None, typer.Option(help="The folder evidence/ of the repository.")] = None,
    lower: Annotated[bool, typer.Option("--lower-is-better", help="Of functions and criteria.")] = False,
    score: Annotated[str, typer.Option(help="What runs are judged by: win_rate or a metric.")] = "win_rate",
    bootstrap: Annotated[int, typer.Option(min=2, help="Resamples of the seeds.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Write the table to this CSV file as well.")] = None,
    as_json: JsonOption = False,
    columns: ColumnsOption = None,
) -> None:
    """Say what a criterion or rule is worth on the published runs: against chance, a random seed, the best rule."""
    from selectdis import selection

    check_out(out)
    result = selection.arena(
        what or selection.everything_known(part, evidence),
        part=part,
        evidence=evidence,
        higher_is_better=False if lower else None,
        score=score,
        n_bootstrap=bootstrap,
        seed=seed,
    )
    told: list[Table | Said] = [
        Table("arena", result.table, result.summary, None, texts=result.shown),
        *(Said("", note) for note in result.notes),
        Said("summary", "", result.summary),
        Said("notes", "", result.notes),
    ]
    if out is not None:
        write_csv(result.table, out)
        told.append(Said("wrote", f"wrote {out}", str(out)))
    show(told, as_json=as_json, columns=columns)
