"""What is said of a rule."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from selectdis.errors import SelectdisError
from selectdis.selection import (
    Evidence,
    Rule,
    add_evidence,
    backtest,
    beats,
    by_criterion,
    parse_rule,
    published_evidence,
    run_scores,
    trust,
)
from selectdis.selection import evidence as evidence_table
from selectdis.selection._trust import BETTER, DO_NOT, USE, decide, trust_of_evidence
from selectdis.selection.archive import _by_proxies

from .records import make_records

PERFECT = Rule(None, by_criterion("perfect", higher_is_better=True))
USELESS = Rule(None, by_criterion("useless", higher_is_better=True))


def test_several_data_sets():
    records = make_records(5, 8, 4, rng=np.random.default_rng(0))
    result = backtest(records, [PERFECT, USELESS], n_bootstrap=10)
    good, bad = trust(PERFECT, result), trust(USELESS, result)
    assert good.known == "other data sets"
    assert "Over 5 labelled data sets (160 runs)" in str(good)
    assert "better than chance" in str(good)
    assert "cannot be told from chance" in str(bad)
    assert json.loads(json.dumps(good.to_dict()))["p"] == good.p
    backwards = Rule(None, by_criterion("perfect", higher_is_better=False))
    assert "worse than chance" in str(trust(backwards, records, n_bootstrap=10))


def test_a_rule_by_its_name_in_the_backtest():
    records = make_records(2, 8, 4, rng=np.random.default_rng(0))
    result = backtest(records, {"mine": PERFECT}, n_bootstrap=5)
    assert trust(PERFECT, result).rule == "mine"
    with pytest.raises(SelectdisError, match="holds no rule"):
        trust(USELESS, result)


def test_one_proxy():
    told = trust(PERFECT, make_records(1, 8, 4, rng=np.random.default_rng(0)), n_bootstrap=20)
    assert told.known == "same data set"
    assert "half of its seeds" in str(told)
    assert told.next_low <= told.low < told.p  # single splits spread more than their mean
    assert "Nothing is known of how it does on another data set" in str(told)


@pytest.mark.parametrize("evidence", [None, make_records(1, 8, 1, rng=np.random.default_rng(0))])
def test_nothing_known(evidence):
    told = trust(PERFECT, evidence)
    assert told.known == "nothing"
    assert str(told).startswith("Nothing is known")
    assert told.to_dict()["p"] is None
    json.dumps(told.to_dict(), allow_nan=False)


def test_the_published_records_speak_where_ones_own_cannot_tell():
    rule = parse_rule("win_rate > udr_lasso @ 2")
    told = trust(rule, make_records(1, 8, 4, rng=np.random.default_rng(0)), n_bootstrap=20)
    text, found = str(told), published_evidence(rule, 1)
    assert (told.published.p, told.published.n_proxies) == (found.p, 1)
    assert len(found.values) >= 4
    assert "train the 2 settings that scored best on labelled images" in text
    assert f"with one data set to learn from, its pick beat a random run with probability {found.p:.2f} [" in text
    assert f"{found.high:.2f}] (in brackets: the 95% interval of the average): of 100 trained runs" in text
    assert "Your own runs cannot tell" in text
    assert told.decision == decide({}, found) != DO_NOT
    assert text.rpartition("Decision: ")[2].startswith(told.decision)
    assert told.to_dict()["published"]["p"] == found.p
    alone = trust(rule, None)
    assert (alone.known, alone.decision) == ("nothing", told.decision)
    assert "Your own runs add nothing to that: no labelled data set was given" in str(alone)


def test_it_says_how_many_data_sets_were_learned_from_and_whose_they_are(monkeypatch, tmp_path):
    """Three variants of dSprites are never each other's proxies; a small part of one's own has few."""
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path))
    rule = parse_rule("win_rate > udr_lasso @ 2")
    published = trust_of_evidence(rule, "dense16")
    assert f"On {len(published.published.values)} published data sets whose labels were hidden" in str(published)
    assert ", with 10 to 12 data sets to learn from" in str(published)
    mine = make_records(2, 6, 4, rng=np.random.default_rng(7)).replace({"dataset": {"data0": "mine", "data1": "cells"}})
    add_evidence(mine, "own")
    found = published_evidence(rule, 12)
    assert (found.fewest, found.n_proxies, found.added) == (1, 12, 2)
    told = str(trust(rule, backtest(make_records(12, 4, 2, rng=np.random.default_rng(0)), [rule], n_bootstrap=2)))
    assert "On 14 data sets (the published ones, and 2 with runs that you added) whose labels were hidden" in told
    assert ", with 1 to 12 data sets to learn from" in told


def test_runs_of_ones_own_without_what_the_rule_reads_take_nothing_from_the_published_ones(monkeypatch, tmp_path):
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path))
    rule = parse_rule("any > udr_lasso")
    published = published_evidence(rule, 12)
    mine = make_records(2, 6, 4, rng=np.random.default_rng(7)).replace({"dataset": {"data1": "cells"}})
    add_evidence(mine.drop(columns="criterion.udr_lasso"), "own")
    assert published_evidence(rule, 12) == published
    with pytest.raises(SelectdisError, match=r"no column 'criterion\.nobody'"):
        published_evidence(parse_rule("any > +nobody"), 12)
    mine.loc[mine["dataset"] == "cells", "criterion.udr_lasso"] = np.nan
    add_evidence(mine, "own")
    found = published_evidence(rule, 12)
    assert (found.added, found.values["cells"]) == (1, published.values["cells"])


def test_runs_of_ones_own_alone_are_not_called_published(monkeypatch, tmp_path):
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path))
    mine = make_records(4, 6, 4, rng=np.random.default_rng(7))
    add_evidence(mine, "own")
    rule = parse_rule("win_rate > udr_lasso")
    told = trust_of_evidence(rule, "own")
    assert "On 4 data sets (all with runs that you added) whose labels were hidden from it" in str(told)
    told = json.loads(json.dumps(told.to_dict(), allow_nan=False))["published"]
    assert (told["fewest"], told["n_proxies"], told["added"], len(told["without_one"])) == (3, 3, 4, 2)
    other = mine["dataset"].isin(["data1", "data2"])
    mine.loc[other, "configuration"] = "other-" + mine["configuration"]  # each data set has one that it can learn from
    add_evidence(mine, "own")
    told = trust_of_evidence(rule, "own")
    assert (len(told.published.values), told.published.without_one) == (4, None)


def test_the_family_of_the_target_is_no_evidence_for_it():
    rule, table = parse_rule("win_rate > udr_lasso"), evidence_table()
    everything = set(published_evidence(rule, 1).values)
    for target in ("cells", "sprites"):
        family = table.loc[table["dataset"] == target, "family"].iloc[0]
        alike = set(table.loc[table["family"] == family, "dataset"])
        assert target in everything
        assert set(published_evidence(rule, 1, without=[target]).values) == everything - alike
    assert "cells" not in trust(rule, None, target="cells").published.values


def test_objectives_that_cannot_be_trained_are_neither_learned_from_nor_picked_nor_beaten(monkeypatch):
    seen = []

    def worth(rule, fit, target, shares):
        seen.append((fit() | set(target["objective"]), len(target), len(shares)))
        return 0.5

    monkeypatch.setattr(_by_proxies, "worth_of_pick", worth)
    rule = SimpleNamespace(fit=lambda proxies: frozenset(proxies["objective"]))
    part = "dense16"
    everything = set(evidence_table(part)["objective"])
    for left_out in ((), ("ada_gvae",)):
        seen.clear()
        published_evidence(rule, 3, without_objectives=left_out, part=part)
        assert {frozenset(objectives) for objectives, *_ in seen} == {frozenset(everything - {*left_out})}
        assert {(runs, judged) for _, runs, judged in seen} == {(60 - 5 * len(left_out),) * 2}


def test_proxies_are_of_other_families_and_at_most_ten_choices_of_them(monkeypatch):
    records = make_records(9, 4, 2, rng=np.random.default_rng(0))
    records["family"] = records["dataset"].replace({"data1": "data0", "data2": "data0"})
    seen = []
    rule = SimpleNamespace(fit=lambda proxies: frozenset(proxies["dataset"]))
    monkeypatch.setattr(_by_proxies, "worth_of_pick", lambda rule, fit, target, shares: seen.append((
        target["dataset"].iloc[0], fit())) or 0.5)  # fmt: skip
    found = _by_proxies.worths_by_proxies(rule, records, run_scores(records), 3)
    choices = {name: {chosen for target, chosen in seen if target == name} for name in found}
    assert {len(chosen) for chosen in choices.values()} == {10}  # of 20 choices of 3 of 6, and of 56 of 8
    assert not frozenset.union(*choices["data0"]) & {"data0", "data1", "data2"}
    assert frozenset.union(*choices["data3"]) == {f"data{k}" for k in (0, 1, 2, 4, 5, 6, 7, 8)}


def test_what_hangs_on_one_family_of_the_proxies_is_said():
    rule = parse_rule("win_rate > udr_lasso @ 3")
    table = evidence_table("dense16")
    table = table[table["objective"] != "ada_gvae"].dropna(axis="columns", how="all")
    means = []
    for missing in table["family"].unique():
        worth = []
        for _, own in table.groupby("dataset"):
            others = table[~table["family"].isin([missing, own["family"].iloc[0]])]
            worth.append(rule.weights(others, own) @ beats(run_scores(own)))
        means.append(np.mean(worth))
    told = trust_of_evidence(rule, "dense16", without_objectives=["ada_gvae"])
    assert told.published.without_one == pytest.approx((min(means), max(means)))
    assert min(means) < told.published.p - 0.1
    low, high = (f"{100 * end:.0f}" for end in (min(means), max(means)))
    assert f"from what it learned from, it would have been better than {low} to {high} on average." in str(told)


def test_one_family_is_not_left_out_where_no_configuration_is_chosen_or_none_would_be_left(monkeypatch):
    assert trust_of_evidence(parse_rule("any > hierarchical"), "dense16").published.without_one is None
    table = evidence_table("dense16")
    two = table[table["family"].isin(["faces", "cells"])]
    monkeypatch.setattr(_by_proxies, "evidence", lambda part=None: two)
    told = trust_of_evidence(parse_rule("win_rate > udr_lasso"), "dense16")
    assert told.published.without_one is None
    assert "missing from what it learned" not in str(told)


def test_a_data_set_without_what_the_rule_reads_is_no_evidence():
    everything = set(published_evidence(parse_rule("any > udr_lasso"), 1).values)
    table = evidence_table()
    has = set(table.loc[table["metric.latent_share.few5"].notna(), "dataset"])
    assert has & everything == set(published_evidence(parse_rule("any > labels:latent_share.few5"), 1).values)


def evidence(**values):
    return Evidence.of(1, {name: np.array([value]) for name, value in values.items()})


@pytest.mark.parametrize(
    ("own", "published", "decision"),
    [
        ({}, None, DO_NOT),
        ({}, evidence(a=0.9, b=0.9, c=0.95, d=0.9), USE),
        ({}, evidence(a=0.95, b=0.95), BETTER),  # two are too few
        ({}, evidence(a=0.7, b=0.6, c=0.8), BETTER),
        ({}, evidence(a=0.5, b=0.55), DO_NOT),
        ({"a": 0.1, "b": 0.1, "e": 0.1}, evidence(a=0.9, b=0.9, c=0.95, d=0.9), DO_NOT),  # one's own speak against it
        ({"a": 0.3}, evidence(a=0.9, b=0.6), BETTER),  # one data set, one value
        ({"a": 0.3}, evidence(a=0.7, b=0.55), DO_NOT),
    ],
)
def test_decisions(own, published, decision):
    assert decide(own, published) == decision
