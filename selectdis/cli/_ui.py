"""`selectdis ui`: the MLflow UI of a study."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from importlib.metadata import entry_points
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from selectdis._files import own_database, sqlite_url
from selectdis.cli._common import FileArgument, FolderOption, again, open_study
from selectdis.errors import SelectdisError

__all__ = ["PASSED_ON", "ui"]

GRACE_SECONDS = 3.0
APP = "selectdis"  # the entry point of `tracking/_pages.py`
OTHER_SERVERS = ("--app-name", "--dev", "--gunicorn-opts", "--waitress-opts")  # go with no other application
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}  # how typer gives `ui` what it does not know

HostOption = Annotated[
    str, typer.Option(help="Address to listen on; any other than 127.0.0.1 shows the study to the network.")
]


def ui(
    context: typer.Context,
    file: FileArgument,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    host: HostOption = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    folder: FolderOption = None,
) -> None:
    """Open a study in the MLflow UI, at its runs; further options (--static-prefix /x) go to `mlflow ui`."""
    study = open_study(file, folder)
    store = own_database(study.folder, "mlflow.db")
    rebuild = f"`{again('track --rebuild', file, folder)}`"
    if not store.exists():
        raise SelectdisError(f"{store} does not exist: run the study first, or make it with {rebuild}")
    _check_free(host, port)
    from selectdis.tracking._environment import quieten_mlflow
    from selectdis.tracking._own_database import find_artifacts, leads_elsewhere
    from selectdis.tracking._saved_view import page_of

    try:
        find_artifacts(study.folder)
        elsewhere, page = leads_elsewhere(study.folder), page_of(study.folder, study.id)
    except sqlite3.DatabaseError as error:
        raise SelectdisError(f"{store} cannot be used ({error}): make it again with {rebuild}") from None
    if elsewhere:  # whose pages would show any file of this machine
        raise SelectdisError(f"{store} leads MLflow to files outside the study's folder: make it again with {rebuild}")
    quieten_mlflow()
    site = f"http://{_shown_host(host)}:{port}{_prefix(context.args)}"
    # In a session of its own, which a terminal's Ctrl-C does not reach: the server and its workers end as one group.
    # And in an empty folder: its workers import from the one that they are in, which may be a study's.
    with TemporaryDirectory(prefix="selectdis-") as empty, open(Path(empty) / "log", "wb+") as log:
        print("MLflow starts, which takes a while ...", file=sys.stderr, flush=True)
        command = _server(store, host, port, *context.args)
        # Its warnings are about itself; its runners of jobs (of language models) take longer to start than it does.
        quiet = {"PYTHONWARNINGS": "ignore", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ}
        server = subprocess.Popen(command, start_new_session=True, cwd=empty, env=quiet, stdout=log, stderr=log)
        try:
            _wait_for(server, f"{site}/health")
            if server.poll() is None:
                print(f"MLflow UI: {site}/#{page}  (Ctrl-C stops it)", flush=True)
                if browser:
                    typer.launch(f"{site}/#{page}")
            code = server.wait()
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))  # it ended by itself, and says why
        except KeyboardInterrupt:  # or SIGTERM, or SIGHUP
            code = 0
        finally:
            _end_group(server)
    raise typer.Exit(code)


def _server(store: Path, host: str, port: int, *further: str) -> list[str]:
    from selectdis.tracking._own_database import artifacts_uri

    address = sqlite_url(store)
    command = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", address, "--registry-store-uri", address]
    command += ["--default-artifact-root", artifacts_uri(store.parent)]  # of experiments that are made on its pages
    command += ["--workers", "1"]  # for one reader: four take four times as long to start
    other = any(option.partition("=")[0] in OTHER_SERVERS for option in further)
    # An installation from before there was an entry point, which goes on with changed files, has none.
    if not other and entry_points(group="mlflow.app", name=APP):
        command += ["--app-name", APP]
    return [*command, "--host", host, "--port", str(port), *further]


def _prefix(options: Sequence[str]) -> str:
    """Return the path that MLflow's own option puts before its pages."""
    found = ""
    for option, following in zip(options, [*options[1:], ""], strict=False):
        name, given, value = option.partition("=")
        if name == "--static-prefix":
            found = value if given else following
    return found.rstrip("/")


def _wait_for(server: subprocess.Popen[bytes], address: str) -> None:
    """Wait until the server answers, or has ended."""
    # Past any proxy that the environment names: this is the machine itself.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while server.poll() is None:
        with contextlib.suppress(OSError, urllib.error.HTTPError), opener.open(address, timeout=5):
            return
        time.sleep(0.2)


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


def _shown_host(host: str) -> str:
    """Return where a browser on this machine finds a server that listens on `host`: on every address, on its own."""
    try:
        return "127.0.0.1" if ip_address(host).is_unspecified else host
    except ValueError:  # a name
        return host
