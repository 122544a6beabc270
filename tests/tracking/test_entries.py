import json
from dataclasses import replace

import numpy as np
import pytest

from selectdis.execution._recording import describe
from selectdis.tracking import _entries as entries
from selectdis.training import Candidate
from tests.visualization.made_up import job_of, trained_run


def test_every_run_has_the_same_parameters(record):
    candidate = Candidate("factor_vae", strengths={"gamma": 10})
    other = describe(candidate, job_of(candidate, "sprites", "proxy"))
    first, second = (entries.parameters(row, ("beta", "gamma")) for row in (record, other))
    assert first.keys() == second.keys()
    assert (first["strength.beta"], first["strength.gamma"]) == ("4", "NaN")
    assert (second["strength.beta"], second["strength.gamma"]) == ("NaN", "10")
    assert (first["learning_rate"], first["seed"], first["objective"]) == ("0.001", "0", "beta_vae")
    state = {"status", "failed_step", "seconds", "candidate", "configuration", "kl_per_latent", "metric.mig"}
    assert state <= record.keys()
    assert not state & first.keys()


def test_scores_are_finite_and_grouped(record):
    scores = entries.scores(record | {"metric.a.sampled": np.inf, "criterion.b": np.nan})
    names = [name for name in record if name.startswith(("metric.", "criterion."))]
    assert scores.keys() == {name.replace(".", "/", 1) for name in names} | {"run/seconds"}
    assert scores["metric/mig"] == record["metric.mig"]
    assert scores["metric/mig.sampled"] == record["metric.mig.sampled"]
    assert scores["run/seconds"] == record["seconds"]


@pytest.mark.parametrize("name", ["metric.mig", "metric.downstream_lr_10.sampled", "criterion.a(b)%ü"])
def test_keys_are_such_as_mlflow_takes(name):
    from mlflow.utils.validation import _validate_metric_name

    _validate_metric_name(entries.metric_key(name))


def test_curves_are_thinned_and_keep_their_ends():
    steps = np.arange(1, 1001)
    curves = {"step": steps, "loss": steps / 2.0, "kl_per_latent": np.ones((1000, 3)), "odd": np.ones(5)}
    points = entries.curve_points(curves)
    assert len(points) == entries.CURVE_POINTS
    assert {point.key for point in points} == {"curve/loss"}
    assert (points[0].step, points[-1].step) == (1, 1000)
    assert all(point.value == point.step / 2 for point in points)


def test_curves_leave_out_what_is_not_finite():
    curves = {"step": np.array([1, 2, 3]), "loss": np.array([1.0, np.nan, np.inf])}
    assert entries.curve_points(curves) == [("curve/loss", 1.0, 1)]
    assert entries.curve_points({}) == []


@pytest.mark.parametrize(
    ("status", "word"), [("complete", "FINISHED"), ("diverged", "FAILED"), ("failed", "FAILED"), ("stopped", "KILLED")]
)
def test_states(record, status, word):
    assert entries.status_of(record | {"status": status}) == word


def test_states_of_real_runs(record, diverged):
    assert [entries.status_of(row) for row in (record, diverged)] == ["FINISHED", "FAILED"]
    assert entries.scores(diverged)["run/failed_step"] == diverged["failed_step"]


def test_notes_and_tags(diverged):
    tags = entries.run_tags(diverged | {"error": "at http://me:word@lab:80 " + "x" * 9000}, {"version.torch": "2"})
    assert f"diverged at step {diverged['failed_step']}" in tags["mlflow.note.content"]
    assert "beta 4" in tags["mlflow.note.content"]
    assert len(tags["selectdis.error"]) == 5000
    assert tags["selectdis.error"].startswith("at http://me@lab:80 x")
    assert tags["version.torch"] == "2"


def test_data_sets_have_a_digest():
    _, data = trained_run()
    entry = entries.dataset_entry(data, "proxy")
    assert entry["digest"] == data.fingerprint
    assert json.loads(entry["profile"])["factors"] == dict(zip(data.factor_names, data.factor_sizes, strict=True))
    json.dumps(entry)
    fetched = replace(data, source="https://me:word@data.lab/x")
    assert "word" not in entries.dataset_entry(fetched, "proxy")["source"]
