from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selectdis.data._labels import classes_of, dataset_of_classes
from selectdis.errors import SelectdisError

values = st.one_of(
    st.lists(st.integers(-5, 5), min_size=1),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=3), min_size=1),
    st.lists(st.booleans(), min_size=1),
)


@given(column=values)
def test_equal_values_and_only_they_share_a_class(column: list) -> None:
    classes, names = classes_of(column, "x")
    assert classes.dtype == np.int64
    assert set(classes) == set(range(len(names)))
    same = np.array([[a == b for b in column] for a in column])
    assert ((classes[:, None] == classes[None]) == same).all()


@pytest.mark.parametrize(
    ("column", "message"),
    [([1.0, np.nan], "NaN or infinite"), (np.zeros((2, 2)), "one value per image"), (["a", " "], "empty in row 2")],
)
def test_columns_that_give_no_classes(column: object, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        classes_of(column, "x")


def test_a_complete_grid_is_recognised_by_its_order() -> None:
    images = np.zeros((6, 1, 16, 16), np.uint8)
    classes = np.stack(np.unravel_index(np.arange(6), (2, 3)), axis=1)
    assert dataset_of_classes("x", images, "ab", (2, 3), classes, source="").is_grid
    turned = dataset_of_classes("x", images, "ab", (2, 3), classes[::-1], source="")
    assert not turned.is_grid
    assert turned.factors_at([0]).tolist() == [[1, 2]]
    with pytest.raises(SelectdisError, match="without labels a full grid"):
        dataset_of_classes("x", images, "ab", (2, 4), None, source="f")
