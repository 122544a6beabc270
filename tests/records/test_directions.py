"""Directions come from the registries of metrics and criteria."""

from dataclasses import replace

import pytest

from selectdis.criteria import CRITERIA
from selectdis.errors import SelectdisError
from selectdis.metrics import METRICS
from selectdis.records import direction

SCORES = [(name, score) for score in (*METRICS.values(), *CRITERIA.values()) for name in score.produces]
LOWER = ("reconstruction", "kl", "gaussian_tc", "gaussian_wasserstein", "mutual_information")


def test_every_score_says_which_way_is_better():
    assert [name for name, score in SCORES if score.higher_is_better is None] == []
    assert {name for name, _ in SCORES if direction(name) < 0} == set(LOWER)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("kl.sampled", -1), ("mig.few100.sampled", 1), ("downstream_lr_77", 1), ("gaussian_tc_of_pairs", -1)],
)
def test_a_variant_has_the_direction_of_what_it_varies(name, expected):
    assert direction(name) == expected


def test_an_unknown_score_has_none():
    with pytest.raises(SelectdisError, match=r"write '\+mystery' or '-mystery'"):
        direction("mystery")


def test_a_score_that_is_registered_later_is_known(monkeypatch):
    worse = replace(METRICS["mig"], name="confusion", produces=("confusion_a",), higher_is_better=False)
    monkeypatch.setitem(METRICS, "confusion", worse)
    assert direction("confusion_a.few100") == -1
    monkeypatch.setitem(METRICS, "confusion", replace(worse, higher_is_better=True))
    assert direction("confusion_a.few100") == 1
