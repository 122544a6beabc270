"""What was given to a transfer is what MLflow shows of it, at once and replayed."""

import warnings

import pytest

from selectdis.study import Study
from selectdis.tracking import track
from selectdis.tracking._own_database import own_uri
from tests.study.conftest import no_training
from tests.study.fakes import spec

__all__ = ["no_training"]

SMALL = {"objective": {"beta_vae": {"beta": [1, 2, 4]}}, "architecture": "fc", "width": [8], "latents": [2]}
FILE = {"select": {"score": "mig", "run": "-reconstruction", "top": 1, "seeds": 2}, "seeds": 1, "search": SMALL}
GIVEN = {"rule": "mig > +reconstruction", "top": 3}  # other configurations, and the other end of the criterion


def champion(study):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=own_uri(study.folder), registry_uri=own_uri(study.folder))
    version = client.get_model_version_by_alias("fake-digits", "champion")
    runs = client.search_runs([client.get_experiment_by_name("fake").experiment_id])
    pictured = {
        run.data.tags["selectdis.candidate"] for run in runs if client.list_artifacts(run.info.run_id, "pictures")
    }
    return version.tags["selectdis.candidate"], version.description, pictured


@pytest.mark.usefixtures("no_training")
def test_mlflow_shows_the_pick_and_the_best_of_the_rule_that_was_given(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)

    def opened():
        return Study(spec(**FILE, tracking={"mlflow": {"pictures": 2}}), folder=tmp_path / "study", n_jobs=1)

    made = opened().run().transfer(**GIVEN)
    by_criterion = made.records.sort_values("criterion.reconstruction", ascending=False)["candidate"].tolist()
    usual = opened().rule().pick(made.proxies, made.records).candidate
    assert made.pick.candidate == by_criterion[0] != usual
    candidate, note, pictured = champion(made.stage)
    assert candidate == made.pick.candidate
    assert "mig > +reconstruction @ 3" in note
    assert pictured == set(by_criterion[:2])
    assert track(opened()).sent == 0
    assert champion(made.stage)[0] == made.pick.candidate
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it goes by the file again
        again = opened().transfer()
    assert champion(made.stage)[0] == again.pick.candidate == usual
    assert track(opened()).sent == 0
