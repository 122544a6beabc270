import json

import numpy as np
import pytest

from selectdis.tracking import _entries as entries


def test_every_run_has_the_same_parameters(record):
    other = {name: value for name, value in record.items() if not name.startswith("strength.")}
    other |= {"objective": "factor_vae", "strength.gamma": 10.0}
    first, second = (entries.parameters(row, ("beta", "gamma")) for row in (record, other))
    assert first.keys() == second.keys()
    assert (first["strength.beta"], first["strength.gamma"]) == ("4", "NaN")
    assert (first["learning_rate"], first["seed"], first["objective"]) == ("0.001", "0", "beta_vae")
    assert (
        not {"status", "trial", "seconds", "candidate", "kl_per_latent", "configuration", "metric.mig"} & first.keys()
    )


def test_scores_are_finite_and_grouped(record):
    assert entries.scores(record | {"metric.a.sampled": np.inf}) == {
        "metric/mig": 0.25,
        "criterion/elbo": -12.5,
        "run/seconds": 1.5,
    }


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


def test_notes_and_tags(record):
    lost = record | {"status": "diverged", "failed_step": 17, "error": "x" * 9000}
    tags = entries.run_tags(lost, {"version.torch": "2"})
    assert "at step 17" in tags["mlflow.note.content"]
    assert "beta 4" in tags["mlflow.note.content"]
    assert len(tags["selectdis.error"]) == 5000
    assert tags["version.torch"] == "2"


def test_data_sets_have_a_digest(run_and_data):
    _, data = run_and_data
    entry = entries.dataset_entry(data, "proxy")
    assert entry["digest"] == data.fingerprint
    assert json.loads(entry["profile"])["factors"] == dict(zip(data.factor_names, data.factor_sizes, strict=True))
    json.dumps(entry)
