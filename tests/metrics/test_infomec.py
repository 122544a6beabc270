import numpy as np
import pytest

from selectdis._arrays import DegenerateWarning
from selectdis.metrics import infomec
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=10)


def test_perfect_codes():
    scores = infomec(cases.perfect(FACTORS), FACTORS)
    assert scores == pytest.approx((1.0, 1.0, 1.0), abs=0.06)


def test_rotation_costs_modularity_and_compactness_but_little_explicitness():
    straight, turned = (infomec(cases.REPRESENTATIONS[name](FACTORS), FACTORS) for name in ("perfect", "rotated"))
    assert turned.infom < straight.infom - 0.3
    assert turned.infoc < straight.infoc - 0.3
    assert turned.infoe > 0.9


def test_duplicated_codes_are_modular_and_half_compact():
    scores = infomec(cases.duplicated(FACTORS), FACTORS)
    assert scores.infom > 0.95
    assert scores.infoc == pytest.approx((1 / 2 - 1 / 6) / (1 - 1 / 6), abs=0.02)


def test_inactive_codes_are_left_out():
    codes = cases.perfect(FACTORS)
    small = 0.01 * np.random.default_rng(0).standard_normal((len(codes), 4))
    with_small = infomec(np.column_stack([codes, small]), FACTORS)
    without = infomec(codes, FACTORS)
    assert (with_small.infom, with_small.infoc) == (without.infom, without.infoc)


def test_constant_codes_are_zero():
    with pytest.warns(DegenerateWarning, match="every code is constant"):
        assert infomec(cases.constant(FACTORS), FACTORS) == (0.0, 0.0, 0.0)
