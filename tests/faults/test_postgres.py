"""Several drivers on one PostgreSQL storage, and what happens when one of them or the server dies."""

import signal
import time

import pytest

import selectdis as sd
from selectdis.tracking import track
from selectdis.tracking._own_database import own_uri
from tests.faults.drivers import SPEC, Driver, assert_whole, notes, records, tiny
from tests.faults.servers import Postgres

GRID = {"objective": {"beta_vae": {"beta": [1, 2, 3, 4]}}, "architecture": "fc", "latents": [2], "width": [8]}


@pytest.fixture(scope="module")
def server():
    server = Postgres()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def storage(server):
    """A fresh database."""
    server.execute("DROP DATABASE IF EXISTS study WITH (FORCE)")
    server.execute("CREATE DATABASE study")
    return server.url.rsplit("/", 1)[0] + "/study"


def trained_by(folder):
    """Candidate -> processes that trained it."""
    found = {}
    for candidate, process in notes(folder, "start"):
        found.setdefault(candidate, set()).add(process)
    return found


def test_drivers_that_start_together_share_the_work_and_do_nothing_twice(tmp_path, storage):
    folder = tmp_path / "study"
    spec = tiny(search=GRID | {"batch": 1})
    drivers = [Driver(folder, "--jobs", "1", "--storage", storage, spec=spec) for _ in range(3)]
    for driver in drivers:
        driver.finish()
    alone = tmp_path / "alone"
    Driver(alone, "--jobs", "1", spec=spec).finish()
    expected = records(alone, spec=spec)
    found = records(folder, storage, spec=spec)
    assert found.drop(columns="seconds").round(4).equals(expected.drop(columns="seconds").round(4))
    by = trained_by(folder)
    assert len(by) == 8
    assert all(len(processes) == 1 for processes in by.values())
    assert len(set.union(*by.values())) > 1  # the work was shared
    assert found["criterion.udr_lasso"].notna().all()


def test_what_a_dead_driver_was_at_is_taken_over(tmp_path, storage, expected):
    folder = tmp_path / "study"
    spec = tiny(search=SPEC["search"] | {"batch": 2})
    first = Driver(folder, "--jobs", "1", "--storage", storage, spec=spec).until(lambda: len(notes(folder, "step")) > 8)
    first.kill()
    second = Driver(folder, "--jobs", "1", "--storage", storage, spec=spec).finish()
    assert "waiting for them" in second.said
    assert_whole(folder, expected, storage)


def test_a_restart_of_postgresql_is_waited_for(tmp_path, server, storage, expected):
    folder = tmp_path / "study"
    driver = Driver(folder, "--jobs", "1", "--storage", storage).until(lambda: len(notes(folder, "step")) > 8)
    server.kill()
    driver.until(lambda: "the database is away" in driver.said)
    time.sleep(0.5)
    server.start()
    driver.finish()
    assert_whole(folder, expected, storage)


def test_a_database_that_is_not_there_is_one_sentence(tmp_path):
    driver = Driver(tmp_path / "study", "--storage", "postgresql://me:secret@127.0.0.1:1/studies")
    assert driver.wait() == 2
    assert "cannot reach the storage postgresql://me@127.0.0.1:1/studies" in driver.said
    assert "secret" not in driver.said


class Still:
    """Whether a number has not changed for some seconds."""

    def __init__(self, number, seconds=3):
        self.number, self.seconds, self.last, self.since = number, seconds, None, 0.0

    def __call__(self):
        if (now := self.number()) != self.last:
            self.last, self.since = now, time.monotonic()
        return time.monotonic() - self.since > self.seconds


@pytest.mark.parametrize("absent", ["killed", "frozen"])
def test_a_driver_that_waits_for_postgresql_ends_at_once_when_it_is_stopped(tmp_path, server, storage, absent):
    folder = tmp_path / "study"
    driver = Driver(folder, "--jobs", "1", "--storage", storage).until(lambda: len(notes(folder, "step")) > 8)
    server.kill() if absent == "killed" else server.freeze()
    try:
        if absent == "killed":
            driver.until(lambda: "the database is away" in driver.said)
        else:
            driver.until(Still(lambda: len(notes(folder, "step"))))
        assert driver.signal(signal.SIGTERM).wait(240) == 128 + signal.SIGTERM  # it would wait for ten minutes
        assert "run the same command again" in driver.said
    finally:
        server.start() if absent == "killed" else server.freeze(over=True)


def test_drivers_that_share_a_database_show_each_run_once(tmp_path, storage, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    spec = tiny(search=GRID | {"batch": 1}, tracking="mlflow")
    folder = tmp_path / "study"
    drivers = [Driver(folder, "--jobs", "1", "--storage", storage, spec=spec) for _ in range(2)]
    for driver in drivers:
        assert driver.wait(300) == 0, driver.said  # MLflow takes its time to make a database
    study = sd.Study(spec, folder=folder, storage=storage)
    assert study.id == sd.Study(spec, folder=tmp_path / "another", storage=storage).id
    track(study)  # what a slow machine could not send in time
    client = MlflowClient(tracking_uri=own_uri(folder))
    shown = client.search_runs([client.get_experiment_by_name("tiny").experiment_id])
    names = [run.data.tags["selectdis.candidate"] for run in shown]
    assert sorted(names) == sorted(["", *study.records["candidate"]])
