"""What `selectdis ui` adds to MLflow's page: a note to the browser that the chat beside it has been opened already."""

import importlib
import tomllib
from pathlib import Path

import flask
import mlflow.server

from selectdis.tracking._pages import _SCRIPT, NOTE, _with_note, make_app

STATIC = Path(mlflow.server.__file__).parent / "js" / "build"


def test_the_page_begins_with_the_note_and_is_otherwise_as_it_was():
    app = flask.Flask(__name__, static_folder=str(STATIC))
    app.add_url_rule("/", "serve", lambda: flask.send_from_directory(STATIC, "index.html"))
    app.add_url_rule("/other", "other", lambda: "<head></head>")
    app.after_request(_with_note)
    client, file = app.test_client(), (STATIC / "index.html").read_text()
    page = client.get("/").text
    assert page.index(_SCRIPT) < page.index("<script defer")
    assert page.replace(_SCRIPT, "") == file
    assert client.get("/", headers={"If-None-Match": client.get("/").headers["ETag"]}).status_code == 304
    assert client.get("/other").text == "<head></head>"


def test_mlflow_reads_the_note_by_this_name():
    """Where this fails with a new version of MLflow, look at what opens in a fresh profile of Chromium."""
    key, _, version = NOTE.rpartition("_v")
    (main,) = (STATIC / "static" / "js").glob("main.*.js")
    assert f'key:"{key}",version:{version},' in main.read_text(encoding="utf-8")


def test_the_application_is_found_by_name():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    module, name = project["entry-points"]["mlflow.app"]["selectdis"].split(":")
    assert getattr(importlib.import_module(module), name) is make_app
