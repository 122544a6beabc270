"""Passwords in the URLs of storages and tracking servers: in no output, and in nothing that is left behind."""

import warnings

import pytest
import yaml

import selectdis.study._batch as batch_module
from selectdis.execution._study_jobs import run_jobs
from selectdis.study._listener import Listeners
from tests.cli.conftest import call  # noqa: F401
from tests.study.fakes import fake_work, spec

SPEC = spec(
    search={"objective": {"beta_vae": {"beta": [1]}}, "latents": [4]},
    seeds=1,
    select={"score": "mig", "top": 1, "seeds": 1, "run": "reconstruction"},
    evaluation={"probe": 50, "metrics": ["mig"]},
)
PARTS = ("hunter", "wq7", "zk9")  # of every password below, whatever stands between them
STORAGES = [
    "postgresql://me:hunterwq7zk9@127.0.0.1:1/studies",
    "postgresql://me:hunter@wq7/zk9@127.0.0.1:1/studies",
    "postgresql://me:hunter%40wq7%2Fzk9@127.0.0.1:1/studies",
    "postgresql://me:hunter:wq7?zk9@127.0.0.1:1/studies",
    "postgresql://me:hunter#wq7 zk9@127.0.0.1:1/studies",
    "postgresql://127.0.0.1:1/studies?user=me&password=hunterwq7zk9",
    "postgresql://127.0.0.1:1/studies?password=hunter@wq7/zk9&sslmode=disable",
    "postgresql+psycopg2://me:hunterwq7zk9@127.0.0.1:1/studies",
    "postgresql://me:hunterwq7zk9@127.0.0.1:notaport/studies",
    "postgresql://me:hunterwq7zk9@[::1/studies",
    "mysql://me:hunter@wq7/zk9@127.0.0.1:1/studies",
    "me:hunterwq7zk9@127.0.0.1:1/studies",
]
SERVERS = [
    "http://me:hunterwq7zk9@127.0.0.1:1",
    "http://me:hunter@wq7/zk9@127.0.0.1:1",
    "https://me:hunter%40wq7zk9@127.0.0.1:1/x",
    "http://127.0.0.1:1/?token=hunterwq7zk9",
    "ftp://me:hunterwq7zk9@127.0.0.1:1",
    "postgresql://me:hunterwq7zk9@127.0.0.1:1/mlflow",
    "sqlite:///no/such/folder/hunterless.db",
]


@pytest.fixture
def told(call, tmp_path, monkeypatch):  # noqa: F811
    """Call a command; check that nothing of a password shows; give its exit code."""
    monkeypatch.setattr(
        batch_module, "run_jobs", lambda jobs, more, **o: run_jobs(jobs, more, n_jobs=1, work=fake_work)
    )
    monkeypatch.setattr(Listeners, "picked", lambda *_: None)
    for name, seconds in (("TIMEOUT", "2"), ("MAX_RETRIES", "0")):
        monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", seconds)
    (tmp_path / "fake.yaml").write_text(yaml.safe_dump(SPEC))

    def checked(*arguments):
        with warnings.catch_warnings():
            said = call(*arguments)
        assert "Traceback" not in said.err
        left = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "given.yaml"}
        for part in PARTS:
            assert part not in said.out + said.err, arguments
            assert not [path for path, content in left.items() if part.encode() in content], arguments
        return said.code

    return checked


@pytest.mark.parametrize("url", STORAGES)
def test_no_command_tells_the_password_of_a_storage(told, tmp_path, url):
    for command in ("run", "transfer", "leaderboard", "report", "track"):
        assert told(command, "fake.yaml", "--storage", url) == 2
    (tmp_path / "given.yaml").write_text(yaml.safe_dump(SPEC | {"storage": url}))
    for command in ("run", "backtest", "analyze"):
        assert told(command, "given.yaml") == 2


@pytest.mark.parametrize("url", SERVERS)
def test_no_command_tells_the_password_of_a_tracking_server(told, tmp_path, monkeypatch, url):
    assert told("run", "fake.yaml", "--quiet") == 0
    told("track", "fake.yaml", "--uri", url)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    (tmp_path / "tracked.yaml").write_text(yaml.safe_dump(SPEC | {"tracking": "mlflow"}))
    told("run", "tracked.yaml")
    told("track", "tracked.yaml", "--rebuild")
