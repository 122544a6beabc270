"""The `selectdis` command: one file a command, no logic here."""

from __future__ import annotations

import errno
import os
import signal
import sys
import warnings
from collections.abc import Sequence

import typer
from rich.console import Console

from selectdis._progress import set_progress
from selectdis._signals import Stopped, end_on_signals
from selectdis.cli._analyze import analyze
from selectdis.cli._arena import arena
from selectdis.cli._backtest import backtest
from selectdis.cli._data import data_app
from selectdis.cli._evidence import evidence_app
from selectdis.cli._label import label
from selectdis.cli._leaderboard import leaderboard
from selectdis.cli._report import report
from selectdis.cli._run import run
from selectdis.cli._score import score
from selectdis.cli._studies import studies_app
from selectdis.cli._track import track
from selectdis.cli._transfer import transfer
from selectdis.cli._ui import PASSED_ON, ui
from selectdis.cli.pictures._codes import codes
from selectdis.cli.pictures._pick import pick
from selectdis.errors import OldNameWarning, SelectdisError

__all__ = ["app", "main"]

INTERRUPTED = 130
REFUSED = (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM)  # by the disk

app = typer.Typer(
    name="selectdis",
    help="Find disentanglement hyperparameters on labelled images, carry them to unlabelled ones, and know how far to "
    "trust the pick.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (run, transfer, pick, label, codes, leaderboard, report, score, backtest, analyze, arena, track):
    app.command()(command)
app.command(context_settings=PASSED_ON)(ui)
app.add_typer(data_app, name="data")
app.add_typer(evidence_app, name="evidence")
app.add_typer(studies_app, name="studies")


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"selectdis {installed('selectdis')}")
        raise typer.Exit


def main() -> None:
    """Run the command line: a user's mistake is one sentence on stderr and exit code 2."""
    set_progress(False)  # commands that take long have a bar of their own
    # Workers and MLflow's server import nothing from the working directory, which may be a study's folder.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    console = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())

    def show(message: Warning | str, *_: object, **__: object) -> None:
        console.print(f"[yellow]warning:[/] {escaped(str(message))}")

    warnings.showwarning = show
    warnings.filterwarnings("ignore", category=FutureWarning)  # of libraries: our own is for the user
    warnings.filterwarnings("default", category=OldNameWarning)
    try:
        with end_on_signals():
            _refuse_empty(sys.argv[1:])
            app()
    except SelectdisError as error:
        console.print(f"[red]error:[/] {escaped(str(error))}")
        sys.exit(2)
    except SystemExit as end:
        if end.code != INTERRUPTED:  # typer's answer to Ctrl-C
            raise
        console.print("stopped; what is done is kept: run the same command again to go on")
        sys.exit(128 + _signal_behind(end))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            console.print(f"[red]error:[/] no file can have so long a name: {escaped(str(error.filename)[:60])}...")
            sys.exit(2)
        if error.errno not in REFUSED:
            raise
        where = f" {escaped(str(error.filename))}" if error.filename else ""
        console.print(f"[red]error:[/] the disk refuses{where}: {error.strerror}; make room or give write access")
        sys.exit(2)


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Refuse an empty argument, such as that of a variable that a shell has not set: it would count as not given."""
    for before, argument in zip(["", *arguments], arguments, strict=False):
        option, given, value = argument.partition("=")
        if not argument.strip() or (option.startswith("--") and given and not value.strip()):
            name = option.strip() or (before if before.startswith("-") else "")
            raise SelectdisError(f"{name or 'an argument'} is empty: give it a value, or leave it out")


def _signal_behind(error: BaseException | None) -> int:
    while error is not None and not isinstance(error, Stopped):
        error = error.__cause__ or error.__context__
    return int(signal.SIGINT if error is None else error.number)


def escaped(text: str) -> str:
    """`text` with nothing in it that rich would take for markup."""
    from rich.markup import escape

    return escape(text)
