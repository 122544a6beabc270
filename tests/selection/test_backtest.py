"""The backtest on records with a planted truth."""

import numpy as np
import pandas as pd
import pytest

from selectdis.errors import SelectdisError
from selectdis.selection import (
    Rule,
    at_random,
    backtest,
    beats,
    by_criterion,
    by_few_labels,
    by_win_rate,
    moderated_interval,
    prediction_range,
    probability_interval,
    run_scores,
)
from selectdis.selection._folds import judged_runs, measure, seed_splits

from . import coverage
from .records import make_records

PERFECT = Rule(None, by_criterion("perfect", higher_is_better=True))
USELESS = Rule(None, by_criterion("useless", higher_is_better=True))


@pytest.fixture(scope="module")
def records():
    return make_records(4, 12, 5, metric_noise=0.0, rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def result(records):
    return backtest(records, {"perfect": PERFECT, "useless": USELESS, "transfer": Rule()}, n_bootstrap=50)


def test_a_perfect_criterion_always_beats_a_random_run(result):
    row = result.row("perfect")
    assert row["p_beats_random"] == 1
    assert row["p_high"] == 1
    assert 0.7 < row["p_low"] < 1  # four data sets do not make it certain
    assert row["regret"] == 0
    assert row["gap_closed"] == pytest.approx(1)
    assert row["percentile"] == row["percentile_worst"] == 100


def test_the_baselines_stand_beside_the_rules(result):
    assert result.row("random run")["p_beats_random"] == 0.5
    assert result.row("average configuration")["p_beats_random"] == pytest.approx(0.5)
    assert result.row("oracle")["regret"] == 0
    assert result.table["rule"].iloc[0] in ("oracle", "perfect")
    assert set(result.by_dataset["dataset"]) == {"data0", "data1", "data2", "data3"}
    assert (result.n_datasets, result.n_runs, result.protocol) == (4, 240, "leave one data set out")
    assert result.paper["p_beats_random"].notna().all()


def test_intervals_hold_the_estimate(result):
    table = result.table
    assert (table["p_low"] <= table["p_beats_random"]).all()
    assert (table["p_beats_random"] <= table["p_high"]).all()
    assert (table["regret_low"] <= table["regret"]).all()
    assert table[["p_low", "p_high"]].min().min() >= 0
    assert table[["p_low", "p_high"]].max().max() <= 1


def test_the_numbers_are_those_of_a_plain_loop(records, result):
    for dataset, part in records.groupby("dataset"):
        scores = run_scores(part)
        pick = Rule().weights(records[records["dataset"] != dataset], part)
        wins = [
            np.mean([(a > b) + 0.5 * (a == b) for j, b in enumerate(scores) if j != i]) for i, a in enumerate(scores)
        ]
        row = result.by_dataset.query("rule == 'transfer' and dataset == @dataset").iloc[0]
        assert row["p"] == pytest.approx(pick @ wins)
        assert row["regret"] == pytest.approx(scores.max() - pick @ scores)


def test_the_table_sums_up_its_data_sets(records):
    """With one resample there is no bootstrap: the intervals are those of the data sets alone."""
    loud = records.assign(**{f"metric.{name}": 100 * records[f"metric.{name}"] for name in ("mig",)})
    result = backtest(loud, [USELESS, Rule()], score="mig", n_bootstrap=1, level=0.8)
    variance = loud.groupby("dataset")["metric.mig"].var(ddof=0).mean()
    for rule in (USELESS, Rule()):
        row, parts = result.row(rule), result.by_dataset[result.by_dataset["rule"] == rule.label]
        p, regret = parts["p"].to_numpy(), parts["regret"].to_numpy()
        assert row["p_beats_random"] == pytest.approx(p.mean())
        assert row["percentile"] == pytest.approx(100 * np.median(p))
        assert row["percentile_worst"] == pytest.approx(100 * p.min())
        assert row["regret"] == pytest.approx(regret.mean())
        assert row["gap_closed"] == pytest.approx(
            (parts["score"] - parts["mean"]).sum() / (parts["best"] - parts["mean"]).sum()
        )
        assert (row["p_low"], row["p_high"]) == pytest.approx(probability_interval(p, level=0.8))
        assert (row["next_low"], row["next_high"]) == pytest.approx(prediction_range(p, level=0.8))
        expected = moderated_interval(regret, prior_variance=variance, level=0.8, bounds=(0.0, np.inf))
        assert (row["regret_low"], row["regret_high"]) == pytest.approx(expected)
        assert row["regret_high"] > 1


class FirstRun:
    """Picks whichever seed of the first configuration comes first: all that its picks are worth hangs on seeds."""

    label = "first"
    target_columns = ()

    def fit(self, proxies):
        return lambda target: np.eye(len(target))[0]


def test_picks_that_hang_on_the_targets_seeds_widen_the_intervals():
    loud = make_records(12, 4, 5, shared=0, own=0, spread=10, rng=np.random.default_rng(0))
    results = [backtest(loud, [FirstRun()], score="mig", n_bootstrap=count, level=0.5) for count in (1, 100)]
    without, bootstrapped = (result.row("first") for result in results)
    assert bootstrapped["p_low"] < without["p_low"] - 0.005
    assert bootstrapped["regret_low"] < without["regret_low"] - 0.1


def test_the_same_seed_gives_the_same_result(records, result):
    again = backtest(records, {"perfect": PERFECT, "useless": USELESS, "transfer": Rule()}, n_bootstrap=50)
    pd.testing.assert_frame_equal(result.table, again.table)


def test_order_of_rows_does_not_matter(records, result):
    mixed = records.sample(frac=1, random_state=0)
    again = backtest(mixed, {"perfect": PERFECT}, n_bootstrap=2)
    assert again.row("perfect")["p_beats_random"] == 1


class Spy:
    """A rule of one's own that notes what it is shown."""

    label = "spy"
    target_columns = ()

    def __init__(self):
        self.seen = []

    def fit(self, proxies):
        def weights(target):
            self.seen.append((set(proxies["dataset"]), set(target["dataset"]), set(target.columns)))
            return np.full(len(target), 1 / len(target))

        return weights


def test_a_rule_never_sees_the_targets_labels(records):
    spy = Spy()
    assert backtest(records, [spy], n_bootstrap=2).row(spy)["p_beats_random"] == pytest.approx(0.5)
    for proxies, target, columns in spy.seen:
        assert not proxies & target
        assert not [column for column in columns if column.startswith("metric.")]


def test_a_rule_may_not_look_at_what_it_is_judged_by(records):
    spy = Spy()
    spy.target_columns = ("metric.mig",)
    with pytest.raises(SelectdisError, match="judged by"):
        backtest(records, [spy], score="mig")


def test_few_labels_are_let_through(records):
    few = records.assign(**{"metric.mig.few100": records["metric.mig"]})
    rule = Rule(None, by_few_labels("mig.few100"))
    assert backtest(few, [rule], n_bootstrap=2).row(rule)["p_beats_random"] == 1


def test_failed_and_unlabelled_runs_are_left_out(records):
    tiny = make_records(1, 2, 1, rng=np.random.default_rng(9)).head(1)
    extra = records.head(3).assign(dataset="photos", **{c: np.nan for c in records if c.startswith("metric.")})
    lost = records.head(5).assign(status="diverged", **{"criterion.perfect": 99.0})
    single = tiny.assign(dataset="tiny")
    result = backtest(pd.concat([records, extra, lost, single]), {"perfect": PERFECT}, n_bootstrap=2)
    assert result.n_runs == 240
    assert result.row("perfect")["p_beats_random"] == 1
    assert list(result.left_out) == ["tiny"]


def test_ties_at_the_top_do_not_count_as_wins():
    frame = make_records(2, 2, 2, rng=np.random.default_rng(0)).assign(**{"metric.mig": [1, 1, 0, 0] * 2})
    result = backtest(frame, {"perfect": Rule(None, by_criterion("useless", higher_is_better=True))}, score="mig")
    assert result.row("oracle")["p_beats_random"] == pytest.approx((0.5 + 2) / 3)


def test_one_data_set_splits_its_seeds():
    one = make_records(1, 8, 6, shared=2.0, spread=0.3, rng=np.random.default_rng(1))
    result = backtest(one, [Rule(), PERFECT], n_bootstrap=40)
    assert result.protocol == "seeds split"
    row = result.row(Rule())
    assert 0.6 < row["p_beats_random"] <= 1
    assert row["p_low"] < row["p_beats_random"] <= row["p_high"]
    assert result.by_dataset["runs"].eq(24).all()


def test_one_data_set_has_an_interval_and_a_range_of_single_splits():
    one = make_records(1, 8, 5, rng=np.random.default_rng(1))
    row = backtest(one, [USELESS], n_bootstrap=40, level=0.6).row(USELESS)
    judged, scores, _ = judged_runs(one, "win_rate")
    splits, _ = measure({"useless": USELESS}, seed_splits(judged, scores, 40, np.random.default_rng(0)))
    splits = splits[splits["rule"] == "useless"]
    assert splits["runs"].eq(24).all()  # of five seeds two are the proxy
    low, high = splits["p"].quantile([0.2, 0.8])
    assert (row["next_low"], row["next_high"]) == pytest.approx((low - 1 / 24, high + 1 / 24))  # no finer than one run
    mean = splits["p"].mean()
    interval = probability_interval(np.full(2, mean), bootstrap_variance=splits["p"].var(ddof=0) / 2, level=0.6)
    expected = max(interval[0], low - 1 / 24), min(interval[1], high + 1 / 24)
    assert (row["p_low"], row["p_high"]) == pytest.approx(expected)  # of the mean, which is another thing
    assert (row["regret_low"], row["regret_high"]) == pytest.approx(tuple(splits["regret"].quantile([0.2, 0.8])))


def test_one_seed_on_one_data_set_is_an_error():
    with pytest.raises(SelectdisError, match="second labelled data set, or more seeds"):
        backtest(make_records(1, 8, 1, rng=np.random.default_rng(1)))


@pytest.mark.parametrize("datasets", [1, 2, 3])
def test_one_seed_a_configuration_or_two_data_sets_run(datasets):
    frame = make_records(datasets, 6, 1 if datasets > 1 else 2, rng=np.random.default_rng(2))
    assert backtest(frame, n_bootstrap=5).table["p_beats_random"].between(0, 1).all()


def test_unlabelled_records_are_an_error(records):
    bare = records[[c for c in records if not c.startswith("metric.")]]
    with pytest.raises(SelectdisError, match="no data set is labelled"):
        backtest(bare)


def test_rules_of_one_label_must_be_told_apart(records):
    with pytest.raises(SelectdisError, match="same label"):
        backtest(records, [Rule(), Rule(by_win_rate(), at_random())])


def test_only_a_data_set_and_a_configuration_are_needed(records):
    bare = records[["dataset", "configuration", "metric.mig", "criterion.udr_lasso"]]
    assert backtest(bare, n_bootstrap=2).score == "win_rate"


@pytest.mark.parametrize(("datasets", "simulations"), [(1, 10), (2, 20), (5, 20)])
def test_a_useless_criterion_is_not_told_from_chance(datasets, simulations):
    """Coverage close to nominal: of 20 intervals at 95%, 18 or more hold 0.5."""
    found = coverage.simulate(datasets, {"useless": USELESS}, simulations, n_bootstrap=15)
    assert coverage.coverage(found, pd.Series({"useless": 0.5})).loc["useless", "coverage"] >= 0.9


def test_beats_counts_ties_one_half():
    np.testing.assert_allclose(beats(np.array([1.0, 3.0, 3.0, np.nan])), [0, 0.75, 0.75, np.nan])
    assert beats(np.array([2.0])) == 0.5


def test_a_negative_seed_is_refused(records):
    with pytest.raises(SelectdisError, match="seed must be a whole number of at least 0, found -1"):
        backtest(records, [PERFECT], seed=-1)


def test_a_run_counts_once(records):
    without = records.drop(columns="candidate")
    for table in (records, without):
        once = backtest(table, [PERFECT], n_bootstrap=2)
        with pytest.warns(UserWarning, match="1 records were left out"):
            twice = backtest(pd.concat([table, table.tail(1)]), [PERFECT], n_bootstrap=2)
        pd.testing.assert_frame_equal(twice.table, once.table)
    other = make_records(4, 12, 5, rng=np.random.default_rng(7))
    longer = pd.concat([table.assign(steps=steps) for table, steps in ((records, 10), (other, 20))])
    assert backtest(longer, [PERFECT], n_bootstrap=2).n_runs == 2 * len(records)  # trained longer: other runs
    renamed = records.assign(candidate=records["candidate"] + "0", seed=records["seed"] + 10)
    with pytest.warns(UserWarning, match="240 records were left out"):  # by their scores
        assert backtest(pd.concat([records, renamed]), [PERFECT], n_bootstrap=2).n_runs == len(records)
    unknown = records[["dataset", "configuration", "metric.mig"]]  # too little to tell a run from another
    assert backtest(pd.concat([unknown] * 2), [Rule()], n_bootstrap=2).n_runs == 2 * len(records)


def test_printed_it_shows_each_interval(result):
    text = str(result)
    assert text == repr(result)
    assert text.startswith("leave one data set out: 4 labelled data sets, 240 runs")
    for line, row in zip(text.splitlines()[2:], result.table.itertuples(), strict=True):
        assert line.startswith(row.rule)
        assert f"{row.p_beats_random:.2f} [{row.p_low:.2f}, {row.p_high:.2f}]" in line


def test_a_copy_of_a_data_set_under_another_name_is_left_out(records):
    bare = records[["dataset", "configuration", "metric.mig", "metric.sap"]]
    for table in (records, bare):
        copy = table[table["dataset"] == "data1"].assign(dataset="copy", configuration="new")
        result = backtest(pd.concat([table, copy]), [Rule()], n_bootstrap=2)
        assert result.left_out == {"copy": "its runs have the scores of those of data1"}
        pd.testing.assert_frame_equal(result.table, backtest(table, [Rule()], n_bootstrap=2).table)


def test_a_rule_is_not_judged_where_it_has_nothing_to_go_by(records):
    holes = records.copy()
    holes.loc[holes["dataset"] == "data2", "criterion.perfect"] = np.nan
    strange = holes["dataset"] == "data3"
    holes.loc[strange, "configuration"] += "-other"
    result = backtest(holes, [PERFECT, Rule(by_win_rate(), PERFECT.run), Rule()], n_bootstrap=2)
    assert result.row(PERFECT)[["p_beats_random", "datasets"]].tolist() == [1, 3]  # not 0.875 with a coin toss
    assert result.row(Rule(by_win_rate(), PERFECT.run))["datasets"] == 2
    assert result.row(Rule())["datasets"] == 3
    why = result.not_judged.set_index(["rule", "dataset"])["why"]
    assert why[PERFECT.label, "data2"] == "no run that it could pick there has a value of '+perfect'"
    assert "no configuration in common" in why["win_rate > random", "data3"]
    assert f"'{PERFECT.label}' is not judged on data2 (no run" in str(result)
    with pytest.raises(SelectdisError, match="no configuration in common"):
        backtest(holes.assign(configuration=holes["configuration"] + holes["dataset"]), [Rule()])


def test_runs_that_are_not_judged_are_counted(records):
    holes = records.copy()
    holes.loc[[0, 1, 60], "metric.sap"] = np.nan
    holes.loc[[5], "configuration"] = np.nan
    result = backtest(holes, [Rule()], n_bootstrap=2)
    assert result.left_out == {
        "1 run of data0": "they do not say which configuration they have",
        "2 runs of data0": "they lack what the others are judged by (win_rate)",
        "1 run of data1": "they lack what the others are judged by (win_rate)",
    }
    assert result.n_runs == len(records) - 4
    alone = holes.assign(**{f"metric.{name}": np.nan for name in ("mig", "sap", "modularity")})
    alone.loc[0, "metric.mig"] = 99.0  # the one run with this metric is not the best for it
    assert run_scores(alone)[0] < 1


def test_ties_are_counted(records):
    tied = records.assign(
        **{"criterion.flat": np.where(records["dataset"] == "data0", 1.0, records["criterion.perfect"])}
    )
    rule = Rule(None, by_criterion("flat", higher_is_better=True))
    result = backtest(tied, [rule], n_bootstrap=2)
    assert result.row(rule)["ties"] == 0.25
    assert result.by_dataset.query("rule == @rule.label")["tied"].tolist() == [60, 1, 1, 1]
    assert result.shown.set_index("rule")["ties"][rule.label] == "1/4"


def test_the_gain_is_over_a_random_seed_of_each_configuration(records):
    result = backtest(records, [PERFECT, Rule(), FirstRun()], n_bootstrap=2)
    gains = []
    for _, part in records.groupby("dataset"):
        shares = pd.Series(beats(run_scores(part)), index=part.index)
        by = shares.groupby(part["configuration"])
        chosen = part["criterion.perfect"].groupby(part["configuration"]).idxmax()
        gains.append((shares[chosen].to_numpy() - by.mean()[chosen.index].to_numpy()).mean())
    row = result.row(PERFECT)
    assert row["gain"] == pytest.approx(np.mean(gains))
    assert row["gain_low"] < np.mean(gains) < row["gain_high"]
    assert np.isnan(result.row(Rule())["gain"])
    assert np.isnan(result.row("first")["gain"])


@pytest.mark.parametrize("column", ["metric.mig.sampled", "metric.mig.few2000", "metric.irs"])
def test_what_it_is_judged_by_under_another_name_is_refused(records, column):
    spy = Spy()
    spy.target_columns = (column,)
    with pytest.raises(SelectdisError, match=r"under another name: few labels are at most 1,000"):
        backtest(records.assign(**{column: records["metric.mig"]}), [spy], score="mig")


def test_it_fits_a_screen(records):
    few = {f"metric.dci_disentanglement.few{k}": records["criterion.perfect"] for k in (100, 1000)}
    assert max(map(len, str(backtest(records.assign(**few), n_bootstrap=2)).splitlines()[1:])) <= 80


def test_scores_of_runs_alone_are_no_rule(records):
    with pytest.raises(SelectdisError, match=r"adding up to 1; .*Rule\(configuration=None, run=\.\.\.\)"):
        backtest(records, {"scores": by_criterion("perfect", higher_is_better=True)}, n_bootstrap=5)
