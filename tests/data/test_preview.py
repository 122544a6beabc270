from __future__ import annotations

import numpy as np
import pytest

from selectdis.data import load_dataset, preview
from selectdis.data._preview import CELL, GAP, _factor_strips
from selectdis.errors import SelectdisError


def rows_of(sheet) -> int:
    return (sheet.height - GAP) // (CELL + GAP)


def test_one_row_a_factor() -> None:
    data = load_dataset("sprites", image_size=16)
    assert rows_of(preview(data, rows=2)) == 2 + 5
    assert rows_of(preview(data.without_labels(), rows=2)) == 2
    assert rows_of(preview(data.subset(range(50)), rows=2)) == 2 + 5
    assert (np.asarray(preview(data, seed=1)) == np.asarray(preview(data, seed=1))).all()


def test_few_images_and_colours() -> None:
    data = load_dataset("scenes", image_size=32).subset([0, 1, 2])
    assert rows_of(preview(data, columns=10)) == 1 + 6
    with pytest.raises(SelectdisError, match="at least 2 columns"):
        preview(data, columns=1)


@pytest.mark.parametrize("grid", [True, False])
def test_a_row_goes_from_the_first_value_to_the_last(grid) -> None:
    data = load_dataset("sprites", image_size=16, sizes=(3, 2, 1, 12, 4))
    if not grid:
        data = data.subset(np.random.default_rng(1).permutation(len(data)))
        assert not data.is_grid
    strips = _factor_strips(data, 5, np.random.default_rng(0))
    assert [title for title, _ in strips] == ["shape (3)", "scale (2)", "orientation (1)", "x (12)", "y (4)"]
    for k, (_, indices) in enumerate(strips):
        shown = data.factors_at(indices)
        assert (shown[0, k], shown[-1, k]) == (0, data.factor_sizes[k] - 1)
        assert (np.delete(shown, k, axis=1) == np.delete(shown[:1], k, axis=1)).all()
    assert data.factors_at(strips[3][1])[:, 3].tolist() == [0, 3, 6, 8, 11]
