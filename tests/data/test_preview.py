from __future__ import annotations

import numpy as np
import pytest

from selectdis.data import load_dataset, preview
from selectdis.data._preview import CELL, GAP
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
