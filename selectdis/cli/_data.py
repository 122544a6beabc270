"""`selectdis data`: what data sets there are, what is in one, and getting one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.table import Table

from selectdis.cli._output import check_out, written
from selectdis.data import DATASETS, ImageDataset, data_folder, load_dataset
from selectdis.data import fetch as fetch_files
from selectdis.data import preview as draw_preview
from selectdis.data._look import describe
from selectdis.data.reading._rendered import LIMIT, cached_files
from selectdis.errors import SelectdisError

__all__ = ["OptionsOption", "data_app", "options_given"]

data_app = typer.Typer(name="data", help="Data sets: list them, look at one, fetch one.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="A data set's name, folder:PATH, or a .npy, .npz, .h5 or .csv file.")]
OptionsOption = Annotated[
    list[str] | None, typer.Option("--option", "-o", metavar="KEY=VALUE", help="A loader's option, e.g. image_size=32.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Stop at a picture that cannot be read.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of the choice of images.")]


@data_app.command("list")
def list_command() -> None:
    """List the data sets that have a name."""
    table = Table("name", "what", "licence", "files", box=None, header_style="bold")
    for name, source in DATASETS.items():
        state = f"{_present(name)} of {len(source.files)}" if source.files else "-"
        table.add_row(name, escape(source.summary), escape(source.licence), state)
    console = Console()
    console.print(table)
    console.print(f"\nFetched files go to {escape(str(data_folder()))} (SELECTDIS_DATA moves it).", soft_wrap=True)
    console.print("Your own images: folder:PATH, x.npy, x.npz::key, x.h5::key, x.csv, hf:PATH", soft_wrap=True)


@data_app.command()
def info(
    name: NameArgument,
    option: OptionsOption = None,
    strict: StrictOption = False,
    left_out: Annotated[bool, typer.Option("--left-out", help="List unreadable pictures, and why.")] = False,
) -> None:
    """Images and factors of one data set."""
    data = _load(name, option, strict)
    if left_out:
        _list_left_out(data)
        return
    c, h, w = data.image_shape
    table = Table(show_header=False, box=None)
    table.add_row("images", f"{len(data):,} of {h} x {w}, {'grey' if c == 1 else f'{c} channels'}")
    for name, told in describe(data).items():
        table.add_row(name, escape(told))
    table.add_row("factors", _kind(data))
    table.add_row("pairs", escape(f"none: {data.no_pairs}" if data.no_pairs else _pairs(data)))
    table.add_row("source", escape(data.source))
    table.add_row("fingerprint", data.fingerprint)
    console = Console()
    console.print(table)
    if data.labelled:
        console.print(_factor_table(data))


def _list_left_out(data: ImageDataset) -> None:
    table = Table("left out", "why", box=None, header_style="bold")
    for file, why in data.left_out:
        table.add_row(escape(file), escape(why))
    console = Console()
    if data.left_out:
        console.print(table)
    console.print(f"{len(data.left_out)} left out, {len(data):,} taken", soft_wrap=True)


@data_app.command()
def preview(
    name: NameArgument,
    out: Annotated[Path, typer.Option("--out", help="The PNG to write.")],
    option: OptionsOption = None,
    columns: Annotated[int, typer.Option("--columns", min=2, help="Images a row.")] = 10,
    seed: SeedOption = 0,
    strict: StrictOption = False,
) -> None:
    """Draw one data set: random images and, with factors, one row per factor."""
    check_out(out)
    sheet = draw_preview(_load(name, option, strict), columns=columns, seed=seed)
    with written(out) as file, file.open("wb") as picture:
        form = Image.registered_extensions().get(out.suffix.lower())
        sheet.save(picture, form if form in Image.SAVE else "PNG")
    Console().print(f"wrote {escape(str(out))}", soft_wrap=True)


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A data set with public files.")],
    folder: Annotated[Path | None, typer.Option("--folder", help="Where to (default: where loaders look).")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Download a public data set: resumed where it stopped, and checked against its hash."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=quiet or not sys.stderr.isatty()) as bar:
        tasks: dict[str, Any] = {}

        def show(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(escape(file))
            bar.update(tasks[file], completed=done, total=total or None)

        paths = fetch_files(name, folder=folder, progress=show)
    for path in paths:
        Console().print(escape(str(path)), soft_wrap=True)


@data_app.command()
def cache(
    clear: Annotated[
        list[str] | None, typer.Option("--clear", metavar="NAME", help="Remove the files that begin so; 'all' for all.")
    ] = None,
) -> None:
    """List the files of images that were drawn or unpacked, or remove some: what is needed is made again."""
    files = cached_files()
    if clear:
        gone = [file for file in files if any(name == "all" or file.path.name.startswith(name) for name in clear)]
        if not gone:
            raise SelectdisError(f"no file in {data_folder()} begins with {' or '.join(clear)}: `selectdis data cache`")
        for file in gone:
            file.path.unlink(missing_ok=True)
        print(f"removed {len(gone)} files, {sum(file.nbytes for file in gone) / 1e9:.2f} GB")
        return
    table = Table("file", "what", "images", "GB", "last used", box=None, header_style="bold")
    for file in files:
        used = f"{file.used:%Y-%m-%d %H:%M}"
        table.add_row(escape(file.path.name), file.what, file.shape, f"{file.nbytes / 1e9:.2f}", used)
    console = Console()
    console.print(table)
    total = sum(file.nbytes for file in files) / 1e9
    console.print(
        f"\n{total:.2f} GB in {escape(str(data_folder()))} (SELECTDIS_DATA moves it); drawn ones have at most "
        f"{LIMIT / 1e9:.0f} GB, of which the one used longest ago goes first.",
        soft_wrap=True,
    )


def _load(name: str, options: list[str] | None, strict: bool) -> ImageDataset:
    given = options_given(options)
    return load_dataset(name, **(given | {"strict": True} if strict else given))


def options_given(options: list[str] | None) -> dict[str, Any]:
    """Return what ``--option KEY=VALUE`` was given."""
    return dict(_option(text) for text in options or [])


def _option(text: str) -> tuple[str, Any]:
    """``key=value``, the value read as YAML: 32, true, [3, 4], {x: 8}, a word."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise SelectdisError(f"--option takes KEY=VALUE, e.g. image_size=32; found {text!r}")
    if value.startswith("#"):  # a colour, which YAML would take for a comment
        return key.strip(), value
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        raise SelectdisError(f"the value of --option {key} is not YAML: {value!r}") from None


def _present(name: str) -> int:
    return sum((data_folder() / name / file.name).is_file() for file in DATASETS[name].files)


def _pairs(data: ImageDataset) -> str:
    """Return what pairs of images the data set gives, to objectives that learn from some."""
    if data.listed_pairs is not None:
        return f"{len(data.listed_pairs):,} listed"
    return f"that differ in {data.pairs_differ_in or 'some'} factors, and agree in the others"


def _kind(data: ImageDataset) -> str:
    if not data.labelled:
        return "unknown"
    return "known, a full grid" if data.is_grid else "known for each image"


def _factor_table(data: ImageDataset) -> Table:
    table = Table("factor", "values", "", box=None, header_style="bold")
    names = data.factor_values or ((),) * len(data.factor_names)
    for factor, size, values in zip(data.factor_names, data.factor_sizes, names, strict=True):
        shown = ", ".join(values[:8]) + (", ..." if len(values) > 8 else "")
        table.add_row(escape(factor), str(size), escape(shown))
    return table
