import numpy as np
import pytest

from selectdis._arrays import DegenerateWarning
from selectdis.metrics import modularity
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=10)


def test_exact_codes_are_modular():
    assert modularity(FACTORS.astype(float), FACTORS) == pytest.approx(1.0)


def test_a_code_without_information_counts_zero():
    with_dead = np.column_stack([FACTORS, np.zeros(len(FACTORS))])
    assert modularity(with_dead, FACTORS) == pytest.approx(3 / 4)


def test_exactly_independent_counts_are_no_information():
    # A code that takes each value equally often with each factor value: rounding leaves 1e-17, which must not count.
    grid = cases.factors_grid((3, 4, 5, 3), 1)
    assert modularity(grid[:, [3]].astype(float), grid[:, :3]) == 0.0


def test_a_single_factor():
    with pytest.warns(DegenerateWarning, match="single factor"):
        assert modularity(cases.perfect(FACTORS), FACTORS[:, :1]) == pytest.approx(1.0)


def test_against_loops_over_scikit_learn():
    codes = cases.rotated(FACTORS)
    squared = cases.information_slowly(cases.binned_slowly(codes), FACTORS) ** 2
    top = squared.max(axis=1)
    slow = np.mean(1 - (squared.sum(axis=1) - top) / (top * 2))
    assert modularity(codes, FACTORS) == pytest.approx(slow, rel=1e-12)
