"""What figures and reports are made of: best runs, picks, scores, without passwords."""

import subprocess
import sys

import numpy as np
import pytest

from selectdis.selection import Evidence
from selectdis.selection._trust import BETTER, Trust
from selectdis.visualization import best_runs, stage_scores, verdict
from tests.visualization.made_up import SPEC, Study, make_records, make_snapshot, target_records

SMALL = {"objectives": ("beta_vae",), "strengths": 2, "seeds": 2}


@pytest.fixture
def proxies():
    """Four runs that come from the worst to the best, but for the last, which diverged."""
    records = make_records("sprites", "proxy", **SMALL)
    records["metric.mig"] = [0.1, 0.2, 0.3, 0.9]
    records["criterion.reconstruction"] = [4.0, 3.0, 2.0, 1.0]
    records.loc[3, "status"] = "diverged"
    return records


def test_the_best_of_a_proxy_are_those_of_the_score(proxies):
    study = Study(SPEC | {"select": {"score": "mig"}})
    assert best_runs(study, "proxy", proxies, 5) == list(proxies["candidate"][[2, 1, 0]])
    assert best_runs(study, "proxy", proxies.drop(columns=[c for c in proxies if "metric" in c]), 2) == list(
        proxies["candidate"][[0, 1]]
    )


def test_the_best_of_a_target_are_the_pick_and_those_of_the_criterion(proxies):
    study = Study(SPEC | {"select": {"run": "reconstruction"}})
    assert best_runs(study, "target", proxies, 2) == list(proxies["candidate"][[2, 1]])  # lower is better
    target = target_records(**SMALL)
    target["criterion.udr_lasso"] = [0.1, 0.9, 0.3, 0.2]  # the best run is of the first configuration
    proxies["metric.mig"] = [0.1, 0.1, 0.3, 0.3]  # which is not in
    proxies["status"] = "complete"
    (stage,) = make_snapshot(proxies, [target], select={"score": "mig", "top": 1}).targets
    assert stage.pick == stage.pick_or_best == target["candidate"][2]
    assert stage.best == tuple(target["candidate"][[2, 1, 3]])
    assert stage.picked_configuration == target["configuration"][2]


def test_runs_are_judged_by_the_score_or_without_labels_by_the_criterion(proxies):
    values, name = stage_scores(proxies, "mig", "reconstruction")
    np.testing.assert_equal((values.tolist(), name), ([0.1, 0.2, 0.3, np.nan], "mig"))
    unlabelled = proxies.drop(columns=[column for column in proxies if column.startswith("metric.")])
    values, name = stage_scores(unlabelled, "mig", "reconstruction")
    np.testing.assert_equal((values.tolist(), name), ([-4, -3, -2, np.nan], "reconstruction"))


def test_stages_come_by_what_a_reader_came_for(proxies):
    targets = [target_records("scenes", **SMALL), target_records("digits", **SMALL)]
    snapshot = make_snapshot(proxies, targets)
    assert [stage.name for stage in snapshot.stages] == ["sprites", "scenes", "digits"]
    assert [stage.name for stage in snapshot.latest_first] == ["digits", "scenes", "sprites"]
    assert len(snapshot.records) == 12
    assert len(snapshot.proxy_records) == 4


def test_a_snapshot_holds_no_password(proxies):
    snapshot = make_snapshot(proxies, storage="postgresql://me:wo rd@lab/s", description="http://me:word@lab")
    assert snapshot.spec["storage"] == "postgresql://me@lab/s"
    assert snapshot.description == "http://me@lab"


def test_figures_are_drawn_when_they_are_asked_for():
    code = "import sys, selectdis.visualization; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.parametrize(
    ("without_one", "said"),
    [
        (None, "(95% interval 40 to 90)."),
        ((0.5, 0.7), "(95% interval 40 to 90), 50 to 70 without any one kind of them to learn from."),
        ((0.7, 0.7), "(95% interval 40 to 90), 70 without any one kind of them to learn from."),
    ],
)
def test_a_verdict_says_what_hangs_on_one_kind_of_data_sets(without_one, said):
    found = Evidence(2, {"a": 0.6, "b": 0.8}, 0.7, 0.4, 0.9, 0.2, 1.0, without_one)
    told = verdict(Trust("a rule", "evidence", decision=BETTER, published=found))
    assert told.endswith(f"such picks beat a random run in 70 of 100 cases on 2 published data sets {said}")
