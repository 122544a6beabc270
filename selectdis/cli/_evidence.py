"""`selectdis evidence`: what published records there are, and adding a study of one's own, or removing it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from selectdis.cli._common import open_study
from selectdis.cli._output import check_out, write_csv
from selectdis.cli.console import print_table
from selectdis.errors import SelectdisError

__all__ = ["evidence_app"]

evidence_app = typer.Typer(name="evidence", help="Published records: list them, add a study of your own, or remove it.")


@evidence_app.callback(invoke_without_command=True)
def list_evidence(
    context: typer.Context,
    out: Annotated[Path | None, typer.Option(help="Write the records, a row a run, to this CSV file.")] = None,
) -> None:
    """List the published records, and your own beside them."""
    if context.invoked_subcommand is not None:
        return
    from selectdis import selection
    from selectdis.selection.archive._table import own_table

    check_out(out)
    print_table(selection.contents(), title="records that trust and the arena rest on", rows=None)
    own = own_table()
    print(f"your own: {own}" if own.is_file() else "none of your own: `selectdis evidence add FOLDER` adds a study")
    if out is not None:
        write_csv(selection.evidence(), out)
        print(f"wrote {out}")


@evidence_app.command()
def add(
    folder: Annotated[Path, typer.Argument(help="Study file (YAML), or the folder of a study.", metavar="FOLDER")],
    part: Annotated[str | None, typer.Option(help="What its runs are called (default: the study's name).")] = None,
    family: Annotated[
        list[str] | None,
        typer.Option(metavar="DATASET=FAMILY", help="Data sets that are variants of one another; may be repeated."),
    ] = None,
    codes: Annotated[bool, typer.Option(help="Keep the codes too, for functions in the arena.")] = True,
) -> None:
    """Add the labelled data sets of a study of yours: trust, arena and sd.evidence() then rest on them too."""
    from selectdis import selection
    from selectdis.selection.archive._codes import file_name, own_folder
    from selectdis.study import write_trained_arrays

    study = open_study(folder, None)
    if study.records.empty:
        raise SelectdisError(f"the study {study.name!r} in {study.folder} has no runs yet: run it first")
    stages = [stage for stage in study.proxy_stages() if stage.info.data.labelled]
    shapes = {data.name: (data.image_shape[2], data.image_shape[0]) for data in (stage.info.data for stage in stages)}
    name = part or study.name
    rows = selection.add_evidence(study.records, name, shapes=shapes, families=_pairs(family or []))
    print(f"{len(rows)} runs of {rows['dataset'].nunique()} labelled data sets are now part {name!r} of the evidence")
    for stage in stages if codes else ():
        path = own_folder() / name / file_name(stage.info.data.name)
        print(f"codes of {write_trained_arrays(stage, path)} runs in {path}")


@evidence_app.command()
def remove(part: Annotated[str, typer.Argument(help="Its name, as `selectdis evidence` lists it.")]) -> None:
    """Take a part that you added out again, with its codes; the study stays."""
    from selectdis import selection

    print(f"{selection.remove_evidence(part)} runs of part {part!r} are no longer evidence")


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = [text.rpartition("=") for text in texts]
    for text, (name, _, family) in zip(texts, pairs, strict=True):
        if not (name and family):
            raise SelectdisError(f"--family takes DATASET=FAMILY, such as color_dsprites=sprites, found {text!r}")
    return {name: family for name, _, family in pairs}
