"""`selectdis studies`: the ready study files, which come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from selectdis.cli._output import written
from selectdis.errors import SelectdisError

__all__ = ["studies_app"]

studies_app = typer.Typer(name="studies", help="Ready study files: list them, copy one.", no_args_is_help=True)


@studies_app.command("list")
def list_command() -> None:
    """List the ready study files."""
    from selectdis.spec import read_spec, ready_studies

    table = Table(box=None, header_style="bold")
    table.add_column("name", no_wrap=True)
    table.add_column("what")
    for name, path in ready_studies().items():
        table.add_row(name, escape(read_spec(path).description))
    console = Console()
    console.print(table)
    console.print("\n`selectdis studies copy NAME` puts one into this folder.")


@studies_app.command()
def copy(
    name: Annotated[str, typer.Argument(help="Of a ready study, such as quickstart.")],
    out: Annotated[Path | None, typer.Option("--out", help="The file to write (default: NAME.yaml here).")] = None,
) -> None:
    """Copy a ready study file, to run it or to change it."""
    from selectdis.spec import ready_study

    path = ready_study(name)
    to = out or Path(path.name)
    if to.exists():
        raise SelectdisError(f"{to} is there already: give another file with --out")
    with written(to) as file:
        file.write_bytes(path.read_bytes())
    Console().print(f"wrote {escape(str(to))}: run it with `selectdis run {escape(str(to))}`", soft_wrap=True)
