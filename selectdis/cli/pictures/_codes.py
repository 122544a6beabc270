"""`selectdis codes`: what a trained run says of pictures, a row each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selectdis.cli._common import FileArgument, FolderOption, StorageOption, open_study
from selectdis.cli._data import OptionsOption, options_given
from selectdis.cli._output import check_out, written
from selectdis.errors import SelectdisError

if TYPE_CHECKING:
    from selectdis.study import Study, Transfer
    from selectdis.training import Run

__all__ = ["codes"]


def codes(
    file: FileArgument,
    data: Annotated[
        str | None, typer.Argument(help="Pictures: folder:PATH or a data set (default: those of the target).")
    ] = None,
    out: Annotated[Path, typer.Option(help="A .csv, .csv.gz, .parquet or .npy file.")] = Path("codes.csv"),
    run: Annotated[str | None, typer.Option(help="Id of a run (default: the picked one).")] = None,
    target: Annotated[str | None, typer.Option(help="Whose pick, where the study has several targets.")] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write an HTML page as well: what each latent does, with pictures at its ends.")
    ] = None,
    option: OptionsOption = None,
    folder: FolderOption = None,
    storage: StorageOption = None,
) -> None:
    """Write the codes of pictures: a row for each with its file name, by the picked run or any other.

    Pictures of another size, depth or number of channels are brought to what the run was trained with.
    """
    from selectdis.data._codes_table import check_codes_file
    from selectdis.data._like import dataset_like

    check_codes_file(out)
    check_out(out)
    check_out(page)
    study = open_study(file, folder, storage)
    transfer = None if run is not None and data is not None and target is None else _chosen(study, target)
    chosen = study.load_run(run) if run is not None else _picked(transfer)
    if data is not None:
        given = dataset_like(
            data, chosen.image_shape, chosen.image_fit, options_given(option), scaling=chosen.image_scaling
        )
    else:
        assert transfer is not None
        given = transfer.stage.data.load()
    for place in chosen.save_codes(out, given):
        print(f"wrote {place}")
    channels, size, _ = chosen.image_shape
    kind = "grey" if channels == 1 else "in colour"
    print(f"{len(given):,} pictures by {chosen.candidate.id}, which takes {size} x {size} pixels, {kind}")
    if given.left_out:
        print(f"{len(given.left_out)} could not be read: selectdis data info {data or given.name} --left-out")
    if page is not None:
        from selectdis.data import ImageDataset
        from selectdis.data._like import images_like
        from selectdis.visualization import latent_page

        shown = ImageDataset(
            given.name,
            images_like(given, chosen.image_shape, chosen.image_fit, chosen.image_scaling),
            files=given.files,
        )
        with written(page) as place:
            place.write_text(latent_page(chosen, shown), encoding="utf-8")
        print(f"wrote {page}: what each latent does")


def _chosen(study: Study, target: str | None) -> Transfer:
    transfers = {transfer.target: transfer for transfer in study.transfers()}
    if not transfers:
        raise SelectdisError(
            "nothing is trained on a target yet: `selectdis transfer` does that; or give --run and data"
        )
    if (target is None and len(transfers) > 1) or (target is not None and target not in transfers):
        raise SelectdisError(f"--target is one of {', '.join(transfers)}; found {target!r}")
    return transfers[target] if target is not None else next(iter(transfers.values()))


def _picked(transfer: Transfer | None) -> Run:
    assert transfer is not None
    if transfer.pick is None:
        raise SelectdisError(f"no run is picked on {transfer.target}: {transfer.why}; name one with --run")
    return transfer.best
