"""The calibrated rule learns what criteria are worth from labelled proxies."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from selectdis.errors import SelectdisError
from selectdis.selection import Rule, backtest, calibrated
from selectdis.selection.learned._calibrated import _GroupRidge

from .records import make_records


def noisy(datasets, rng, seeds=4):
    """Five criteria that each see a little: together they see much. One of them is upside down."""
    records = make_records(datasets, 12, seeds, rng=rng)
    quality = records.pop("criterion.perfect")
    for k in range(5):
        sign = -1 if k == 0 else 1
        records[f"criterion.c{k}"] = sign * quality + 1.5 * rng.normal(size=len(records))
    return records.drop(columns="criterion.udr_lasso")


@pytest.mark.parametrize("model", ["ridge", "boosting", "forest"])
def test_it_ranks_better_than_any_of_its_criteria(model):
    records = noisy(4, np.random.default_rng(0), seeds=8)
    proxies, target = records[records["dataset"] != "data3"], records[records["dataset"] == "data3"]
    hidden = target[[c for c in target if not c.startswith("metric.")]]
    predicted = calibrated(model).fit(proxies)(hidden)

    def agreement(values):
        return np.corrcoef(values, target["metric.mig"])[0, 1]

    best = max(abs(agreement(target[f"criterion.c{k}"])) for k in range(5))
    assert agreement(predicted) > best


def test_one_proxy_is_enough():
    records = noisy(2, np.random.default_rng(1), seeds=8)
    proxy, target = records[records["dataset"] == "data0"], records[records["dataset"] == "data1"]
    predicted = calibrated().fit(proxy)(target)
    assert np.corrcoef(predicted, target["metric.mig"])[0, 1] > 0.6


def test_with_few_runs_the_configuration_decides_and_seeds_tie():
    records = noisy(2, np.random.default_rng(2))
    few = records[(records["dataset"] == "data0") & (records["seed"] == 0)]
    target = records[records["dataset"] == "data1"]
    weights = Rule(None, calibrated()).weights(few, target)
    best = few.set_index("configuration")["metric.mig"].idxmax()
    assert target["configuration"][weights > 0].eq(best).all() or (weights > 0).sum() == 4
    assert np.allclose(weights[weights > 0], 0.25)


def test_it_learns_on_the_configurations_that_the_target_has():
    records = noisy(3, np.random.default_rng(3), seeds=8)
    kept = records["configuration"].unique()[:3]
    target = records[(records["dataset"] == "data2") & records["configuration"].isin(kept)]
    proxies = records[records["dataset"] != "data2"]
    proxies_kept = proxies[proxies["configuration"].isin(kept)]
    rule = calibrated(score="mig")
    np.testing.assert_allclose(rule.fit(proxies)(target), rule.fit(proxies_kept)(target))


def test_a_configuration_unknown_to_the_proxies_can_be_scored():
    records = noisy(2, np.random.default_rng(4), seeds=8)
    proxy, target = records[records["dataset"] == "data0"], records[records["dataset"] == "data1"]
    target = target.assign(configuration=target["configuration"] + "-new")
    assert np.isfinite(calibrated().fit(proxy)(target)).all()


def test_missing_criteria_values_and_settings_do_not_spread():
    records = noisy(3, np.random.default_rng(5), seeds=6)
    records.loc[::3, "criterion.c1"] = np.nan
    proxies, target = records[records["dataset"] != "data2"], records[records["dataset"] == "data2"]
    assert np.isfinite(calibrated().fit(proxies)(target.drop(columns=["strength", "objective"]))).all()


def test_without_criteria_it_still_learns_from_configurations():
    records = noisy(3, np.random.default_rng(6), seeds=6)
    bare = records[[c for c in records if not c.startswith("criterion.")]]
    assert np.isfinite(calibrated().fit(bare[bare["dataset"] != "data2"])(bare[bare["dataset"] == "data2"])).all()


def test_a_named_criterion_must_be_there():
    records = noisy(2, np.random.default_rng(7), seeds=6)
    with pytest.raises(SelectdisError, match=r"criterion\.c9"):
        calibrated(criteria=["c9"]).fit(records)(records)
    with pytest.raises(SelectdisError, match="ridge"):
        calibrated("rigde")


def test_it_is_worth_its_while_in_a_backtest():
    result = backtest(noisy(5, np.random.default_rng(8), seeds=5), [Rule(None, calibrated())], n_bootstrap=5)
    assert result.row("any > calibrated")["p_beats_random"] > 0.8


@pytest.mark.parametrize("model", ["ridge", "boosting", "forest"])
def test_each_proxy_weighs_the_same_however_many_runs_it_has(model):
    """On two small proxies the criterion is right; on one with six times their runs it is upside down."""
    rng = np.random.default_rng(9)
    small, large = (make_records(3, 6, seeds, shared=0, own=0, rng=rng) for seeds in (8, 96))
    large = large[large["dataset"] == "data2"].assign(dataset="large")
    large["criterion.perfect"] *= -1
    target = small[small["dataset"] == "data2"]
    proxies = pd.concat([small[small["dataset"] != "data2"], large])
    predicted = calibrated(model, criteria=["perfect"]).fit(proxies)(target)
    assert np.corrcoef(predicted, target["criterion.perfect"])[0, 1] > 0.2


def test_a_run_does_not_learn_from_what_it_scored_itself():
    """Configurations differ, but on each data set in another way: their means elsewhere say nothing of the target."""
    records = make_records(4, 24, 4, shared=0, own=3, spread=0.5, criterion_noise=2.0, rng=np.random.default_rng(10))
    proxies, target = records[records["dataset"] != "data3"], records[records["dataset"] == "data3"]
    predicted = calibrated(score="mig", criteria=["udr_lasso"]).fit(proxies)(target)
    assert np.corrcoef(predicted, target["metric.mig"])[0, 1] > 0.7


def test_the_effects_of_configurations_are_those_of_a_ridge_with_a_column_for_each():
    rng = np.random.default_rng(0)
    for runs, kinds, inputs in ((60, 12, 5), (200, 90, 8), (50, 1, 3)):
        groups = np.r_[np.arange(kinds), rng.integers(kinds, size=runs - kinds)]
        X = rng.normal(size=(runs, inputs))
        y = X[:, 0] + rng.normal(size=kinds)[groups] + rng.normal(size=runs)
        dense = make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(0, 4, 9)))
        dense.fit(np.column_stack([np.eye(kinds)[groups], X]), y)
        others, Z = rng.integers(-1, kinds, size=40), rng.normal(size=(40, inputs))
        expected = dense.predict(np.column_stack([np.eye(kinds + 1)[others, :-1], Z]))
        np.testing.assert_allclose(_GroupRidge().fit(groups, X, y).predict(others, Z), expected, atol=1e-10)
