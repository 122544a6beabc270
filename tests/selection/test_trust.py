"""What is said of a rule."""

import json

import numpy as np
import pytest

from selectdis.errors import SelectdisError
from selectdis.selection import Rule, backtest, by_criterion, trust

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
    assert "Nothing is known of how it does on another data set" in str(told)


@pytest.mark.parametrize("evidence", [None, make_records(1, 8, 1, rng=np.random.default_rng(0))])
def test_nothing_known(evidence):
    told = trust(PERFECT, evidence)
    assert told.known == "nothing"
    assert str(told).startswith("Nothing is known")
    assert told.to_dict()["p"] is None
    json.dumps(told.to_dict(), allow_nan=False)
