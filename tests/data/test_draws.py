from __future__ import annotations

import numpy as np
import pytest

from selectdis.data import ImageDataset
from selectdis.errors import SelectdisError

GRID = ImageDataset("grid", np.zeros((120, 1, 16, 16), np.uint8), ("a", "one", "b", "c"), (4, 1, 5, 6))
LABELLED = GRID.subset(np.random.default_rng(1).permutation(120)[:90])


@pytest.mark.parametrize("data", [GRID, LABELLED], ids=["grid", "labelled"])
def test_a_batch_shares_its_factor_and_nothing_else(data: ImageDataset) -> None:
    indices, factor = data.draw_fixed_factor(300, 16, np.random.default_rng(0))
    assert indices.shape == (300, 16)
    assert indices.dtype == factor.dtype == np.int64
    assert set(factor) == {0, 2, 3}  # never the constant one
    values = data.factors_at(indices.ravel()).reshape(300, 16, 4)
    for k in (0, 2, 3):
        spread = np.ptp(values[factor == k], axis=1)
        assert (spread[:, k] == 0).all()
        assert (np.delete(spread, [1, k], axis=1) > 0).mean() > 0.99


@pytest.mark.parametrize("data", [GRID, LABELLED], ids=["grid", "labelled"])
def test_pairs_share_their_factor_row_by_row(data: ImageDataset) -> None:
    first, second, factor = data.draw_pairs(300, 16, np.random.default_rng(0))
    assert first.shape == second.shape == (300, 16)
    assert set(factor) == {0, 2, 3}
    one = data.factors_at(first.ravel()).reshape(300, 16, 4)
    two = data.factors_at(second.ravel()).reshape(300, 16, 4)
    vote = np.arange(300)
    assert (one[vote, :, factor] == two[vote, :, factor]).all()
    assert (one[..., [0, 2, 3]] == two[..., [0, 2, 3]]).mean() < 0.6
    assert len(np.unique(one[factor == 0][..., 0])) == 4  # the shared value changes within a batch


def test_draws_are_uniform_over_images_of_a_value() -> None:
    labelled = GRID.subset(np.arange(120))  # the same images, without knowing that they are a grid
    for data in (GRID, labelled):
        indices, _ = data.draw_fixed_factor(4000, 8, np.random.default_rng(0))
        counts = np.bincount(indices.ravel(), minlength=120)
        assert counts.min() > 0.6 * counts.mean()
        assert counts.max() < 1.4 * counts.mean()


def test_the_same_seed_draws_the_same() -> None:
    for data in (GRID, LABELLED):
        one, two = (data.draw_pairs(10, 4, np.random.default_rng(7)) for _ in range(2))
        assert all((a == b).all() for a, b in zip(one, two, strict=True))


def labelled(*columns: list[int]) -> ImageDataset:
    factors = np.array(columns).T
    images = np.zeros((len(factors), 1, 16, 16), np.uint8)
    return ImageDataset("l", images, tuple("pqrs"[: len(columns)]), tuple(factors.max(axis=0) + 1), factors)


def test_a_pair_on_labels_is_of_two_images() -> None:
    first, second, _ = labelled([0, 0, 1, 1, 1]).draw_pairs(50, 4, np.random.default_rng(0))
    assert (first != second).all()


def test_values_with_a_single_image_are_never_held() -> None:
    data = labelled([0, 0, 0, 1], [0, 0, 1, 1])
    indices, factor = data.draw_fixed_factor(200, 4, np.random.default_rng(0))
    assert 3 not in indices[factor == 0]


def test_a_factor_without_equals_is_left_out_with_a_warning() -> None:
    data = labelled([0, 1, 2, 3], [0, 0, 1, 1])
    with pytest.warns(UserWarning, match="no two images share a value of p"):
        _, factor = data.draw_fixed_factor(50, 4, np.random.default_rng(0))
    assert set(factor) == {1}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (labelled([0, 1, 2, 3]), "each value has a single image"),
        (labelled([0, 0, 0]), "every factor is constant"),
        (ImageDataset("g", np.zeros((3, 1, 16, 16), np.uint8), ("a", "b"), (3, 1)), "at least two factors"),
    ],
)
def test_interventions_that_cannot_be_drawn(data: ImageDataset, message: str) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(SelectdisError, match=message):
        data.draw_fixed_factor(4, 4, rng)
    with pytest.raises(SelectdisError, match=message):
        data.draw_pairs(4, 4, rng)
