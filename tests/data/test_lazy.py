from __future__ import annotations

import numpy as np
import pytest

from selectdis.data.reading._lazy import LazyImages


def numbered(indices: np.ndarray) -> np.ndarray:
    return np.repeat(indices.astype(np.uint8), 3 * 4 * 4).reshape(-1, 3, 4, 4)


LAZY = LazyImages((50, 3, 4, 4), numbered)
WHOLE = numbered(np.arange(50))


@pytest.mark.parametrize(
    "key",
    [0, -1, np.int64(7), slice(None), slice(40, 5, -3), slice(48, 99), [3, 3, -2], np.array([[1, 2], [3, 4]]), ..., [],
     np.arange(50) % 7 == 0],
)  # fmt: skip
def test_indexing_is_that_of_an_array(key: object) -> None:
    expected = WHOLE[np.asarray(key, dtype=int)] if isinstance(key, list) else WHOLE[key]
    found = LAZY[key]
    assert found.dtype == np.uint8
    assert found.shape == expected.shape
    assert (found == expected).all()


def test_it_can_become_an_array() -> None:
    assert (np.asarray(LAZY) == WHOLE).all()
    assert np.asarray(LAZY, dtype=np.float32).dtype == np.float32
    assert len(list(LAZY)) == len(LAZY) == 50
    with pytest.raises(ValueError, match="without a copy"):
        np.array(LAZY, copy=False)


@pytest.mark.parametrize("key", [50, -51, [0, 50]])
def test_outside_is_an_index_error(key: object) -> None:
    with pytest.raises(IndexError):
        LAZY[key]


def test_only_the_first_axis_is_indexed() -> None:
    with pytest.raises(TypeError, match="first axis"):
        LAZY[0, 1]
