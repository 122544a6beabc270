"""Columns of a table of records: their kinds, their order, and what a reader may see of them."""

import numpy as np
import pandas as pd
import pytest

from selectdis.errors import SelectdisError
from selectdis.records import (
    as_frame,
    criterion_names,
    is_candidate_id,
    is_score,
    json_ready,
    metric_names,
    need,
    score_columns,
    score_name,
    strength_columns,
    without_labels,
)

TABLE = pd.DataFrame(
    {
        "criterion.kl": [3.0, np.nan],
        "metric.sap": [np.nan, np.nan],
        "metric.mig": [np.nan, 0.1],
        "metric.mig.few100": [0.2, 0.1],
        "strength.beta": [1.0, 4.0],
        "seed": [0, 1],
    }
)


@pytest.mark.parametrize(
    ("column", "name", "score"),
    [
        ("metric.mig.few100", "mig.few100", True),
        ("criterion.kl", "kl", True),
        ("mig", "mig", False),
        ("strength.beta", "strength.beta", False),
        (3, None, False),
    ],
)
def test_a_prefix_says_what_kind_of_score_a_column_holds(column, name, score):
    assert is_score(column) is score
    assert name is None or score_name(column) == name


def test_scores_without_a_number_are_not_there():
    assert metric_names(TABLE) == ["mig", "mig.few100"]
    assert criterion_names(TABLE) == ["kl"]
    assert score_columns(TABLE) == ["metric.mig", "metric.mig.few100", "criterion.kl"]
    assert strength_columns(TABLE) == ["strength.beta"]


def test_labels_are_taken_away_but_for_what_is_allowed():
    assert list(without_labels(TABLE)) == ["criterion.kl", "strength.beta", "seed"]
    assert "metric.mig.few100" in without_labels(TABLE, ("metric.mig.few100",))
    assert "metric.mig" not in without_labels(TABLE, ("metric.mig.few100",))


def test_a_missing_column_is_named_with_the_nearest():
    need(TABLE, "seed", "metric.mig")
    with pytest.raises(SelectdisError, match=r"no column 'metric\.mgi'; did you mean 'metric\.mig'"):
        need(TABLE, "seed", "metric.mgi")


def test_a_table_has_runs_and_settings_first_then_metrics_then_criteria():
    records = [
        {"candidate": "a-1-s0", "metric.sap": 1, "criterion.kl": 2, "metric.mig": 3, "status": "complete"},
        {"candidate": "a-1-s1", "status": "failed", "kl_per_latent": [1.0]},
    ]
    frame = as_frame(records, {"a-1-s0": {"criterion.elbo": 5.0}})
    assert list(frame) == ["candidate", "status", "metric.mig", "metric.sap", "criterion.elbo", "criterion.kl"]
    assert frame["criterion.elbo"].tolist()[0] == 5
    assert as_frame([], {}).empty


def test_a_record_can_be_written_as_json():
    ready = json_ready({"a": np.float64(0.5), "b": np.arange(2), "c": "x"})
    assert ready == {"a": 0.5, "b": [0, 1], "c": "x"}
    assert type(ready["a"]) is float


def test_ids_of_candidates():
    assert is_candidate_id("beta_vae-3f9c1a2b-s0")
    assert not any(map(is_candidate_id, ("beta_vae-3f9c1a2b", "../x-1-s0", "beta_vae-3f-s0/..", None)))
