"""`selectdis ui`: the address is told when it can be opened, and what MLflow alone understands goes to it."""

import sys
from types import SimpleNamespace

import pytest
import yaml

from selectdis.cli._ui import APP, _prefix, _server
from tests.browser import free_port

# Answers two seconds late, once, at the place that was asked for; then it ends by itself.
SERVER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked for", self.path)
        self.send_response(200), self.end_headers()
    def log_message(self, *_): pass
time.sleep(0.5)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).handle_request()
print("further:", sys.argv[2:])
"""


@pytest.fixture
def shown(call, tmp_path, monkeypatch):
    """``shown("--port", 5000)`` with a server of our own and a study that has a database."""
    spec = {"name": "s", "proxy": "sprites", "search": {"objective": "beta_vae"}}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(spec))
    (tmp_path / "runs" / "s").mkdir(parents=True)
    (tmp_path / "runs" / "s" / "mlflow.db").touch()
    monkeypatch.setattr("selectdis.tracking._own_database.find_artifacts", lambda folder: None)
    monkeypatch.setattr("selectdis.tracking._own_database.leads_elsewhere", lambda folder: False)
    monkeypatch.setattr("selectdis.tracking._saved_view.page_of", lambda folder, study: "/experiments/1/runs?x=1")
    monkeypatch.setattr(
        "selectdis.cli._ui._server",
        lambda store, host, port, *further: [sys.executable, "-c", SERVER, str(port), *further],
    )
    for name in ("PYTHONWARNINGS", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        monkeypatch.setenv(name, "1")  # what the command sets does not outlive the test
        monkeypatch.delenv(name)
    return lambda *options: call("ui", "s.yaml", *options)


def test_the_address_is_printed_and_opened_once_the_server_answers(shown, monkeypatch):
    opened = []
    monkeypatch.setattr("typer.launch", opened.append)
    port = free_port()
    said = shown("--port", port, "--static-prefix", "/lab")
    address = f"http://127.0.0.1:{port}/lab/#/experiments/1/runs?x=1"
    assert said.out == f"MLflow UI: {address}  (Ctrl-C stops it)\n"
    assert opened == [address]
    assert "asked for /lab/health" in said.err  # what the server wrote is shown, since it ended by itself
    assert "further: ['--static-prefix', '/lab']" in said.err
    opened.clear()
    assert shown("--port", free_port(), "--no-browser").code == 0
    assert opened == []


def test_a_server_that_does_not_start_says_why(shown, monkeypatch):
    code = "import sys; sys.exit('no such option: --x')"
    monkeypatch.setattr("selectdis.cli._ui._server", lambda *_: [sys.executable, "-c", code])
    said = shown("--port", free_port(), "--no-browser", "--x")
    assert (said.code, said.out) == (1, "")
    assert "no such option: --x" in said.err


@pytest.mark.parametrize(
    ("options", "prefix"),
    [([], ""), (["--static-prefix", "/a/"], "/a"), (["--workers", "2", "--static-prefix=/b"], "/b")],
)
def test_the_prefix_of_the_pages(options, prefix):
    assert _prefix(options) == prefix


@pytest.mark.parametrize(
    ("further", "name"),
    [
        ((), "selectdis"),
        (("--static-prefix", "/a"), "selectdis"),
        (("--app-name=basic-auth",), None),
        (("--dev",), None),
    ],
)
def test_our_pages_are_served_unless_another_application_is_asked_for(tmp_path, monkeypatch, further, name):
    point = SimpleNamespace(name=APP)
    monkeypatch.setattr("selectdis.cli._ui.entry_points", lambda group, name: [point] if name == APP else [])
    command = _server(tmp_path / "mlflow.db", "127.0.0.1", 5000, *further)
    assert (command[command.index("--app-name") + 1] if "--app-name" in command else None) == name
    assert tuple(command[len(command) - len(further) :]) == further
    monkeypatch.setattr("selectdis.cli._ui.entry_points", lambda group, name: [])
    assert "--app-name" not in _server(tmp_path / "mlflow.db", "127.0.0.1", 5000)
