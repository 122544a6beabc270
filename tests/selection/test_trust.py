"""What is said of a rule."""

import json
from pathlib import Path

import numpy as np
import pytest

from selectdis.errors import SelectdisError
from selectdis.records import read_records
from selectdis.selection import (
    Evidence,
    Rule,
    backtest,
    by_criterion,
    parse_rule,
    published_evidence,
    published_records,
    trust,
)
from selectdis.selection._trust import BETTER, DO_NOT, USE, decide

from .records import make_records

ROOT = Path(__file__).parents[2]
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
    assert (told.published.p, told.published.n_proxies, len(found.values)) == (found.p, 1, 5)
    assert "train the 2 settings that scored best on labelled images" in text
    assert f"with one data set to learn from, its pick beat a random run with probability {found.p:.2f} [" in text
    assert f"{found.high:.2f}] (in brackets: the 95% interval of the average): of 100 trained runs" in text
    assert "Your own runs cannot tell" in text
    assert told.decision == BETTER
    assert text.rpartition("Decision: ")[2].startswith(BETTER)
    assert told.to_dict()["published"]["p"] == found.p
    alone = trust(rule, None)
    assert (alone.known, alone.decision) == ("nothing", BETTER)
    assert "Your own runs add nothing to that: no labelled data set was given" in str(alone)


def test_the_target_is_no_evidence_for_itself():
    found = published_evidence(parse_rule("win_rate > udr_lasso"), 4, without=["glyphs"])
    assert "glyphs" not in found.values
    assert (len(found.values), found.n_proxies) == (4, 3)
    assert "glyphs" not in trust(parse_rule("win_rate > udr_lasso"), None, target="glyphs").published.values


def test_a_data_set_without_what_the_rule_reads_is_no_evidence():
    assert set(published_evidence(parse_rule("any > labels:mig.few100"), 1).values) == {
        *("sprites", "scenes", "glyphs", "noisy_dsprites")
    }


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


def test_the_copy_in_the_package_is_the_published_table():
    source, copy = read_records(ROOT / "studies/transfer-cpu.csv.gz"), published_records()
    rule = parse_rule("any > calibrated")  # reads all of it
    tables = [backtest(records, [rule], n_bootstrap=2).table for records in (source, copy)]
    np.testing.assert_array_equal(*(table["p_beats_random"] for table in tables))
