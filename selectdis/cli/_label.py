"""`selectdis label`: a few labelled images settle which of many trained runs to take."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selectdis.cli._common import FolderOption, StorageOption, again, open_study
from selectdis.cli._output import check_out
from selectdis.cli.console import boards, print_table, say, show
from selectdis.errors import SelectdisError

if TYPE_CHECKING:
    from selectdis.study import Study

__all__ = ["label"]

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
    undo: Annotated[bool, typer.Option("--undo", help="Pick without labels again; every table stays.")] = False,
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
    if undo and (read is not None or factor or codes is not None):
        raise SelectdisError("--undo takes the labels of a study back: give it with the study alone")
    if codes is not None:
        _of_codes(codes, images, factor, n, read, out, seed)
        return
    assert file is not None
    study = open_study(file, folder, storage)
    if undo:
        _undo(study, target)
    elif read is not None:
        _rank_runs(study, target, read)
    else:
        written = study.label_sheet(factor or [], n, target=target, seed=seed)
        which = f" --target {shlex.quote(target)}" if target else ""
        _say_written(written, f"{again('label', file, folder, storage, study)}{which} --read {written[0]}")


def _say_written(paths: list[Path], command: str) -> None:
    for path in paths:
        say(f"wrote {path}")
    say(f"fill in {paths[0].name}, then: {command}")


def _of_codes(
    pattern: str, images: str | None, factors: list[str] | None, n: int, read: Path | None, out: Path, seed: int
) -> None:
    import numpy as np

    from selectdis.data import load_dataset
    from selectdis.data._label_table import read_labels
    from selectdis.scoring import load_runs, rank_codes
    from selectdis.selection.few_labels import worth_sentence
    from selectdis.study._few_labels import new_sheet

    runs = load_runs(pattern)
    if read is not None:
        labels = read_labels(read, len(next(iter(runs.values()))))
        full = np.full((len(next(iter(runs.values()))), len(labels.factors)), np.nan)
        full[labels.images] = labels.values
        table = rank_codes(runs, full, ordered=labels.ordered)
        print_table(table, title=f"{len(table)} runs by {len(labels.images)} labelled images")
        best = table.iloc[0]
        say(_sentence(best["run"], best["score"], best["error"], best["p_best"], len(labels.images)))
        say(worth_sentence(len(labels.images)))
    elif factors:
        if images is None:
            raise SelectdisError("--images says which images the codes are of, such as --images folder:PATH")
        data = load_dataset(images)
        if len(data) != (rows := len(next(iter(runs.values())))):
            raise SelectdisError(f"{images} has {len(data):,} images, and the codes have {rows:,} rows: one per image")
        check_out(out)
        if out.exists():
            raise SelectdisError(f"{out} is there already, and may hold labels: give another --out")
        written = new_sheet(lambda: out, data, factors, n, seed)
        _say_written(written, f"selectdis label --codes {shlex.quote(pattern)} --read {out}")
    else:
        print_table(rank_codes(runs), title=f"{len(runs)} runs without labels, by UDR")
        say(NO_LABELS)


def _rank_runs(study: Study, target: str | None, read: Path) -> None:
    """Let the pick go by the labels, and print how the runs rank."""
    result = study.label(read, target=target)
    assert result.labels is not None
    assert result.pick is not None
    title = f"{study.name}: runs on {result.target} by {result.labels.n_labels} labels"
    show(boards(result.leaderboard(), name="target", title=title))
    say(f"{result.pick.candidate} ({result.model})", "Pick:")
    say(result.why, "Why:")
    say(result.trust.why)
    say(f"labels kept in {study.folder / 'labels' / result.stage.data.slug / result.labels.table}")
    say("the leaderboard, the report and MLflow follow this pick; --undo takes it back")


def _undo(study: Study, target: str | None) -> None:
    result = study.label(None, target=target)
    now = f"the pick is {result.pick.candidate}" if result.pick else f"nothing is picked: {result.why}"
    say(f"{result.target} goes without labels again: {now}; all tables are still in {study.folder / 'labels'}")


def _sentence(name: str, score: float, error: float, p_best: float, n: int) -> str:
    from selectdis.selection.few_labels import in_resamples

    return (
        f"Pick: {name}: latent share {score:.2f} (standard error {error:.2f}) from {n} labelled images, "
        f"{in_resamples(p_best)}"
    )
