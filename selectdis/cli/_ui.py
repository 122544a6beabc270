"""`selectdis ui`: the MLflow UI of a study."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
from typing import Annotated

import typer

from selectdis._files import own_database, sqlite_url
from selectdis.cli._common import FileArgument, FolderOption, again, open_study
from selectdis.errors import SelectdisError

__all__ = ["ui"]


HostOption = Annotated[
    str, typer.Option(help="Address to listen on; any other than 127.0.0.1 shows the study to the network.")
]


def ui(
    file: FileArgument,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    host: HostOption = "127.0.0.1",
    folder: FolderOption = None,
) -> None:
    """Open a study in the MLflow UI."""
    study = open_study(file, folder)
    store = own_database(study.folder, "mlflow.db")
    if not store.exists():
        raise SelectdisError(
            f"{store} does not exist: run the study first, or make it with `{again('track --rebuild', file, folder)}`"
        )
    from selectdis.tracking._own_database import find_artifacts

    try:
        find_artifacts(study.folder)
    except sqlite3.DatabaseError as error:
        raise SelectdisError(
            f"{store} cannot be used ({error}): make it again with `{again('track --rebuild', file, folder)}`"
        ) from None
    _check_free(host, port)
    print(f"MLflow UI: http://{host}:{port}  (Ctrl-C stops it)", flush=True)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", sqlite_url(store)]
    try:
        raise typer.Exit(subprocess.call([*command, "--host", host, "--port", str(port)]))
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _check_free(host: str, port: int) -> None:
    """Refuse an address where MLflow could not listen, and the printed link would show somebody else's pages."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as trial:
            # As servers do: a server that has just ended is no hindrance.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
    except OSError as error:
        raise SelectdisError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}; give another --port or --host"
        ) from None
