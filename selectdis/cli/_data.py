"""`selectdis data`: what data sets there are, what is in one, and getting one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from selectdis.cli._common import ColumnsOption, JsonOption
from selectdis.cli._output import check_out, written
from selectdis.cli.console import Said, Table, show
from selectdis.errors import SelectdisError

if TYPE_CHECKING:
    from selectdis.data import ImageDataset

__all__ = ["OptionsOption", "data_app", "options_given"]

data_app = typer.Typer(name="data", help="Data sets: list them, look at one, fetch one.", no_args_is_help=True)


def _known_names(incomplete: str) -> list[str]:
    """Return the data sets that a shell completes."""
    from selectdis.data import DATASETS

    return [name for name in DATASETS if name.startswith(incomplete)]


NameArgument = Annotated[
    str,
    typer.Argument(
        help="A data set's name, folder:PATH, or a .npy, .npz, .h5 or .csv file.", autocompletion=_known_names
    ),
]
OptionsOption = Annotated[
    list[str] | None, typer.Option("--option", "-o", metavar="KEY=VALUE", help="A loader's option, e.g. image_size=32.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Stop at a picture that cannot be read.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of the choice of images.")]


@data_app.command("list")
def list_command() -> None:
    """List the data sets that have a name."""
    from selectdis.data import DATASETS, data_folder

    table = Grid("name", "what", "licence", "files", box=None, header_style="bold")
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
    as_json: JsonOption = False,
    columns: ColumnsOption = None,
) -> None:
    """Images and factors of one data set."""
    data = _load(name, option, strict)
    if left_out:
        show([_left_out(data)], as_json=as_json, columns=columns)
        return
    c, h, w = data.image_shape
    from selectdis.data._look import describe

    size = f"{len(data):,} of {h} x {w}, {'grey' if c == 1 else f'{c} channels'}"
    pairs = f"none: {data.no_pairs}" if data.no_pairs else _pairs(data)
    told: list[Table | Said] = [
        Said("name", "", data.name),
        Said("images", size, len(data), "images:     "),
        Said("image_shape", "", [c, h, w]),
        *(Said(name, text, label=f"{name + ':':12}") for name, text in describe(data).items()),
        Said("labelled", _kind(data), data.labelled, "factors:    "),
        Said("pairs", pairs, label="pairs:      "),
        Said("source", data.source, label="source:     "),
        Said("fingerprint", data.fingerprint, label="fingerprint:"),
    ]
    if data.labelled:
        told.append(_factor_table(data))
    if data.left_out:
        told.append(_left_out(data))
    show(told, as_json=as_json, columns=columns)


def _left_out(data: ImageDataset) -> Table:
    import pandas as pd

    frame = pd.DataFrame(list(data.left_out), columns=["file", "why"])
    return Table("left_out", frame, f"{len(data.left_out)} left out, {len(data):,} taken", None)


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
    from PIL import Image

    from selectdis.data import preview as draw_preview

    check_out(out)
    sheet = draw_preview(_load(name, option, strict), columns=columns, seed=seed)
    with written(out) as file, file.open("wb") as picture:
        form = Image.registered_extensions().get(out.suffix.lower())
        sheet.save(picture, form if form in Image.SAVE else "PNG")
    Console().print(f"wrote {escape(str(out))}", soft_wrap=True)


@data_app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A data set with public files.", autocompletion=_known_names)],
    folder: Annotated[Path | None, typer.Option("--folder", help="Where to (default: where loaders look).")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Download a public data set: resumed where it stopped, and checked against its hash."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from selectdis.data import fetch as fetch_files

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
    from selectdis.data import data_folder
    from selectdis.data.reading._rendered import LIMIT, cached_files

    files = cached_files()
    if clear:
        gone = [file for file in files if any(name == "all" or file.path.name.startswith(name) for name in clear)]
        if not gone:
            raise SelectdisError(f"no file in {data_folder()} begins with {' or '.join(clear)}: `selectdis data cache`")
        for file in gone:
            file.path.unlink(missing_ok=True)
        print(f"removed {len(gone)} files, {sum(file.nbytes for file in gone) / 1e9:.2f} GB")
        return
    table = Grid("file", "what", "images", "GB", "last used", box=None, header_style="bold")
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
    from selectdis.data import load_dataset

    given = options_given(options)
    return load_dataset(name, **(given | {"strict": True} if strict else given))


def options_given(options: list[str] | None) -> dict[str, Any]:
    """Return what ``--option KEY=VALUE`` was given."""
    return dict(_option(text) for text in options or [])


def _option(text: str) -> tuple[str, Any]:
    """``key=value``, the value read as YAML: 32, true, [3, 4], {x: 8}, a word."""
    import yaml

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
    from selectdis.data import DATASETS, data_folder

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
    import pandas as pd

    names = data.factor_values or ((),) * len(data.factor_names)
    table = pd.DataFrame({"factor": data.factor_names, "values": data.factor_sizes, "names": [list(n) for n in names]})
    words = [", ".join(values[:8]) + (", ..." if len(values) > 8 else "") for values in names]
    shown = table.assign(names=pd.Series(words).replace("", None))
    return Table("factors", table, "", None, texts=shown)
