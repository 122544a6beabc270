"""`selectdis ui`: the MLflow UI of a study."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from selectdis._files import own_database, sqlite_url
from selectdis.cli._common import FileArgument, FolderOption, again, open_study
from selectdis.errors import SelectdisError

__all__ = ["ui"]

GRACE_SECONDS = 3.0

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
    rebuild = f"`{again('track --rebuild', file, folder)}`"
    if not store.exists():
        raise SelectdisError(f"{store} does not exist: run the study first, or make it with {rebuild}")
    _check_free(host, port)
    from selectdis.tracking._own_database import find_artifacts, leads_elsewhere

    try:
        find_artifacts(study.folder)
        elsewhere = leads_elsewhere(study.folder)
    except sqlite3.DatabaseError as error:
        raise SelectdisError(f"{store} cannot be used ({error}): make it again with {rebuild}") from None
    if elsewhere:  # whose pages would show any file of this machine
        raise SelectdisError(f"{store} leads MLflow to files outside the study's folder: make it again with {rebuild}")
    print(f"MLflow UI: http://{host}:{port}  (Ctrl-C stops it)", flush=True)
    # In a session of its own, which a terminal's Ctrl-C does not reach: the server and its workers end as one group.
    # And in an empty folder: its workers import from the one that they are in, which may be a study's.
    with TemporaryDirectory(prefix="selectdis-") as empty:
        server = subprocess.Popen(_server(store, host, port), start_new_session=True, cwd=empty)
        try:
            code = server.wait()
        except KeyboardInterrupt:  # or SIGTERM, or SIGHUP
            code = 0
        finally:
            _end_group(server)
    raise typer.Exit(code)


def _server(store: Path, host: str, port: int) -> list[str]:
    from selectdis.tracking._own_database import artifacts_uri

    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", sqlite_url(store)]
    command += ["--default-artifact-root", artifacts_uri(store.parent)]  # of experiments that are made on its pages
    return [*command, "--host", host, "--port", str(port)]


def _end_group(server: subprocess.Popen[bytes]) -> None:
    """End the server and all that it started, at once where they do not go by themselves."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired, KeyboardInterrupt):  # the second one: at once
            server.wait(GRACE_SECONDS)


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
