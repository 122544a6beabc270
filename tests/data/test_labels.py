from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selectdis._factors import MISSING, FactorWarning, as_factors, read_factor
from selectdis.data._labels import continuous_factors, dataset_of_classes, dataset_of_columns, factors_of
from selectdis.errors import SelectdisError

values = st.one_of(
    st.lists(st.integers(-5, 5), min_size=1),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.lists(st.text("abc", min_size=1, max_size=3), min_size=1),
    st.lists(st.booleans(), min_size=1),
)


@given(column=values)
def test_equal_values_and_only_they_share_a_class(column: list) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FactorWarning)
        found = read_factor(column + column, "x", keep_continuous=True)  # twice: nothing is an id
    assert found is not None
    classes = found.classes[: len(column)]
    assert classes.dtype == np.int64
    assert set(classes) == set(range(len(found.names)))
    same = np.array([[a == b for b in column] for a in column])
    assert ((classes[:, None] == classes[None]) == same).all()


@pytest.mark.parametrize(
    "column",
    [
        [1, 2, 1, None, 2],
        [1.0, 2.0, 1.0, np.nan, 2.0],
        ["1", "2.0", "1.0", "NaN", "2"],
        ["1", "2", " 1", "", "2 "],
        np.ma.masked_equal([1, 2, 1, 9, 2], 9),
        [b"1", b"2", b"1", b"N/A", b"2"],
    ],
)
def test_cells_without_a_value_are_missing_and_a_column_of_numbers_stays_one(column: object) -> None:
    with pytest.warns(FactorWarning, match="x has no value in 1 of 5 rows: its scores use the other 4"):
        found = read_factor(column, "x")
    assert found is not None
    assert found.classes.tolist() == [0, 1, 0, MISSING, 1]
    assert found.numbers is not None
    assert found.numbers.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([1.0, np.inf, 1.0], "infinite number"),
        (np.zeros((2, 2)), "one value per row"),
        (["", "nan"], "no value in any row"),
        ([1j, 2j], "numbers or words"),
        (np.linspace(0, 1, 9), r"is continuous \(9 values in 9 rows, such as 0\), .* give bins=10"),
    ],
)
def test_columns_that_give_no_classes(column: object, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        read_factor(column, "x")


def test_ids_are_left_out_and_said() -> None:
    for ids in (np.arange(6), [f"img{k}" for k in range(6)], [*range(5), None]):
        with pytest.warns(FactorWarning, match="x has another value in every row, so it is taken for an id"):
            assert read_factor(ids, "x") is None
    with pytest.warns(FactorWarning, match="column 1 of factors has another value"):
        assert as_factors(np.stack([np.arange(6) % 2, np.arange(6)], axis=1))[:, 1].tolist() == [MISSING] * 6


def test_bins_cut_what_is_continuous_and_only_that() -> None:
    table = np.column_stack(
        [np.random.default_rng(0).exponential(size=100), np.arange(100) % 2, np.arange(100) % 20 / 2]
    )
    with pytest.warns(FactorWarning, match="100 rows are few: .* need about 1,000"):
        classes = as_factors(table, bins=4)
    assert np.bincount(classes[:, 0]).tolist() == [25] * 4
    assert (np.argsort(np.argsort(table[:, 0])) // 25 == classes[:, 0]).all()
    assert (classes[:, 1] == table[:, 1]).all()
    assert (classes[:, 2] == table[:, 2] * 2).all()


def test_a_data_set_keeps_a_continuous_factor_for_what_can_use_it() -> None:
    angle = np.random.default_rng(0).normal(size=8)
    angle[3] = np.nan
    with pytest.warns(FactorWarning, match="factor 'angle' of x has no value in 1 of 8"):
        data = dataset_of_columns(
            "x", np.zeros((8, 1, 16, 16), np.uint8), ("who", "angle"), (list("aabbaabb"), angle), source=""
        )
    assert list(continuous_factors(data)) == [1]
    assert data.factors_at([3]).tolist() == [[1, MISSING]]
    assert np.array_equal(factors_of(data, np.arange(8))[:, 1], angle, equal_nan=True)


def test_a_complete_grid_is_recognised_by_its_order() -> None:
    images = np.zeros((6, 1, 16, 16), np.uint8)
    classes = np.stack(np.unravel_index(np.arange(6), (2, 3)), axis=1)
    assert dataset_of_classes("x", images, "ab", (2, 3), classes, source="").is_grid
    turned = dataset_of_classes("x", images, "ab", (2, 3), classes[::-1], source="")
    assert not turned.is_grid
    assert turned.factors_at([0]).tolist() == [[1, 2]]
    with pytest.raises(SelectdisError, match="without labels a full grid"):
        dataset_of_classes("x", images, "ab", (2, 4), None, source="f")


def test_minus_one_beside_classes_is_said() -> None:
    with pytest.warns(FactorWarning, match=r"x has the value -1 in 2 of 6 rows, which counts as a value"):
        assert read_factor([-1, 0, 1, 2, -1, 0], "x").names[0] == "-1"  # type: ignore[union-attr]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_factor([-1, 1, -1, 1, 1], "x")
        read_factor([-2, -1, 0, 0, 1, 1], "x")
