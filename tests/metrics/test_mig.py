import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from selectdis._arrays import DegenerateWarning
from selectdis.metrics import mig
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=10)


def test_perfect_codes_are_near_one():
    assert mig(cases.perfect(FACTORS), FACTORS) > 0.98


def test_duplicated_codes_leave_no_gap():
    assert mig(cases.duplicated(FACTORS), FACTORS) == pytest.approx(0.0, abs=1e-12)


def test_constant_codes_know_nothing():
    assert mig(cases.constant(FACTORS), FACTORS) == 0.0


def test_a_single_code_has_no_second():
    factors = FACTORS[:, :1]
    assert mig(factors.astype(np.float32), factors) == pytest.approx(1.0)


def test_a_constant_factor_is_left_out():
    with_constant = np.column_stack([FACTORS, np.ones(len(FACTORS), dtype=int)])
    with pytest.warns(DegenerateWarning, match=r"mig: left out constant factor\(s\) 3"):
        score = mig(cases.perfect(FACTORS), with_constant)
    assert score == mig(cases.perfect(FACTORS), FACTORS)


def test_no_factor_left_is_zero():
    with pytest.warns(DegenerateWarning):
        assert mig(cases.perfect(FACTORS), np.zeros(len(FACTORS), dtype=int)) == 0.0


@pytest.mark.parametrize("representation", ["rotated", "with_noise_codes", "noise"])
def test_against_loops_over_scikit_learn(representation):
    codes = cases.REPRESENTATIONS[representation](FACTORS)
    information = np.sort(cases.information_slowly(cases.binned_slowly(codes), FACTORS), axis=0)
    entropies = cases.information_slowly(FACTORS, FACTORS).diagonal()
    assert mig(codes, FACTORS) == pytest.approx(np.mean((information[-1] - information[-2]) / entropies), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    codes=arrays(np.float32, (12, 3), elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    factors=arrays(np.int64, (12, 2), elements=st.integers(0, 3)),
    order=st.permutations(range(3)),
)
@pytest.mark.filterwarnings("ignore::selectdis._arrays.DegenerateWarning")
def test_in_range_and_blind_to_the_order_of_codes(codes, factors, order):
    score = mig(codes, factors)
    assert 0 <= score <= 1 + 1e-12
    assert mig(codes[:, order], factors) == pytest.approx(score, abs=1e-12)
