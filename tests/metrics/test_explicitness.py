import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from selectdis._arrays import DegenerateWarning
from selectdis.metrics import explicitness
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=10)
HALF = len(FACTORS) // 2


def of(codes, factors=FACTORS):
    return explicitness(codes[:HALF], factors[:HALF], codes[HALF:], factors[HALF:])


def test_perfect_codes():
    assert of(cases.perfect(FACTORS)) == pytest.approx((1.0, 1.0), abs=1e-3)


def test_constant_codes_are_at_chance():
    assert of(cases.constant(FACTORS)) == pytest.approx((0.5, 0.5))


def test_against_scikit_learn():
    codes = cases.rotated(FACTORS) + 0.3 * np.random.default_rng(0).standard_normal((len(FACTORS), 6))
    mean, deviation = codes[:HALF].mean(axis=0), codes[:HALF].std(axis=0)
    x_train, x_test = ((part - mean) / deviation for part in (codes[:HALF], codes[HALF:]))
    areas = []
    for factor in FACTORS.T:
        p = LogisticRegression().fit(x_train, factor[:HALF]).predict_proba(x_test)
        areas.append(roc_auc_score(factor[HALF:, None] == np.unique(factor), p, average="macro"))
    assert of(codes).test == pytest.approx(np.mean(areas), abs=1e-9)


def test_nothing_to_tell_apart():
    with pytest.warns(DegenerateWarning, match=r"0\.5 by convention"):
        assert of(cases.perfect(FACTORS), np.zeros_like(FACTORS)) == (0.5, 0.5)
