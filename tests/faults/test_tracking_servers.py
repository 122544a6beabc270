"""Tracking servers that lie, hang or are gone: a study neither stops nor waits, and what they missed arrives later."""

import warnings

import pytest

import selectdis.study._batch as batch_module
from selectdis import Listener
from selectdis.errors import SelectdisError
from selectdis.execution._study_jobs import run_jobs
from selectdis.study import Study
from selectdis.tracking import _listener as listener_module
from selectdis.tracking import track
from tests.faults.servers import ANSWERS, Liar
from tests.study.fakes import fake_work, spec

SEARCH = {"objective": {"beta_vae": {"beta": [1, 2]}}, "architecture": "fc", "width": [8], "latents": [2]}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    def without_training(jobs, more, **_):
        return run_jobs(jobs, more, n_jobs=1, work=fake_work)

    monkeypatch.setattr(batch_module, "run_jobs", without_training)
    monkeypatch.setattr(listener_module, "STALLED", 1.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A store that takes everything."""
    return f"sqlite:///{tmp_path_factory.mktemp('good')}/server.db"


class Looks(Listener):
    """Notes what the server had answered when the search ended."""

    def __init__(self, server):
        self.server = server

    def stage_finished(self, study, stage, records):
        self.answered = self.server.answered


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_a_server_says_is_nothing_to_a_study(tmp_path, answer, good, monkeypatch):
    monkeypatch.chdir(tmp_path)
    select = {"run": "reconstruction", "seeds": 1}
    study = Study(spec(search=SEARCH, seeds=1, select=select, tracking="mlflow"), folder=tmp_path / "study", n_jobs=1)
    with Liar(answer) as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
        looks = Looks(server)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            study.run(listeners=[looks])
        said = [str(one.message) for one in said if issubclass(one.category, UserWarning)]
        assert len([text for text in said if "takes nothing now" in text or "not sent everything" in text]) == 1, said
        assert not [text for text in said if "failed, the study goes on" in text]
        if answer == "hangs":
            assert looks.answered == 0  # the search did not wait for it
        assert len(study.records) == 2
        if answer != "hangs":
            with pytest.raises(SelectdisError, match="cannot be reached"):
                track(study)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", good)
    if answer == "500":
        study.transfer()  # which brings what the proxy's view lacks
    elif answer == "404":
        study.run()
    else:
        assert track(study) == (2, 2)
    assert track(study).sent == 0
