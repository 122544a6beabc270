"""`selectdis pick`: from a folder of pictures to a picked run, without a labelled proxy of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selectdis._files import atomic_write, inside
from selectdis.cli._common import (
    ColumnsOption,
    DryRunOption,
    JobsOption,
    JsonOption,
    OverridesArgument,
    QuietOption,
    say_time,
)
from selectdis.cli._data import OptionsOption, options_given
from selectdis.cli._transfer import say_pick

if TYPE_CHECKING:
    from selectdis.data import ImageDataset
    from selectdis.selection.archive._distance import Distance
    from selectdis.study import Study

__all__ = ["pick"]


def pick(
    data: Annotated[str, typer.Argument(help="Pictures: folder:PATH, a data set, an array file.")],
    overrides: OverridesArgument = None,
    minutes: Annotated[float, typer.Option(min=0.01, help="For all of it, on this machine.")] = 60,
    labels: Annotated[Path | None, typer.Option(help="A table that `selectdis label` wrote, filled in.")] = None,
    part: Annotated[str | None, typer.Option(help="Of the evidence (default: that with the most families).")] = None,
    option: OptionsOption = None,
    folder: Annotated[Path | None, typer.Option(help="Where it is kept (default: runs/pick-NAME).")] = None,
    jobs: JobsOption = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    columns: ColumnsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Train on pictures without labels what the evidence says, pick a run, and say how far to trust it.

    The same command again goes on where it stopped.
    """
    from selectdis.study.picking._pick import labels_for, pick_study

    quiet = quiet or as_json  # one document, and nothing beside it
    study = pick_study(
        data,
        minutes=minutes,
        part=part,
        folder=folder,
        n_jobs=jobs,
        overrides=overrides or (),
        options=options_given(option),
    )
    if labels is not None:
        labels_for(study, labels)  # what is wrong with them is said before anything is trained
    images = study.data.target().load()
    assert study.evidence is not None
    if not quiet:
        print(f"{len(images):,} pictures. {study.evidence.about(images.image_shape)}")
    say_time(study.estimate_transfer, quiet=quiet, dry_run=dry_run)
    from selectdis.cli.console._bar import ProgressListener

    with ProgressListener(quiet) as progress:
        result = study.transfer(listeners=[progress])
    if labels is not None:
        result = study.label(labels, target=result.target)
    say_pick(study, result, quiet=quiet, file=study.folder, folder=None, as_json=as_json, columns=columns)
    if not quiet and result.distance is not None:
        print(f"How far these pictures are from labelled ones: {_draw_distance(study, result.distance, images)}")


def _draw_distance(study: Study, distance: Distance, images: ImageDataset) -> Path:
    from selectdis.visualization import distance_figure

    place = inside(study.folder, "distance.png")
    with atomic_write(place) as temporary:
        temporary.write_bytes(distance_figure(distance, images).png())
    return place
