"""`selectdis ui` is stopped: its server ends with it, and the port is free."""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from selectdis.cli import _ui
from selectdis.tracking import _own_database, _saved_view
from tests.faults.drivers import SPEC, context
from tests.faults.servers import free_port, wait_for_port

# A server whose worker and which itself do not heed SIGTERM.
STUBBORN = """
import signal, socket, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
    time.sleep(600)
"""


def stubborn(store, host, port):
    return [sys.executable, "-c", STUBBORN, str(port)]


def show(folder, port, server):
    os.setsid()
    os.chdir(folder)
    _own_database.find_artifacts = lambda folder: None  # of the database, which MLflow makes here
    _saved_view.page_of = lambda folder, study: ""
    if server is not None:
        _ui._server = server
    sys.argv = ["selectdis", "ui", "study.yaml", "--folder", "study", "--port", str(port)]
    from selectdis.cli import main

    main()


def started_by(process):
    """The ids of all processes below one."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {process}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {process}


@pytest.mark.parametrize(
    ("number", "server"), [(signal.SIGTERM, None), (signal.SIGINT, stubborn), (signal.SIGHUP, stubborn)]
)
def test_a_signal_ends_the_ui_with_its_server(tmp_path, number, server):
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(SPEC))
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "mlflow.db").touch()
    port = free_port()
    ui = context.Process(target=show, args=(str(tmp_path), port, server))
    ui.start()
    try:
        wait_for_port(port, SimpleNamespace(poll=lambda: ui.exitcode), seconds=600)
        below = started_by(ui.pid)
        os.killpg(ui.pid, number)
        ui.join(120)
        assert ui.exitcode == 0
    finally:
        ui.kill()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
    end = time.monotonic() + 120
    while left := [pid for pid in below if os.path.exists(f"/proc/{pid}")]:
        assert time.monotonic() < end, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
        time.sleep(0.1)
