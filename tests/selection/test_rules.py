"""Rules on records whose answer is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selectdis import selection
from selectdis.errors import SelectdisError
from selectdis.metrics import METRICS
from selectdis.selection import (
    AverageConfiguration,
    RandomRun,
    Rule,
    at_random,
    by_criterion,
    by_few_labels,
    by_lcb,
    by_mean,
    by_median,
    by_win_rate,
    calibrated,
    default_rules,
    parse_rule,
    run_scores,
    score_metrics,
)
from selectdis.selection._configurations import seed_statistics

from .records import make_records

UDR = by_criterion("udr_lasso")


def table(scores, criteria=None, dataset="proxy"):
    """Configuration -> list of scores (seeds) as records."""
    rows = [(c, s, value) for c, values in scores.items() for s, value in enumerate(values)]
    frame = pd.DataFrame(rows, columns=["configuration", "seed", "metric.mig"])
    frame["candidate"] = frame["configuration"] + "-s" + frame["seed"].astype(str)
    frame["criterion.udr_lasso"] = frame["metric.mig"] if criteria is None else criteria
    return frame.assign(dataset=dataset)


PROXY = table({"steady": [0.5, 0.5, 0.5], "lucky": [0.1, 0.2, 1.4], "poor": [0.1, 0.1, 0.1]})


@pytest.mark.parametrize(
    ("configuration", "first"),
    [
        (by_mean("mig"), "lucky"),
        (by_median("mig"), "steady"),
        (by_lcb("mig"), "steady"),
        (by_lcb("mig", z=0), "lucky"),
        (by_win_rate(["mig"]), "lucky"),  # ranks 2 5 8 against 6 6 6
    ],
)
def test_statistics_over_seeds(configuration, first):
    proxy = PROXY if configuration != by_win_rate(["mig"]) else table({"steady": [0.5] * 3, "lucky": [0.6, 0.7, 0.1]})
    assert Rule(configuration).configurations(proxy) == [first]


def test_one_seed_gets_the_spread_of_the_others():
    proxy = table({"one": [0.6], "many": [0.45, 0.65, 0.5, 0.7], "low": [0.0, 0.2]})
    scores = by_lcb("mig").scores(proxy)
    assert list(scores.index) == ["many", "one", "low"]
    assert by_lcb("mig").scores(table({"a": [0.2], "b": [0.3]})).index[0] == "b"


def test_statistics_over_seeds_by_hand():
    records = table({"a": [1.0, 2.0, 6.0], "b": [0.0, 4.0], "c": [3.0]})
    found = seed_statistics(records, records["metric.mig"].to_numpy(), by=["configuration"], z=2.0)
    sd = np.sqrt([7.0, 8.0, 7.5])  # one seed alone: the root of the mean variance of the others
    np.testing.assert_allclose(found["sd"].iloc[:2], sd[:2])
    np.testing.assert_allclose(found["lcb"], np.array([3, 2, 3]) - 2 * sd / np.sqrt([3, 2, 1]))
    assert found["median"].tolist() == [2, 2, 3]


def test_configurations_are_scored_by_the_share_of_the_others_that_they_beat():
    first = table({"a": [3.0], "b": [1.0], "c": [1.0], "d": [0.0]}, dataset="first")
    proxies = pd.concat([first, table({"d": [9.0]}, dataset="alone")])
    scores = by_mean("mig").scores(proxies)
    assert scores.to_dict() == {"a": 1.0, "b": 0.5, "c": 0.5, "d": 0.25}  # d: 0 there, and 0.5 without opponents


def test_every_proxy_votes_alike_whatever_its_scale():
    votes = [table({"a": [1.0], "b": [2.0], "c": [0.0]}, dataset=f"small{k}") for k in range(3)]
    loud = table({"a": [1000.0], "b": [0.0], "c": [500.0]}, dataset="loud")
    assert Rule(by_mean("mig")).configurations(pd.concat([*votes, loud])) == ["b"]


def test_run_is_chosen_within_the_best_configurations():
    target = table({"steady": [0, 0], "lucky": [0, 0], "poor": [0, 0]}, criteria=[0.3, 0.4, 0.5, 0.1, 0.9, 0.2])
    assert Rule(by_mean("mig"), UDR).pick(PROXY, target).candidate == "lucky-s0"
    assert Rule(by_mean("mig"), UDR, top=2).pick(PROXY, target).candidate == "lucky-s0"
    assert Rule(None, UDR).pick(PROXY, target).candidate == "poor-s0"
    assert Rule(by_median("mig"), UDR).pick(PROXY, target).candidate == "steady-s1"


def test_a_lower_criterion_is_better_where_it_is_known_or_said():
    target = table({"a": [0, 0]}, criteria=[0.1, 0.9]).rename(columns={"criterion.udr_lasso": "criterion.kl"})
    assert Rule(None, by_criterion("kl")).pick(target, target).seed == 0
    assert Rule(None, by_criterion("kl", higher_is_better=True)).pick(target, target).seed == 1


def test_a_metric_of_which_less_is_better_is_turned_round(monkeypatch):
    worse = replace(METRICS["mig"], name="confusion", produces=("confusion",), higher_is_better=False)
    monkeypatch.setitem(METRICS, "confusion", worse)
    records = table({"a": [0.1, 0.3], "b": [0.7, 0.9]}).rename(columns={"metric.mig": "metric.confusion"})
    assert run_scores(records, "confusion").tolist() == [-0.1, -0.3, -0.7, -0.9]
    np.testing.assert_allclose(run_scores(records), [1, 2 / 3, 1 / 3, 0])
    assert Rule(by_mean("confusion")).configurations(records) == ["a"]
    few = records.rename(columns={"metric.confusion": "metric.confusion.few10"})
    assert Rule(None, by_few_labels("confusion.few10")).pick(few, few).candidate == "a-s0"


def test_all_runs_are_judged_by_the_same_metrics():
    records = table({"a": [1.0, 2.0, 3.0]}).assign(**{"metric.sap": [5.0, np.nan, 9.0], "metric.mig.few10": [9, 5, 1]})
    np.testing.assert_allclose(run_scores(records), [0, np.nan, 1])  # all by the same metrics
    other = records.rename(columns={"metric.mig": "metric.infom", "metric.sap": "metric.irs"})
    assert score_metrics(other, "win_rate") == ["infom", "irs"]  # none of the six: all on every label and mean codes
    rare = table({"a": [1.0, 2.0, 3.0, 4.0]}).assign(**{"metric.sap": [9.0, np.nan, np.nan, np.nan]})
    np.testing.assert_allclose(run_scores(rare), [0, 1 / 3, 2 / 3, 1])  # one run in four has it: it is left out
    split = table({"a": [1.0, 2.0, np.nan, np.nan]}).assign(**{"metric.sap": [np.nan, np.nan, 1, np.nan]})
    np.testing.assert_allclose(run_scores(split), [0, 1, np.nan, np.nan])  # no run has both
    unknown = records.assign(**{"metric.mig": np.nan})
    assert np.isnan(run_scores(unknown, ["mig", "sap"])[1])


def test_names_of_an_earlier_version_work_with_a_hint():
    def now(call, hint="mean_rank is now win_rate"):
        with pytest.warns(FutureWarning, match=hint) as found:
            result = call()
        assert len(found) == 1
        return result

    records = make_records(2, 4, 3, rng=np.random.default_rng(0))
    assert now(lambda: parse_rule("lcb:mean_rank > udr_lasso")).label == "lcb:win_rate > udr_lasso"
    vars(selection).pop("by_mean_rank", None)  # looked up once, and then kept
    assert now(lambda: selection.by_mean_rank, "by_mean_rank is an old name")() == by_win_rate()
    assert now(lambda: by_median("mean_rank")) == by_median("win_rate")
    assert now(lambda: calibrated(score="mean_rank")) == calibrated()
    np.testing.assert_array_equal(now(lambda: run_scores(records, "mean_rank")), run_scores(records))
    assert now(lambda: selection.leaderboard(records, score="mean_rank"))["ranked_by"].eq("win_rate").all()
    assert now(lambda: selection.backtest(records, [Rule()], score="mean_rank", n_bootstrap=2)).score == "win_rate"
    assert "win_rate" in now(lambda: selection.analysis(records, "mean_rank"))[0].title
    assert now(lambda: selection.trust(Rule(), records, score="mean_rank", n_bootstrap=2)).score == "win rate"
    with pytest.raises(AttributeError):
        _ = selection.by_mean_place


def test_an_unknown_direction_is_asked_for():
    target = table({"a": [0, 0]}).assign(**{"criterion.mystery": [1, 2]})
    with pytest.raises(SelectdisError, match="higher_is_better"):
        Rule(None, by_criterion("mystery")).pick(target, target)


def test_failed_runs_and_nan_scores_are_never_picked():
    target = table({"a": [0] * 4}, criteria=[np.nan, 9.0, 8.0, 0.5])
    target["status"] = ["complete", "diverged", "failed", "complete"]
    assert Rule(None, UDR).pick(target, target).seed == 3
    assert RandomRun().fit(target)(target).tolist() == [0.5, 0, 0, 0.5]


def test_all_nan_scores_tie_and_the_pick_says_so():
    pick = Rule(None, UDR).pick(PROXY, table({"a": [0, 0]}, criteria=[np.nan, np.nan]))
    assert pick.tied == 2
    assert "drawn at random" in pick.why


def test_failed_runs_on_the_proxy_do_not_count():
    proxy = PROXY.assign(status=np.where(PROXY["metric.mig"] > 1, "diverged", "complete"))
    assert Rule(by_mean("mig")).configurations(proxy) == ["steady"]


def test_a_run_that_does_not_say_its_configuration_is_not_picked():
    target = table({"a": [0, 0], "b": [0]}, criteria=[9, 1, 2]).assign(configuration=[None, "a", "b"])
    for rule in (Rule(None, UDR), Rule(by_mean("mig"), UDR, top=9)):
        assert rule.weights(table({"a": [1.0], "b": [2.0]}), target).tolist() == [0, 0, 1]
    assert AverageConfiguration().fit(PROXY)(target).tolist() == pytest.approx([1 / 3] * 3)
    assert np.isfinite(calibrated().fit(PROXY)(target)).all()
    with pytest.raises(SelectdisError, match="which configuration"):
        Rule(None, UDR).pick(PROXY, target.assign(configuration=None))


def test_no_finished_run_is_an_error():
    with pytest.raises(SelectdisError, match="no run on the target has finished"):
        Rule(None, UDR).pick(PROXY, PROXY.assign(status="failed"))


def test_nothing_in_common_is_an_error():
    with pytest.raises(SelectdisError, match="no configuration in common"):
        Rule(by_mean("mig"), UDR).pick(PROXY, table({"new": [0]}))


@pytest.mark.parametrize("rule", [Rule(None, by_criterion("udr_laso")), Rule(by_mean("mgi"), UDR)])
def test_a_missing_column_is_named_with_the_nearest(rule):
    with pytest.raises(SelectdisError, match=r"no column '\w+\.(udr_laso|mgi)'; did you mean '\w+\.(udr_lasso|mig)'"):
        rule.pick(PROXY, PROXY)


def test_ties_share_the_pick():
    target = table({"a": [0] * 3, "b": [0]}, criteria=[1, 1, 0, 0])
    assert Rule(None, UDR).weights(PROXY, target).tolist() == [0.5, 0.5, 0, 0]
    assert {Rule(None, UDR).pick(PROXY, target, seed=seed).seed for seed in range(20)} == {0, 1}


def test_configurations_that_tie_with_the_last_one_come_in():
    assert len(Rule(by_mean("mig"), top=1).configurations(table({"a": [1], "b": [1], "c": [0]}))) == 2


def test_average_configuration_weighs_configurations_alike():
    target = table({"a": [0] * 3, "b": [0]})
    np.testing.assert_allclose(AverageConfiguration().fit(PROXY)(target), [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_few_labels_see_only_their_own_score():
    target = table({"a": [0.1, 0.9]}).assign(**{"metric.mig.few100": [0.8, 0.2]})
    rule = Rule(None, by_few_labels("mig.few100"))
    assert rule.target_columns == ("metric.mig.few100",)
    assert rule.pick(PROXY, target).seed == 0
    with pytest.raises(SelectdisError, match="uses every label"):
        by_few_labels("mig")


def test_rank_lists_the_runs_that_the_rule_may_pick_first():
    target = table({"poor": [0, 0], "lucky": [0, 0]}, criteria=[9, 8, 1, 2])
    ranked = Rule(by_mean("mig"), UDR).rank(PROXY, target)
    assert ranked["candidate"].tolist()[:2] == ["lucky-s1", "lucky-s0"]
    assert ranked["pick"].tolist() == [1, 0, 0, 0]
    assert ranked["rule_score"].isna().sum() == 2


@pytest.mark.parametrize(
    "text",
    [
        "any > calibrated",
        "mig > random",
        "lcb2:mig+sap > -kl @ 3",
        "median:win_rate > labels:mig.few100",
        "lcb:mig > udr_lasso",
        "any > calibrated:forest",
    ],
)
def test_a_label_reads_back_as_the_rule(text):
    assert parse_rule(text).label == text
    assert eval(repr(parse_rule(text))) == parse_rule(text)


@pytest.mark.parametrize("text", ["mig random", "lbc:mig > random", "mean2:mig > random", "mig > calibrated:guess", ""])
def test_a_rule_that_does_not_read_is_an_error(text):
    with pytest.raises(SelectdisError):
        parse_rule(text)


def test_repr_is_the_expression():
    rule = Rule(by_lcb("mig"), calibrated("forest", seed=3), top=2)
    assert repr(rule) == "Rule(configuration=by_lcb('mig'), run=calibrated('forest', seed=3), top=2)"
    assert repr(Rule(by_win_rate(["mig", "sap"]), at_random())).startswith("Rule(configuration=by_win_rate(['mig', ")


def test_default_rules_use_what_is_there():
    records = make_records(rng=np.random.default_rng(0))
    labels = [rule.label for rule in default_rules(records)]
    assert "any > udr_lasso" in labels
    assert "any > calibrated" in labels
    bare = records[[c for c in records if not c.startswith("criterion.")]]
    assert [rule.label for rule in default_rules(bare)] == ["win_rate > random", "lcb:win_rate > random"]


@settings(max_examples=40, deadline=None)
@given(
    criteria=st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=12),
    lost=st.lists(st.booleans(), min_size=12, max_size=12),
    top=st.integers(1, 4),
)
def test_weights_are_a_distribution_over_finished_runs(criteria, lost, top):
    target = table({f"c{k % 3}": [] for k in range(3)} | {"c0": [0.0] * len(criteria)})
    target["configuration"] = [f"c{k % 3}" for k in range(len(criteria))]
    target["criterion.udr_lasso"] = np.array([np.nan if value is None else value for value in criteria], dtype=float)
    target["status"] = np.where(lost[: len(criteria)], "diverged", "complete")
    proxy = table({"c0": [0.1], "c1": [0.2], "c2": [0.2]})
    if all(lost[: len(criteria)]):
        with pytest.raises(SelectdisError):
            Rule(by_mean("mig"), UDR, top).weights(proxy, target)
        return
    weights = Rule(by_mean("mig"), UDR, top).weights(proxy, target)
    assert weights.sum() == pytest.approx(1)
    assert (weights >= 0).all()
    assert (weights[target["status"] == "diverged"] == 0).all()
    inside = weights > 0
    if target["criterion.udr_lasso"][inside].notna().any():
        assert target["criterion.udr_lasso"][inside].nunique() == 1
