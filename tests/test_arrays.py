import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import mutual_info_score

from selectdis._arrays import (
    bin_codes,
    check_codes,
    check_factors,
    entropy,
    live_columns,
    mutual_information_matrix,
    standardise_by,
)
from selectdis.errors import SelectdisError
from tests.metrics import cases


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bins_are_those_of_numpy(dtype):
    codes = np.random.default_rng(0).standard_normal((500, 4)).astype(dtype)
    codes[:, 3] = np.round(codes[:, 3], 1)
    assert (bin_codes(codes) == cases.binned_slowly(codes) - 1).all()


def test_edges_are_open_on_the_right_and_the_maximum_is_in_the_last_bin():
    assert bin_codes(np.array([[0.0], [0.5], [1.0], [2.0]]), 4).ravel().tolist() == [0, 1, 2, 3]


def test_a_constant_and_a_nearly_constant_column():
    one_up = np.nextafter(np.float32(1), np.float32(2))
    codes = np.array([[0.1, 1.0], [0.1, 1.0], [0.1, one_up]], dtype=np.float32)
    binned = bin_codes(codes)
    assert (binned[:, 0] == 0).all()
    assert binned[0, 1] == binned[1, 1] != binned[2, 1]


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, (30, 3), elements=st.integers(0, 4)))
def test_information_is_scikit_learns(columns):
    information = mutual_information_matrix(columns, columns)
    for i in range(3):
        for j in range(3):
            assert information[i, j] == pytest.approx(mutual_info_score(columns[:, i], columns[:, j]), abs=1e-12)
        assert information[i, i] == pytest.approx(entropy(columns[:, i]), abs=1e-12)


def test_standardising_by_the_training_part():
    train, test = np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[5.0, 9.0]])
    x_train, x_test = standardise_by(train, test)
    assert x_train.tolist() == [[-1.0, 0.0], [1.0, 0.0]]
    assert x_test.tolist() == [[3.0, 0.0]]


@pytest.mark.parametrize("shape", [(3,), (0, 2), (3, 0), (2, 2, 2)])
def test_codes_of_a_wrong_shape(shape):
    with pytest.raises(SelectdisError, match=r"\(n_samples, n_latents\)"):
        check_codes(np.zeros(shape))


def test_codes_that_overflow_in_single_precision_are_taken_in_double():
    assert check_codes(np.full((2, 2), 1e30, dtype=np.float32)).dtype == np.float64
    assert check_codes(np.ones((2, 2), dtype=np.float32)).dtype == np.float32
    with pytest.raises(SelectdisError, match=r"column 1 holds 1e\+60"):
        check_codes(np.array([[0.0, 1e60]]))


def test_factors():
    assert check_factors([1, 2, 3], 3).shape == (3, 1)
    with pytest.raises(SelectdisError, match="one row per code"):
        check_factors(np.zeros((2, 2)), 3)
    assert check_factors(np.array([1.0, np.nan, 1.0]), 3).ravel().tolist() == [0, -1, 0]


@pytest.mark.parametrize("codes", [np.ones((3, 2), complex), np.array([["1", "2"]]), np.ones((3, 2), object)])
def test_codes_that_are_no_real_numbers_are_refused(codes):
    with pytest.raises(SelectdisError, match="must be real numbers"):
        check_codes(codes)


def test_a_constant_column_is_dead_even_where_its_variance_rounds_to_more_than_zero():
    codes = np.full((10_000, 3), 0.3, dtype=np.float32)
    codes[0, 1] = 0.4
    assert codes.var(axis=0)[0] > 0
    assert live_columns(codes).tolist() == [False, True, False]
