"""Rules that weigh what they learned on the proxies: the hierarchical one, averages of criteria, and `auto`."""

import itertools

import numpy as np
import pandas as pd
import pytest

from selectdis.selection import Rule, auto, backtest, by_average, by_criterion, hierarchical, parse_rule
from selectdis.selection._folds import judged_runs, leave_one_out
from selectdis.selection.learned._auto import choose, listed_rules, worths

from .records import make_records


def made(*arguments, seed=0, **options):
    records = make_records(*arguments, rng=np.random.default_rng(seed), **options)
    for name in ("udr_lasso_pool", "model_centrality"):
        records[f"criterion.{name}"] = records["criterion.udr_lasso"] + np.random.default_rng(seed + 1).normal(
            size=len(records)
        )
    return records


def split(records):
    return records[records["dataset"] != "data0"], records[records["dataset"] == "data0"]


def expected(chooser, records):
    proxies, target = split(records)
    return chooser.fit(proxies)(target)


def test_the_effects_are_those_of_a_random_effects_model():
    """By loops over configurations, with the moments written out."""
    records = made(5, 6, 4)
    proxies, target = split(records)
    judged, scores, _ = judged_runs(proxies, "mig")
    shares = pd.Series(scores).groupby(judged["dataset"]).transform(lambda s: (s.rank() - 1) / (len(s) - 1))
    cells = {c: [shares[(judged["dataset"] == d) & (judged["configuration"] == c)].mean()
                 for d in judged["dataset"].unique()] for c in judged["configuration"].unique()}  # fmt: skip
    alone = np.mean([np.var(values, ddof=1) for values in cells.values()])
    common = max(np.var([np.mean(values) for values in cells.values()], ddof=1) - alone / 4, 0)
    assert common > 0
    effects = {c: (np.mean(values) - 0.5) * common / (common + alone / 4) for c, values in cells.items()}
    found = hierarchical([], score="mig").fit(proxies)(target)
    np.testing.assert_allclose(found, 0.5 + target["configuration"].map(effects))
    assert (hierarchical([], score="mig").fit(proxies)(target.assign(configuration="new-0000")) == 0.5).all()


@pytest.mark.parametrize("proxies", [1, 4])
def test_a_telling_criterion_has_weight_and_noise_has_little(proxies):
    weights = {"udr_lasso": [], "useless": []}
    for name, seed in itertools.product(weights, range(10)):
        records = made(proxies + 1, 6, 4, shared=0, own=0, metric_noise=0, seed=seed)
        values = records.assign(**{"criterion.udr_spearman": records[f"criterion.{name}"]})
        scores = expected(hierarchical(["udr_spearman"]), values) - expected(hierarchical([]), values)
        shares = values[values["dataset"] == "data0"].groupby("configuration")["criterion.udr_spearman"]
        weights[name].append(np.ptp(scores) / np.ptp(shares.transform(lambda s: s - s.mean())))
    assert np.mean(weights["udr_lasso"]) > 5 * np.mean(weights["useless"])


def test_where_seeds_are_all_configurations_count_little_and_the_reverse():
    seeds, kinds = (made(5, 8, 4, shared=shared, own=0, spread=spread) for shared, spread in [(0, 1), (1, 0.05)])
    by_seeds, by_kinds = (expected(hierarchical([]), records) for records in (seeds, kinds))
    assert np.ptp(by_seeds) < 0.2 < 0.6 < np.ptp(by_kinds)


def test_an_average_of_criteria_is_that_of_the_shares_they_beat():
    _, target = split(made(2, 3, 2))
    found = by_average(["udr_lasso", "model_centrality"]).fit(target)(target)
    ranks = [target[f"criterion.{name}"].rank() for name in ("udr_lasso", "model_centrality")]
    np.testing.assert_allclose(found, (np.mean(ranks, axis=0) - 1) / 5)


@pytest.mark.parametrize(
    "text", ["any > hierarchical", "any > hierarchical:udr_lasso+elbo", "any > auto @ 3", "mig > udr_lasso+elbo @ 2"]
)
def test_rules_read_as_they_are_written(text):
    assert parse_rule(text).label == text
    assert parse_rule("auto") == parse_rule("any > auto @ 3")


GOOD, BAD = (Rule(None, by_criterion(name, higher_is_better=True)) for name in ("perfect", "useless"))


def test_auto_takes_the_simplest_unless_another_is_clearly_better():
    records = made(6, 8, 4, metric_noise=0)
    proxies, target = split(records)
    rule = Rule(None, auto([BAD, GOOD]))
    assert rule.run.choice(proxies).rule == GOOD
    pick = rule.pick(proxies, target)
    assert target.loc[pick.row, "criterion.perfect"] == target["criterion.perfect"].max()
    assert "chosen: 'any > +perfect' (1.00 over 5 labelled data sets, the best of 2 rules)" in pick.why
    near = parse_rule("any > udr_lasso")
    values = pd.DataFrame({"a": [0.9, 1.0], "b": [0.9, 0.9], "c": [0.9, 0.9]}, index=["near", "good"])
    choice = choose([near, GOOD], values)
    assert choice.rule == near
    assert "'any > +perfect' has 0.93, within one standard error" in choice.why
    assert choose([near, GOOD], values.assign(a=[np.nan, 1.0])).rule == GOOD  # one that has nothing to go by is out


def test_one_proxy_cannot_tell_rules_apart():
    proxies, _ = split(made(2, 4, 2))
    assert auto().choice(proxies).rule == listed_rules()[0]
    assert "the simplest" in auto().choice(proxies).why


def test_auto_is_judged_by_an_outer_loop():
    """Of the target's family it sees nothing: what it chooses there is what the other families alone speak for."""
    records = made(5, 6, 3)
    records["family"] = records["dataset"].replace({"data1": "data0"})
    judged, scores, _ = judged_runs(records, "win_rate")
    rules = [parse_rule("any > udr_lasso"), GOOD, BAD]
    result = backtest(records, [Rule(None, auto(rules))], n_bootstrap=2)
    for fold in leave_one_out(judged, scores, 1, np.random.default_rng(0)):
        inner, values, _ = judged_runs(fold.proxies, "win_rate")
        chosen = choose(rules, worths(rules, inner, values)).rule
        other = backtest(records, [chosen], n_bootstrap=2)
        tables = [(result.by_dataset, "any > auto"), (other.by_dataset, chosen.label)]
        p = [table[(table["dataset"] == fold.name) & (table["rule"] == name)]["p"].item() for table, name in tables]
        assert p[0] == p[1]
        assert (fold.name not in ("data0", "data1")) == ({"data0", "data1"} <= set(inner["dataset"]))
