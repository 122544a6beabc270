import numpy as np
import pytest

from selectdis.metrics import sap
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=10)
HALF = len(FACTORS) // 2


def of(codes, factors=FACTORS):
    return sap(codes[:HALF], factors[:HALF], codes[HALF:], factors[HALF:])


def test_binary_factors_in_one_code_each_are_one_half():
    factors = cases.factors_grid((2, 2, 2), 40)
    codes = factors.astype(np.float32)
    half = len(factors) // 2
    # The best code predicts a binary factor always, any other one half of the time.
    assert sap(codes[:half], factors[:half], codes[half:], factors[half:]) == pytest.approx(0.5, abs=0.1)


def test_duplicated_codes_leave_no_gap():
    assert of(cases.duplicated(FACTORS)) == pytest.approx(0.0, abs=1e-12)


def test_constant_codes_leave_no_gap():
    assert of(cases.constant(FACTORS)) == 0.0


def test_a_single_code_is_compared_with_no_code():
    assert of(FACTORS[:, :1].astype(np.float32), FACTORS[:, :1]) > 0.6


def test_rare_classes_weigh_as_much_as_frequent_ones():
    rng = np.random.default_rng(0)
    factors = (rng.random((1000, 1)) < 0.1).astype(int)
    # A machine that minds frequency alone never names the rare class, and is right nine times in ten.
    assert sap(rng.standard_normal((500, 1)), factors[:500], rng.standard_normal((500, 1)), factors[500:]) < 0.75
