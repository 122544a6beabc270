from __future__ import annotations

import pytest

from selectdis.data import load_dataset


@pytest.mark.parametrize("image_size", [64, 32, 16])
def test_digits_are_unlabelled_by_default(image_size: int) -> None:
    data = load_dataset("digits", image_size=image_size)
    assert data.images.shape == (1797, 1, image_size, image_size)
    assert not data.labelled
    assert data.images.max() > 240


def test_digits_with_labels() -> None:
    data = load_dataset("digits", image_size=16, labels=True)
    assert data.factor_sizes == (10,)
    assert not data.is_grid
