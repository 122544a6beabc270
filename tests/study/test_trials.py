"""Configurations as Optuna trials: what a sampler is told, and what goes on after a stop."""

import math

import numpy as np
import optuna
import pytest
from optuna.study import StudyDirection

import selectdis as sd
import selectdis.study._batch as batch_module
from selectdis.execution._study_jobs import run_jobs
from selectdis.spec import check_spec
from selectdis.study._batch import falls_behind
from selectdis.study._trial_records import constraint_values, directions, records_in, trial_values
from tests.study.fakes import fake_work, spec, trained

COMPLETE = optuna.trial.TrialState.COMPLETE
SEARCH = {
    "objective": {"beta_vae": {"beta": {"low": 1, "high": 16, "log": True}}},
    "latents": [4, 6],
    "sampler": "tpe",
    "trials": 11,
    "batch": 4,
    "startup": 3,
}


def make(tmp_path, **changes):
    return sd.Study(spec(**changes), folder=tmp_path / "study", n_jobs=1)


def stage_of(study):
    (stage,) = study.proxy_stages()
    return stage


def test_the_constraints_of_a_configuration_hold_within_their_bounds():
    bounds = [{"score": "mig", "min": 0.2}, {"score": "reconstruction", "max": 100}]
    description = check_spec(spec(constraints=bounds))
    names = ["mig >= 0.2", "reconstruction <= 100"]

    def told(*scores):
        rows = [{"status": "complete", "metric.mig": m, "criterion.reconstruction": r} for m, r in scores]
        return constraint_values([*rows, {"status": "diverged", "metric.mig": 9}], description)

    assert told((0.3, 80), (0.5, 100)) == pytest.approx(dict(zip(names, [-0.2, -10], strict=True)))
    assert told((0.1, 120)) == pytest.approx(dict(zip(names, [0.1, 20], strict=True)))
    assert told() == dict.fromkeys(names, math.inf)


def test_a_sampler_is_told_means_over_finished_runs_and_which_way_is_better():
    description = check_spec(spec(optimise=["mig", "reconstruction"]))
    assert directions(description) == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    rows = [
        {"status": "complete", "metric.mig": 0.2, "criterion.reconstruction": 90.0},
        {"status": "complete", "metric.mig": 0.4, "criterion.reconstruction": 70.0},
        {"status": "diverged"},
        {"status": "failed"},
    ]
    assert trial_values(rows, description) == pytest.approx([0.3, 80])
    assert trial_values(rows[2:], description) == [None, None]


@pytest.mark.parametrize("maximize", [True, False])
def test_a_configuration_falls_behind_the_best_over_the_seeds_that_both_have(maximize):
    sign = 1 if maximize else -1
    values = {0: {s: sign * (1 + s) for s in range(6)}, 1: {s: sign * (2 + s) for s in range(6)}, 2: {7: 99.0}}
    assert falls_behind(0, values, range(6), maximize=maximize)
    assert not falls_behind(1, values, range(6), maximize=maximize)
    assert not falls_behind(0, values, range(2), maximize=maximize)  # too few to say
    assert not falls_behind(2, values, range(6), maximize=maximize)


@pytest.mark.usefixtures("no_training")
def test_worse_configurations_are_given_up_where_less_is_better(tmp_path):
    changes = {"optimise": ["reconstruction"], "seeds": {"count": 4, "max": 10}}
    seeds = make(tmp_path, **changes).run().records.groupby("strength")["seed"].nunique()
    assert seeds[1] == 10
    assert seeds[4] < 10


@pytest.mark.usefixtures("no_training")
def test_seeds_begin_where_the_file_says(tmp_path):
    study = make(tmp_path, seeds={"count": 2, "first": 5}).run()
    assert set(study.records["seed"]) == {5, 6}
    assert set(study.transfer(seeds=3).records["seed"]) == {5, 6, 7}


def test_a_trial_that_is_taken_further_keeps_the_records_of_all_its_seeds(tmp_path, monkeypatch):
    failing = {0}

    def work(job, stop):
        lost = {"status": "failed", "error": "planted"}
        return [record | lost if record["seed"] in failing else record for record in fake_work(job, stop)]

    monkeypatch.setattr(batch_module, "run_jobs", lambda jobs, more, **_: run_jobs(jobs, more, n_jobs=1, work=work))
    with pytest.warns(UserWarning, match="5 of 15 runs failed"):
        make(tmp_path).run()
    failing.clear()
    stage = stage_of(make(tmp_path, seeds=1).run())
    told = stage.study.get_trials(states=[COMPLETE])
    assert len(told) == 5
    for trial in told:
        assert [record["seed"] for record in records_in(trial)] == [0, 1, 2]
        assert sorted(trial.intermediate_values) == [0, 1, 2]
        assert trial.value == pytest.approx(np.mean([*trial.intermediate_values.values()]))
    assert len(trained(tmp_path / "study")) == 15 + 5


def stopped_after(count, monkeypatch):
    """Let studies be stopped (Ctrl-C) when `count` cohorts have ended."""

    def some(jobs, more, **_):
        nonlocal count
        for one in run_jobs(jobs, more, n_jobs=1, work=fake_work):
            yield one
            if (count := count - 1) == 0:
                raise KeyboardInterrupt

    monkeypatch.setattr(batch_module, "run_jobs", some)


@pytest.mark.usefixtures("no_training")
@pytest.mark.parametrize("cohorts", [2, 8])  # within the starting points, and within a batch that was asked for
def test_an_interrupted_search_is_suggested_what_one_that_was_not_is(tmp_path, monkeypatch, cohorts):
    whole = make(tmp_path / "whole", search=SEARCH, seeds=2).run()
    with monkeypatch.context() as patch:
        stopped_after(cohorts, patch)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, search=SEARCH, seeds=2).run()
    told = stage_of(make(tmp_path, search=SEARCH, seeds=2)).study.get_trials(states=[COMPLETE])
    assert len(told) == cohorts // 2  # each as soon as its two seeds have ended
    again = make(tmp_path, search=SEARCH, seeds=2).run()
    assert again.records.equals(whole.records)
    assert len(stage_of(again).study.trials) == 11
    assert len(trained(tmp_path / "study")) == 22


@pytest.mark.usefixtures("no_training")
def test_what_a_warm_start_tells_is_no_run_of_the_study(tmp_path):
    records = make(tmp_path).run().records
    lost = records["configuration"] == records["configuration"].iloc[0]  # a configuration of which no run finished
    records.loc[lost, "status"] = "diverged"
    records.to_csv(tmp_path / "records.csv", index=False)
    search = {**spec()["search"], "sampler": "tpe", "trials": 4, "startup": 2}
    changes = {"name": "warm", "search": search, "warm_start": str(tmp_path / "records.csv")}
    study = sd.Study(spec(**changes), folder=tmp_path / "warm", n_jobs=1).run()
    assert len(study.records) == len(trained(tmp_path / "warm")) <= 4 * 3
    assert len(study.run().records) == len(trained(tmp_path / "warm"))
    assert len(stage_of(study).study.get_trials(states=[COMPLETE])) == 4 + 4  # told once, and 4 of its own


def test_the_old_name_of_n_jobs_works_with_a_hint(tmp_path):
    with pytest.warns(FutureWarning, match="jobs of Study is now called n_jobs"):
        assert sd.Study(spec(), folder=tmp_path, jobs=3).n_jobs == 3


@pytest.mark.usefixtures("no_training")
def test_a_study_that_is_extended_again_and_again_reads_like_one_that_was_not(tmp_path):
    whole = sd.Study(spec(), folder=tmp_path / "whole", n_jobs=1).run().records
    for seeds in (1, 2, 3):
        records = make(tmp_path, seeds=seeds).run().records
    assert records.equals(whole)


def test_a_batch_that_was_being_filled_when_its_driver_ended_is_filled_up(tmp_path, monkeypatch):
    sizes = []

    def some(jobs, more, **_):
        sizes.append(sum(len(job.candidates) for job in jobs))
        return run_jobs(jobs, more, n_jobs=1, work=fake_work)

    def make_queue(study, params, user_attrs=None):
        if user_attrs and len(study.get_trials(deepcopy=False)) == 3 + 2:
            raise KeyboardInterrupt
        queue(study, params, user_attrs=user_attrs)

    queue = optuna.Study.enqueue_trial
    monkeypatch.setattr(batch_module, "run_jobs", some)
    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "enqueue_trial", make_queue)
        with pytest.raises(KeyboardInterrupt):
            make(tmp_path, search=SEARCH, seeds=1).run()
    make(tmp_path, search=SEARCH, seeds=1).run()
    assert sizes == [3, 2, 2, 4]
