"""`selectdis label`: a few labelled images settle which of many trained runs to take."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from selectdis._files import atomic_write, inside, open_file
from selectdis.cli._common import FolderOption, StorageOption, again, open_study, print_board, print_table
from selectdis.cli._output import check_out
from selectdis.errors import SelectdisError

if TYPE_CHECKING:
    from selectdis.data import ImageDataset
    from selectdis.data._label_table import Labels
    from selectdis.study import Study, Transfer

__all__ = ["keep_labels", "label", "say_labelled"]

FOLDER = "labels"  # in a study's folder
NO_LABELS = (
    "This order was made without labels: on data sets that it was not tried on it may be no better than chance. Label "
    "a few images: `selectdis label --codes ... --images ... --factor NAME=LOW,...,HIGH`."
)


def label(
    file: Annotated[Path | None, typer.Argument(help="Study file (YAML), or its folder.", metavar="[FILE]")] = None,
    factor: Annotated[
        list[str] | None,
        typer.Option(help="A factor: size=small,medium,large (in order), hue:red,green,blue (in none); often."),
    ] = None,
    n: Annotated[int, typer.Option("--n", min=1, max=1_000, help="Images to label, drawn at random.")] = 10,
    read: Annotated[Path | None, typer.Option(help="A filled-in table: rank the runs by it.")] = None,
    target: Annotated[str | None, typer.Option(help="Which target of the study (default: the only one).")] = None,
    codes: Annotated[
        str | None, typer.Option(help="Without a study: codes of runs on the same images, 'runs/*.npy'.")
    ] = None,
    images: Annotated[str | None, typer.Option(help="With --codes: the images, folder:PATH or a data set.")] = None,
    out: Annotated[Path, typer.Option(help="With --codes: the table to fill in.")] = Path("labels.csv"),
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of images.")] = 0,
    folder: FolderOption = None,
    storage: StorageOption = None,
) -> None:
    """Write a table of images to label, then (--read) rank all trained runs by the labels and name the best one."""
    if (file is None) == (codes is None):
        raise SelectdisError("give either a study or --codes, such as --codes 'runs/*.npy'")
    if read is not None and factor:
        raise SelectdisError("--read takes the factors from the first row of the table: leave --factor out")
    if codes is not None:
        _of_codes(codes, images, factor, n, read, out, seed)
        return
    assert file is not None
    study = open_study(file, folder, storage)
    transfer = _chosen(study, target)
    if read is not None:
        _rank_runs(study, transfer, read)
        return
    place = _free(study.folder, transfer.stage.data.slug)
    _write_sheet(place, transfer.stage.data.load(), factor, n, seed)
    print(f"fill it in, then: {again('label', file, folder, storage, study)} --read {place}")


def _of_codes(
    pattern: str, images: str | None, factors: list[str] | None, n: int, read: Path | None, out: Path, seed: int
) -> None:
    from selectdis.data import load_dataset
    from selectdis.data._label_table import read_labels
    from selectdis.scoring import load_runs, rank_codes

    runs = load_runs(pattern)
    if read is not None:
        labels = read_labels(read, len(next(iter(runs.values()))))
        full = np.full((len(next(iter(runs.values()))), len(labels.factors)), np.nan)
        full[labels.images] = labels.values
        table = rank_codes(runs, full, ordered=labels.ordered)
        print_table(table, title=f"{len(table)} runs by {len(labels.images)} labelled images")
        best = table.iloc[0]
        print(_sentence(best["run"], best["score"], best["error"], best["p_best"], len(labels.images)))
    elif factors:
        if images is None:
            raise SelectdisError("--images says which images the codes are of, such as --images folder:PATH")
        data = load_dataset(images)
        if len(data) != (rows := len(next(iter(runs.values())))):
            raise SelectdisError(f"{images} has {len(data):,} images, and the codes have {rows:,} rows: one per image")
        check_out(out)
        if out.exists():
            raise SelectdisError(f"{out} is there already, and may hold labels: give another --out")
        _write_sheet(out, data, factors, n, seed)
        print(f"fill it in, then: selectdis label --codes {pattern!r} --read {out}")
    else:
        print_table(rank_codes(runs), title=f"{len(runs)} runs without labels, by UDR")
        print(NO_LABELS)


def _write_sheet(place: Path, data: ImageDataset, factors: list[str] | None, n: int, seed: int) -> None:
    from selectdis.data._label_sheet import write_label_sheet
    from selectdis.data._label_table import parse_factor

    if not factors:
        raise SelectdisError("name what to label: --factor size=small,medium,large --factor hue:red,green,blue")
    parsed = [parse_factor(text) for text in factors]
    if len({one.name for one in parsed}) < len(parsed):
        raise SelectdisError("two factors have the same name: give each one of its own")
    drawn = np.sort(data.sample_indices(min(n, len(data)), np.random.default_rng(seed)))
    for path in write_label_sheet(place, data, drawn, parsed):
        print(f"wrote {path}")


def _chosen(study: Study, target: str | None) -> Transfer:
    transfers = {transfer.target: transfer for transfer in study.transfers()}
    if not transfers:
        raise SelectdisError("nothing is trained on a target yet: `selectdis transfer` does that, then label")
    if (target is None and len(transfers) > 1) or (target is not None and target not in transfers):
        raise SelectdisError(f"--target is one of {', '.join(transfers)}; found {target!r}")
    return transfers[target] if target is not None else next(iter(transfers.values()))


def _rank_runs(study: Study, transfer: Transfer, read: Path) -> None:
    """Keep the labels, then rank by them."""
    from selectdis.data._label_table import read_labels

    labels = read_labels(read, len(transfer.stage.data.load()))
    kept = keep_labels(study.folder, transfer.stage.data.slug, read)
    say_labelled(study, transfer.with_labels(labels), labels)
    print(f"labels kept in {kept}")


def say_labelled(study: Study, result: Transfer, labels: Labels) -> None:
    """Print the runs of a target as a few labels rank them, and the pick."""
    print_board(result.leaderboard(), title=f"{study.name}: runs on {result.target} by {len(labels.images)} labels")
    assert result.pick is not None
    best = result.records[result.records["candidate"] == result.pick.candidate].iloc[0]
    score = best[f"metric.latent_share.few{len(labels.images)}"]
    name = f"{result.pick.candidate} ({result.model})"
    print(_sentence(name, score, best["labels.error"], best["labels.p_best"], len(labels.images)))


def _sentence(name: str, score: float, error: float, p_best: float, n: int) -> str:
    return (
        f"Pick: {name}: latent share {score:.2f} (standard error {error:.2f}) from {n} labelled images; of 200 "
        f"resamples of these it scores best in {p_best:.0%}"
    )


def keep_labels(folder: Path, slug: str, read: Path) -> Path:
    """Copy a table of labels into the study's folder, under a name that no other content has."""
    with open_file(read) as source:
        content = source.read()
    digest = hashlib.sha256(content).hexdigest()[:12]
    place = inside(folder, FOLDER, slug, f"read-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{digest}.csv")
    for earlier in place.parent.glob(f"read-*-{digest}.csv"):
        return earlier
    with atomic_write(place) as temporary:
        temporary.write_bytes(content)
    return place


def _free(folder: Path, slug: str) -> Path:
    """Return where the next table to fill in goes."""
    number = 1
    while (place := inside(folder, FOLDER, slug, f"sheet-{number}.csv")).exists():
        number += 1
    return place
