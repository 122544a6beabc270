"""Studies around a trainer that trains nothing: search, records, resuming, refusals."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

import selectdis as sd
import selectdis.study._batch as batch_module
from selectdis.errors import SelectdisError
from selectdis.execution._study_jobs import run_jobs
from tests.study.fakes import fake_work, scores_of, spec, trained

pytestmark = pytest.mark.usefixtures("no_training")


def make(tmp_path, **changes):
    return sd.Study(spec(**changes), folder=tmp_path / "study", n_jobs=1)


def test_a_grid_gives_every_configuration_all_its_seeds(tmp_path):
    study = make(tmp_path).run()
    records = study.records
    assert len(records) == 5 * 3
    assert (records.groupby("configuration")["seed"].nunique() == 3).all()
    assert set(records["status"]) == {"complete"}
    assert sorted(records["strength"].unique()) == [1, 2, 4]
    assert records["criterion.udr_lasso"].between(0, 1).all()


def test_the_leaderboard_is_best_first(tmp_path):
    board = make(tmp_path).run().leaderboard()
    assert len(board) == 5
    assert make(tmp_path).leaderboard(by="run").shape[0] == 15
    best = make(tmp_path).records.groupby("configuration")["metric.mig"].mean().idxmax()
    assert best in set(board.reset_index().iloc[0].astype(str))


def test_a_second_run_trains_nothing(tmp_path):
    before = make(tmp_path).run().records
    count = len(trained(tmp_path / "study"))
    after = make(tmp_path).run().records
    assert len(trained(tmp_path / "study")) == count == 15
    pd.testing.assert_frame_equal(before, after)


def test_more_seeds_and_strengths_extend_a_study(tmp_path):
    make(tmp_path).run()
    search = {"objective": {"beta_vae": {"beta": [1, 2, 4, 8]}, "beta_tc_vae": {"beta": [1, 2]}}, "latents": [4]}
    study = make(tmp_path, search=search).run()
    assert len(study.records) == 6 * 3
    assert len(trained(tmp_path / "study")) == 6 * 3
    study = make(tmp_path, search=search, seeds=4).run()
    assert len(study.records) == 6 * 4
    assert study.records["criterion.udr_lasso"].notna().all()  # of the new runs as well
    assert len(trained(tmp_path / "study")) == 6 * 4


@pytest.mark.parametrize("sampler", ["qmc", "random", "tpe", "gp"])
def test_samplers_give_the_number_of_trials_that_was_asked_for(tmp_path, sampler):
    search = {
        "objective": {"beta_vae": {"beta": {"low": 1, "high": 16, "log": True}}, "dip_vae_i": {"lambda_od": [1, 10]}},
        "latents": [4, 6],
        "sampler": sampler,
        "trials": 9,
        "batch": 3,
        "startup": 4,
    }
    study = make(tmp_path, search=search, seeds=2).run()
    stage = study.proxy_stages()[0]
    assert len(stage.study.get_trials(states=[optuna.trial.TrialState.COMPLETE])) == 9
    strengths = study.records.loc[study.records["objective"] == "beta_vae", "strength"]
    assert strengths.between(1, 16).all()
    assert study.records.groupby("configuration")["seed"].nunique().min() == 2


def test_the_sampler_is_told_the_mean_score_over_seeds(tmp_path):
    study = make(tmp_path).run()
    stage = study.proxy_stages()[0]
    for trial in stage.study.trials:
        own = study.records[study.records["trial"] == trial.number]
        assert trial.value == pytest.approx(own[["metric.mig", "metric.sap"]].mean(axis=1).mean())
        assert sorted(trial.intermediate_values) == [0, 1, 2]


def test_several_scores_make_a_pareto_front(tmp_path):
    study = make(tmp_path, optimise=["score", "reconstruction"]).run()
    stage = study.proxy_stages()[0]
    directions = [direction.name for direction in stage.study.directions]
    assert directions == ["MAXIMIZE", "MINIMIZE"]
    # A higher beta scores better and reconstructs worse, so nothing dominates across strengths.
    assert {trial.params[f"{trial.params['objective']}.beta"] for trial in stage.study.best_trials} == {1, 2, 4}


def test_constraints_are_told(tmp_path):
    study = make(tmp_path, constraints=[{"score": "reconstruction", "max": 125}]).run()
    stage = study.proxy_stages()[0]
    assert stage.study.best_trial.params["objective"] in ("beta_vae", "beta_tc_vae")
    assert max(t.params[f"{t.params['objective']}.beta"] for t in [stage.study.best_trial]) == 2


def test_wilcoxon_stops_the_seeds_of_bad_configurations(tmp_path):
    study = make(tmp_path, seeds={"count": 4, "max": 10}).run()
    seeds = study.records.groupby("strength")["seed"].nunique()
    assert seeds[4] == 10
    assert seeds[1] < 10


def test_diverged_runs_are_kept_and_failed_ones_tried_again(tmp_path, monkeypatch):
    failing = {"on": True}

    def work(job, stop):
        records = fake_work(job, stop)
        for record in records:
            if record["seed"] == 1 and record["strength"] == 4:
                record |= {"status": "diverged", "failed_step": 3} | {
                    k: None for k in record if k.startswith("metric.")
                }
            if record["seed"] == 2 and failing["on"]:
                record |= {"status": "failed", "error": "RuntimeError: planted"}
        return records

    monkeypatch.setattr(
        batch_module, "run_jobs", lambda jobs, more, **options: run_jobs(jobs, more, n_jobs=1, work=work)
    )
    with pytest.warns(UserWarning, match="5 of 15 runs failed.*planted"):
        study = make(tmp_path).run()
    assert study.records["status"].value_counts().to_dict() == {"complete": 9, "failed": 5, "diverged": 1}
    failing["on"] = False
    study = make(tmp_path).run()
    assert study.records["status"].value_counts().to_dict() == {"complete": 14, "diverged": 1}
    assert len(trained(tmp_path / "study")) == 15 + 5


def test_other_training_settings_are_refused(tmp_path):
    make(tmp_path).run()
    with pytest.raises(SelectdisError, match=r"another `training`.*steps: 10, now 11"):
        make(tmp_path, training={"steps": 11}).run()


def test_an_unlabelled_proxy_is_refused(tmp_path):
    with pytest.raises(SelectdisError, match="no labels"):
        make(tmp_path, proxy="digits").run()


def test_two_drivers_cannot_hold_one_folder(tmp_path):
    from selectdis.study.persistence._folder import driver_lock

    with driver_lock(tmp_path / "study"), pytest.raises(SelectdisError, match=f"another driver .process {os.getpid()}"):
        make(tmp_path).run()


def test_an_unknown_score_is_refused_before_anything_is_trained(tmp_path):
    with pytest.raises(SelectdisError, match=r"mgi.*'mig'"):
        make(tmp_path, optimise=["mgi"]).run()
    with pytest.raises(SelectdisError, match=r"udr_laso.*'udr_lasso'"):
        make(tmp_path, select={"run": "udr_laso"}).run()
    with pytest.raises(SelectdisError, match=r"fsat.*'fast'"):
        make(tmp_path, evaluation={"metrics": ["fsat"]}).run()
    assert trained(tmp_path / "study") == []


def test_a_torn_journal_tail_is_cut_and_the_study_goes_on(tmp_path):
    expected = make(tmp_path).run().records
    journal = tmp_path / "study" / "study.log"
    journal.write_bytes(journal.read_bytes()[:-700] + b'{"op_code": 8, "wor')
    with pytest.warns(UserWarning, match="damaged"):
        records = make(tmp_path).run().records
    pd.testing.assert_frame_equal(records, expected)


def test_transfer_trains_the_best_configurations_and_picks_by_the_criterion(tmp_path):
    study = make(tmp_path, select={"run": "reconstruction", "top": 2, "seeds": 4}).run()
    transfer = study.transfer()
    assert len(transfer.records) == 2 * 4
    best_two = study.leaderboard().reset_index()["configuration"].head(2)
    assert set(transfer.records["configuration"]) == set(best_two)
    assert transfer.pick.candidate == transfer.records.set_index("candidate")["criterion.reconstruction"].idxmin()
    assert str(transfer.trust)
    assert [t.target for t in make(tmp_path).transfers()] == ["digits"]


def test_transfer_accepts_images_of_ones_own(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), dtype=np.uint8)
    own = sd.ImageDataset(name="mine", images=images)
    transfer = make(tmp_path).run().transfer(own, top=1, seeds=2)
    assert len(transfer.records) == 2
    assert transfer.target == "mine"
    np.testing.assert_array_equal(transfer.stage.data.load().images_at([3, 5]), images[[3, 5]])


def test_transfer_before_run_is_refused(tmp_path):
    with pytest.raises(SelectdisError, match="run it first"):
        make(tmp_path).transfer()


def test_a_failing_listener_is_said_once_and_stops_nothing(tmp_path):
    class Broken(sd.Listener):
        def run_finished(self, study, stage, record, run):
            raise RuntimeError("planted")

    with pytest.warns(UserWarning, match=r"Broken\.run_finished failed") as caught:
        study = make(tmp_path).run(listeners=[Broken()])
    assert len(study.records) == 15
    assert sum("Broken" in str(warning.message) for warning in caught) == 1


def test_a_time_budget_stops_says_so_and_the_next_run_goes_on(tmp_path):
    whole = sd.Study(spec(), folder=tmp_path / "whole", n_jobs=1).run()
    assert whole.stopped == []
    with pytest.warns(UserWarning, match="proxy sprites: stopped by the time budget after 0 of 15 runs"):
        study = make(tmp_path, time_budget=1e-9).run()
    assert study.records.empty
    (sentence,) = make(tmp_path).stopped
    assert "`selectdis run` goes on" in sentence
    study = make(tmp_path).run()
    assert study.stopped == []
    assert study.records.equals(whole.records)  # the order of a finished grid is not that of its work


class Clock:
    """A time that goes on by a minute, or more, with each cohort."""

    def __init__(self, monkeypatch, seconds=60):
        self.now, self.seconds = 0.0, seconds
        monkeypatch.setattr("selectdis.study._batch.time.monotonic", lambda: self.now)

    def work(self, job, stop):
        self.now += self.seconds
        return fake_work(job, stop)


def test_a_grid_that_is_cut_short_has_runs_of_every_value(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(batch_module, "run_jobs", lambda jobs, more, **_: run_jobs(jobs, more, work=clock.work))
    betas = [1, 2, 4, 8]
    search = {"objective": {"beta_vae": {"beta": betas}, "beta_tc_vae": {"beta": betas}}, "latents": [4, 6]}
    with pytest.warns(UserWarning, match="after 4 of 16 runs"):
        records = make(tmp_path, search=search, seeds=1, time_budget=4).run().records
    assert records["objective"].value_counts().to_dict() == {"beta_vae": 2, "beta_tc_vae": 2}
    assert records["latents"].value_counts().to_dict() == {4: 2, 6: 2}
    assert list(records["trial"]) == sorted(records["trial"])


@pytest.mark.parametrize(("minutes", "done"), [(3, 1), (2.6, 2), (9, 1)])
def test_a_slow_machine_begins_nothing_of_which_half_would_not_fit(minutes, done, tmp_path, monkeypatch):
    clock = Clock(monkeypatch, 60 * minutes)
    monkeypatch.setattr(batch_module, "run_jobs", lambda jobs, more, **_: run_jobs(jobs, more, work=clock.work))
    with pytest.warns(UserWarning, match=f"stopped by the time budget after {done} of 15 runs"):
        assert len(make(tmp_path, time_budget=4).run().records) == done


def test_one_budget_is_shared_among_proxies(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    monkeypatch.setattr(batch_module, "run_jobs", lambda jobs, more, **_: run_jobs(jobs, more, work=clock.work))
    second = {"name": "scenes", "image_size": 16, "gray": True}
    with pytest.warns(UserWarning, match="scenes: stopped by the time budget after 4 of 15 runs"):
        study = make(tmp_path, proxy=[spec()["proxy"], second], time_budget=8).run()
    assert study.records["dataset"].value_counts().to_dict() == {"sprites": 4, "scenes": 4}
    assert len(study.stopped) == 2


DRIVER = """
import json, sys
import selectdis as sd
import selectdis.study._batch as module
from selectdis.execution._study_jobs import run_jobs
from tests.study.fakes import fake_work
module.run_jobs = lambda jobs, more, **options: run_jobs(jobs, more, n_jobs=1, work=fake_work)
sd.Study(json.loads(sys.argv[1]), folder=sys.argv[2], n_jobs=1).run()
"""


def test_a_study_without_runs_says_whether_it_has_begun(tmp_path):
    with pytest.raises(SelectdisError, match="no runs yet: run it first"):
        make(tmp_path).leaderboard()
    with pytest.raises(SelectdisError, match="no runs yet: let it run on, for longer"):
        make(tmp_path, time_budget=1e-9).run().leaderboard()


@pytest.mark.parametrize("moment", [0.1, 0.4, 0.8])
def test_a_killed_driver_resumes_to_the_same_records(tmp_path, moment):
    expected = make(tmp_path).run().records
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", DRIVER, json.dumps(spec()), str(folder)]
    environment = os.environ | {"FAKE_SECONDS": "0.05", "PYTHONPATH": str(Path(__file__).parents[2])}
    driver = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + 60
    while len(trained(folder)) < 1 + moment * 12 and time.monotonic() < deadline and driver.poll() is None:
        time.sleep(0.01)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    records = sd.Study(spec(), folder=folder, n_jobs=1).run().records
    pd.testing.assert_frame_equal(records, expected)
    # The one that was under way may be there twice; nothing that was recorded is.
    assert len(trained(folder)) <= 15 + 1


def test_scores_of_the_fake_are_what_the_records_hold(tmp_path):
    study = make(tmp_path).run()
    row = study.records.iloc[0]
    candidate = sd.Candidate(row["objective"], seed=int(row["seed"]), strengths={"beta": row["strength"]}, latents=4)
    assert candidate.id == row["candidate"]
    assert scores_of(candidate)["metric.mig"] == pytest.approx(row["metric.mig"])


def test_several_proxies_get_the_same_configurations(tmp_path):
    second = {"name": "scenes", "image_size": 16, "gray": True}
    study = make(tmp_path, proxy=[spec()["proxy"], second]).run()
    records = study.records
    assert records["dataset"].value_counts().to_dict() == {"sprites": 15, "scenes": 15}
    assert records.groupby("configuration")["dataset"].nunique().eq(2).all()
    transfer = study.transfer()
    assert transfer.trust.known == "other data sets"
    assert transfer.trust.n_datasets == 2
    with pytest.raises(SelectdisError, match="several proxies need the sampler grid, qmc or random"):
        make(tmp_path, proxy=["sprites", "scenes"], search=spec()["search"] | {"sampler": "tpe", "trials": 3})


def test_importances_within_and_across_objectives(tmp_path):
    search = {"objective": {"beta_vae": {"beta": [1, 2, 4, 8]}, "dip_vae_ii": {}}, "latents": [4, 5, 6]}
    importances = make(tmp_path, search=search).run().importances()
    assert set(importances.index) == {"objective", "latents", "beta_vae.beta"}
    assert importances["sprites"].between(0, 1).all()
    assert importances.loc["beta_vae.beta", "sprites"] < 1  # beside latents: one that varies alone would have 1.0
    assert importances["sprites"].drop("beta_vae.beta").sum() == pytest.approx(1)


def test_a_labelled_target_tells_afterwards_how_good_the_pick_was(tmp_path):
    study = make(tmp_path, select={"run": "reconstruction", "top": 2, "seeds": 2}).run()
    assert study.transfer().outcome == ""
    transfer = study.transfer()
    records = transfer.records.assign(**{"metric.mig": range(len(transfer.records))})
    known = dataclasses.replace(transfer, records=records, score="mig")
    picked = records.set_index("candidate")["metric.mig"][transfer.pick.candidate]
    assert f"a mig of {picked}, against 1.5 for the average of its 4 runs and 3 for the best" in known.outcome
