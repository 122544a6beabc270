"""Scores after shares of the steps, and studies that are trained in one place and scored in another."""

import shutil

import pandas as pd
import pytest

import selectdis as sd
from selectdis.cli._analyze import analyze
from selectdis.errors import SelectdisError
from selectdis.execution import _study_jobs as study_jobs
from selectdis.selection import rank_stability

SPEC = {
    "name": "ways",
    "proxy": {"name": "sprites", "image_size": 16, "sizes": {"shape": 2, "scale": 2, "orientation": 1, "x": 4, "y": 4}},
    "search": {
        "objective": {"beta_vae": {"beta": [1, 4]}},
        "architecture": "fc",
        "width": 16,
        "latents": 3,
        "learning_rate": 1e-3,
    },
    "seeds": 2,
    "training": {"steps": 8, "device": "cpu", "batch_size": 8},
    "evaluation": {"metrics": ["mig", "sap"], "n_train": 50, "n_test": 20, "probe": 20},
    "tracking": "none",
}
pytestmark = pytest.mark.filterwarnings("ignore:.* rows are few|.* is a copy of the study")


def spec(**evaluation):
    return {**SPEC, "evaluation": {**SPEC["evaluation"], **evaluation}}


def without_time(frame):
    return frame.drop(columns="seconds")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return sd.Study(spec(), folder=tmp_path_factory.mktemp("plain") / "s", n_jobs=1).run()


def test_records_on_the_way_beside_those_of_the_end(plain, tmp_path, capsys):
    study = sd.Study(spec(at=[0.25, 0.5, 1]), folder=tmp_path / "s", n_jobs=1).run()
    pd.testing.assert_frame_equal(without_time(study.records), without_time(plain.records))
    rows = study.records_on_the_way
    assert sorted(rows["steps"]) == sorted([2, 4, 8] * 4)
    shorter = {**spec(), "training": {**SPEC["training"], "steps": 4}}
    half = sd.Study(shorter, folder=tmp_path / "half", n_jobs=1).run().records.set_index("candidate")
    for _, row in rows[rows["steps"] == 4].iterrows():
        assert row["metric.mig"] == half.loc[row["candidate"], "metric.mig"]
    again = sd.Study(spec(at=[0.25, 0.5, 1]), folder=tmp_path / "s", n_jobs=1).run()
    pd.testing.assert_frame_equal(again.records_on_the_way, rows)
    assert plain.records_on_the_way.empty
    assert list(rank_stability(rows)["steps"]) == [2, 4]
    assert list(rank_stability(rows)["runs"]) == [4, 4]
    analyze([tmp_path / "s"], "mig", tmp_path / "tables")
    assert "after some of their steps" in capsys.readouterr().out
    whole = pd.read_csv(tmp_path / "tables" / "steps.csv")
    assert whole["mig"].tolist() == pytest.approx(rank_stability(rows)["mig"])


def test_ways_of_a_device_are_encoded_there(plain, tmp_path, monkeypatch):
    monkeypatch.setattr(study_jobs, "scoring_processes", lambda device: 1)
    study = sd.Study(spec(at=[0.5, 1]), folder=tmp_path / "s", n_jobs=1).run()
    pd.testing.assert_frame_equal(without_time(study.records), without_time(plain.records))
    assert sorted(study.records_on_the_way["steps"]) == [4] * 4 + [8] * 4
    assert not list((tmp_path / "s" / "encoded").rglob("*.safetensors"))


@pytest.mark.parametrize("device", [False, True])
def test_trained_here_and_scored_elsewhere(plain, tmp_path, monkeypatch, device):
    if device:
        monkeypatch.setattr(study_jobs, "scoring_processes", lambda device: 1)
    study = sd.Study(spec(), folder=tmp_path / "here", n_jobs=1).run(scores=False)
    assert study.records.empty
    assert len(list((tmp_path / "here" / "models").rglob("*.safetensors"))) == 4
    assert len(list((tmp_path / "here" / "encoded").rglob("*.safetensors"))) == 4 * device
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    monkeypatch.undo()
    monkeypatch.setattr("selectdis.execution._worker.train_cohort", None)
    if device:
        shutil.rmtree(tmp_path / "there" / "models")  # the codes are all it takes
    study = sd.Study(spec(), folder=tmp_path / "there", n_jobs=1).run()
    pd.testing.assert_frame_equal(without_time(study.records), without_time(plain.records), rtol=1e-6)


def test_what_is_searched_by_scores_is_not_trained_without(tmp_path):
    by_scores = {**spec(), "search": {**SPEC["search"], "sampler": "tpe", "trials": 3}}
    with pytest.raises(SelectdisError, match=r"has the sampler 'tpe': let it score"):
        sd.Study(by_scores, folder=tmp_path / "s").run(scores=False)
    with pytest.raises(SelectdisError, match=r"has seeds.max"):
        sd.Study({**spec(), "seeds": {"count": 2, "max": 4}}, folder=tmp_path / "s").run(scores=False)


@pytest.mark.parametrize("at", [[0.5], [1, 0.5], [0, 1], [0.5, 0.5, 1]])
def test_shares_rise_to_the_end(at):
    with pytest.raises(SelectdisError, match=r"rising shares .* end with 1"):
        sd.Study(spec(at=at))
