import numpy as np
import pytest

from selectdis.criteria import mutual_information
from tests.metrics import cases


def test_against_loops_over_scikit_learn():
    codes = np.random.default_rng(0).standard_normal((300, 4)).astype(np.float32)
    binned = cases.binned_slowly(codes)
    information = cases.information_slowly(binned, binned)
    np.fill_diagonal(information, 0)
    assert mutual_information(codes) == pytest.approx(information.sum() / 12, rel=1e-12)


def test_equal_codes_share_all_they_have():
    column = np.repeat(np.arange(20.0), 10)
    assert mutual_information(np.column_stack([column, column])) == pytest.approx(np.log(20))


def test_dead_codes_count_as_zero_and_one_code_is_zero():
    column = np.repeat(np.arange(20.0), 10)
    with_dead = np.column_stack([column, column, np.ones(200)])
    assert mutual_information(with_dead) == pytest.approx(np.log(20) / 3)
    assert mutual_information(column[:, None]) == 0.0
