"""Variance, correlations and effects with a known answer."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from selectdis.selection import (
    analysis,
    annealing_effect,
    correlation_interval,
    dataset_transfer,
    downstream_correlations,
    mean_against_sampled,
    rank_correlations,
    variance_explained,
)
from selectdis.selection._intervals import group_resamples

from .records import make_records


def shares(table, score="mig", dataset="data0"):
    return table[(table["dataset"] == dataset) & (table["score"] == score)].set_index("source")


def plain_r2(values, groups):
    values = np.asarray(values, dtype=float)
    fitted = pd.Series(values).groupby(list(groups)).transform("mean")
    return 1 - ((values - fitted) ** 2).sum() / ((values - values.mean()) ** 2).sum()


def test_variance_is_that_of_a_plain_anova():
    records = make_records(2, 12, 4, rng=np.random.default_rng(0)).sample(frac=0.8, random_state=0)  # unbalanced
    found = shares(variance_explained(records, ["mig"]))
    part = records[records["dataset"] == "data0"]
    assert found.loc["objective", "share"] == pytest.approx(plain_r2(part["metric.mig"], part["objective"]))
    assert found.loc["configuration", "share"] == pytest.approx(plain_r2(part["metric.mig"], part["configuration"]))
    assert found.loc["objective + strength", "share"] == pytest.approx(found.loc["configuration", "share"])
    assert found.loc["seed", "share"] == pytest.approx(1 - found.loc["configuration", "share"])


@pytest.mark.parametrize(("shared", "spread", "expected"), [(1.0, 1.0, 0.5), (0.0, 1.0, 1.0), (2.0, 0.01, 0.0)])
def test_the_adjusted_share_of_the_seed_is_the_true_one(shared, spread, expected):
    records = make_records(1, 240, 4, shared=shared, own=0, spread=spread, metric_noise=0, rng=np.random.default_rng(1))
    seed = shares(variance_explained(records, ["mig"], n_bootstrap=50)).loc["seed"]
    assert seed["adjusted"] == pytest.approx(expected, abs=0.08)
    assert seed["low"] <= seed["share"] <= seed["high"]


def test_the_adjusted_share_is_that_of_mean_squares():
    """1 - (mean square within groups) / (variance of the runs), n - k and n - 1 degrees of freedom."""
    records = make_records(1, 6, 3, shared=1.0, rng=np.random.default_rng(3)).drop(index=[0, 5])
    found, values = shares(variance_explained(records, ["mig"], n_bootstrap=2)), records["metric.mig"]
    for source, groups in (("objective", records["objective"]), ("seed", records["configuration"])):
        residuals = values - values.groupby(groups.to_numpy()).transform("mean")
        left = (residuals**2).sum() / (16 - 6) / values.var(ddof=1)
        assert 0 < left < 1
        assert found.loc[source, "adjusted"] == pytest.approx(left if source == "seed" else 1 - left)
    single = shares(variance_explained(records[records["seed"] == 1], ["mig"], n_bootstrap=2))
    assert np.isnan(single.loc["configuration", "adjusted"])  # as many groups as runs


def test_intervals_of_shares_are_as_wide_as_their_level():
    records = make_records(1, 12, 8, rng=np.random.default_rng(0))
    wide, narrow = (shares(variance_explained(records, ["mig"], level=level)).loc["objective"] for level in (0.95, 0.5))
    ratio = stats.norm.ppf(0.975) / stats.norm.ppf(0.75)
    assert wide["high"] - wide["share"] == pytest.approx(ratio * (narrow["high"] - narrow["share"]))
    assert 0 < wide["low"] < narrow["low"]


def test_the_interval_of_a_share_is_that_of_resampled_runs():
    records = make_records(1, 6, 4, shared=1.0, rng=np.random.default_rng(0)).sample(frac=1, random_state=0)
    values, groups = records["metric.mig"].to_numpy(), pd.factorize(records["configuration"])[0]
    row = shares(variance_explained(records, ["mig"], n_bootstrap=20, seed=1)).loc["configuration"]
    draws = group_resamples(groups, 20, np.random.default_rng(1))
    error = np.std([plain_r2(values[drawn], groups[drawn]) for drawn in draws])
    assert row["low"] == pytest.approx(row["share"] - stats.norm.ppf(0.975) * error)


def test_a_constant_or_missing_score_is_no_crash():
    records = make_records(2, 6, 2, rng=np.random.default_rng(0))
    records["metric.sap"] = 0.3
    records.loc[records["dataset"] == "data1", "metric.mig"] = np.nan
    found = variance_explained(records, n_bootstrap=3)
    assert shares(found, "sap").loc["objective", "share"] == 0
    assert shares(found, "mig", "data1").empty


def test_a_metric_that_does_not_say_which_way_is_better_costs_its_duels_alone():
    records = make_records(3, 4, 3, rng=np.random.default_rng(0)).assign(objective="annealed_vae")
    records.loc[records["configuration"].isin(records["configuration"].unique()[:2]), "objective"] = "beta_vae"
    records["metric.own"] = -records["metric.mig"]
    shares = variance_explained(records, ["own", "mig"], n_bootstrap=5).set_index(["dataset", "source", "score"])
    shares = shares["share"].unstack()
    assert shares["own"].to_numpy() == pytest.approx(shares["mig"].to_numpy())
    duels = annealing_effect(records)
    assert "own" not in set(duels["score"])
    assert {"win_rate", "mig"} <= set(duels["score"])
    assert {table.name for table in analysis(records)} >= {"variance", "metrics", "annealing"}


def test_correlations_of_metrics_and_criteria():
    records = make_records(3, 12, 6, metric_noise=0.0, rng=np.random.default_rng(0))
    records["criterion.upside_down"] = -records["criterion.perfect"]
    metrics, criteria = rank_correlations(records), rank_correlations(records, "criteria")
    assert set(metrics) == {"data0", "data1", "data2", "pooled"}
    np.testing.assert_allclose(metrics["pooled"], 1)
    assert criteria["data1"].loc["mig", "perfect"] == pytest.approx(1)
    assert criteria["pooled"].loc["sap", "upside_down"] == pytest.approx(-1)
    assert abs(criteria["pooled"].loc["mig", "useless"]) < 0.2
    everything = rank_correlations(records, "all")["pooled"]
    assert everything.loc["criterion.perfect", "metric.mig"] == pytest.approx(1)


def test_pooled_ignores_the_level_of_a_data_set():
    """Within each data set the criterion is upside down; over all runs as they are it would look good."""
    records = make_records(2, 10, 4, rng=np.random.default_rng(0))
    level = np.where(records["dataset"] == "data1", 100.0, 0.0)
    records["criterion.trap"] = level - records["metric.mig"]
    assert rank_correlations(records, "criteria")["pooled"].loc["mig", "trap"] == pytest.approx(-1)


def test_data_sets_that_share_configuration_effects_agree():
    alike = make_records(2, 30, 6, shared=3.0, own=0.1, rng=np.random.default_rng(0))
    strange = make_records(2, 30, 6, shared=0.0, own=3.0, rng=np.random.default_rng(0))
    assert dataset_transfer(alike).loc["data0", "data1"] > 0.8
    assert abs(dataset_transfer(strange).loc["data0", "data1"]) < 0.4
    few = make_records(2, 2, 2, rng=np.random.default_rng(0))
    assert np.isnan(dataset_transfer(few).loc["data0", "data1"])


def test_mean_against_sampled():
    records = make_records(2, 6, 4, rng=np.random.default_rng(0))
    assert mean_against_sampled(records).empty
    records["metric.mig.sampled"] = records["metric.mig"] - 0.5
    found = mean_against_sampled(records).set_index("dataset")
    np.testing.assert_allclose(found["spearman"], 1)
    np.testing.assert_allclose(found["difference"], 0.5)


def test_downstream():
    records = make_records(2, 6, 4, metric_noise=0, rng=np.random.default_rng(0))
    assert downstream_correlations(records) == {}
    records["metric.downstream_lr_100"] = records["metric.mig"]
    found = downstream_correlations(records)["pooled"]
    assert list(found.columns) == ["downstream_lr_100"]
    assert found.loc["mig"].item() == pytest.approx(1)


def test_annealing():
    records = make_records(2, 12, 5, rng=np.random.default_rng(0))
    lift = np.where(records["objective"] == "annealed_vae", 100.0, 0.0)
    found = annealing_effect(records.assign(**{"metric.mig": records["metric.mig"] + lift}))
    assert found[found["score"] == "mig"]["p_beats"].eq(1).all()
    small = records[records["dataset"] == "data0"]
    mine = small[small["objective"] == "annealed_vae"]["metric.sap"].to_numpy()
    rival = small[small["objective"] == "beta_vae"]["metric.sap"].to_numpy()
    row = annealing_effect(small).query("score == 'sap' and against == 'beta_vae'").iloc[0]
    assert row["p_beats"] == pytest.approx((mine[:, None] > rival).mean())
    assert annealing_effect(records[records["objective"] != "annealed_vae"]).empty


def test_of_one_run_no_chance_is_told():
    titles = [table.title for table in analysis(make_records(1, 1, 1, rng=np.random.default_rng(0)))]
    assert any(title.endswith(", 1 run") for title in titles), titles
    assert "nan" not in "".join(titles)


def test_analysis_has_a_table_for_all_that_is_there():
    records = make_records(2, 12, 4, rng=np.random.default_rng(0))
    records["metric.mig.sampled"] = records["metric.mig"]
    records["metric.downstream_lr_100"] = records["metric.mig"]
    names = [table.name for table in analysis(records)]
    assert names == ["variance", "metrics", "criteria", "datasets", "downstream", "sampled", "annealing"]
    bare = records[["dataset", "configuration", "metric.mig"]]
    assert [table.name for table in analysis(bare)] == ["metrics", "datasets"]


def test_ranks_on_the_way_are_compared_with_those_of_the_last_step_and_count_nowhere_else():
    last = make_records(2, 6, 2, rng=np.random.default_rng(0)).assign(steps=80)
    rng = np.random.default_rng(1)
    half = last.assign(steps=40).replace({"candidate": {last["candidate"][0]: "another"}})  # 11 runs a set have both
    half["metric.mig"] += rng.normal(size=len(half))
    plain = {table.name: table for table in analysis(last, "mig")}
    found = {table.name: table for table in analysis(pd.concat([half[half["candidate"] != "another"], last]), "mig")}
    whole, shown = found["steps"].whole, found["steps"].shown
    assert list(found) == [*plain, "steps"]
    for name, table in plain.items():
        pd.testing.assert_frame_equal(found[name].whole, table.whole)
    for k, dataset in enumerate(["data0", "data1"]):
        pair = [rows[rows["dataset"] == dataset]["metric.mig"].to_numpy()[1:] for rows in (half, last)]
        expected = stats.spearmanr(*pair).statistic
        assert whole.loc[k, ["dataset", "steps", "of", "runs"]].tolist() == [dataset, 40, 80, 11]
        assert whole.loc[k, "mig"] == pytest.approx(expected)
        low, high = correlation_interval(expected, 11)
        assert shown.loc[k].tolist() == [dataset, 80, 11, f"{expected:.2f} [{low:.2f}, {high:.2f}]"]
    assert list(shown) == ["dataset", "steps", "runs", "after 0.5"]
