from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selectdis.data import ImageDataset, load_dataset
from selectdis.errors import SelectdisError


def blank(n: int = 24) -> np.ndarray:
    images = np.zeros((n, 1, 16, 16), dtype=np.uint8)
    images[:, 0, 0, 0] = np.arange(n)
    return images


GRID = ImageDataset("grid", blank(), ("a", "b", "c"), (2, 3, 4))


def test_the_last_factor_changes_fastest() -> None:
    assert GRID.is_grid
    assert GRID.factors_at([0, 1, 4, 23]).tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 2, 3]]
    assert GRID.indices_of(GRID.factors_at(range(24))).tolist() == list(range(24))
    assert GRID.image_shape == (1, 16, 16)


def test_subset_and_split_keep_images_and_factors_together() -> None:
    train, held_out = GRID.split(0.75, seed=0)
    assert (len(train), len(held_out)) == (18, 6)
    for part in (train, held_out):
        assert not part.is_grid
        assert part.labelled
        original = part.images_at(range(len(part)))[:, 0, 0, 0]
        assert (part.factors_at(range(len(part))) == GRID.factors_at(original)).all()
    both = np.concatenate([train.images[:], held_out.images[:]])[:, 0, 0, 0]
    assert sorted(both) == list(range(24))
    with pytest.raises(SelectdisError, match="leaves one empty"):
        GRID.split(1.0, seed=0)
    with pytest.raises(SelectdisError, match=r"must lie in 0\.\.23"):
        GRID.subset([24])


def test_subset_finds_images_by_factors() -> None:
    part = GRID.subset([3, 9, 20])
    assert part.indices_of(GRID.factors_at([20, 3])).tolist() == [2, 0]
    with pytest.raises(SelectdisError, match="no image of 'grid'"):
        part.indices_of(GRID.factors_at([5]))
    with pytest.raises(SelectdisError, match=r"factor 'b' has classes 0\.\.2, found 3"):
        GRID.indices_of(np.array([[0, 3, 0]]))


def test_samples_repeat_only_when_they_must() -> None:
    rng = np.random.default_rng(0)
    assert sorted(GRID.sample_indices(24, rng)) == list(range(24))
    assert len(GRID.sample_indices(100, rng)) == 100


def test_without_labels() -> None:
    bare = GRID.without_labels()
    assert not bare.labelled
    assert bare.images is GRID.images
    with pytest.raises(SelectdisError, match="needs known factors"):
        bare.factors_at([0])
    with pytest.raises(SelectdisError, match="needs known factors"):
        bare.draw_pairs(2, 2, np.random.default_rng(0))


def test_fingerprint_follows_the_content() -> None:
    same = ImageDataset("other name", blank(), ("a", "b", "c"), (2, 3, 4))
    changed = blank()
    changed[0, 0, 5, 5] = 1
    assert same.fingerprint == GRID.fingerprint
    assert ImageDataset("grid", changed, ("a", "b", "c"), (2, 3, 4)).fingerprint != GRID.fingerprint
    assert GRID.without_labels().fingerprint != GRID.fingerprint
    assert load_dataset("sprites").fingerprint == load_dataset("sprites").fingerprint


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((blank().astype(float),), "images are uint8"),
        ((blank()[:, 0],), "images are uint8"),
        ((blank(0),), "holds no images"),
        ((blank(), ("a",), (2, 12)), "one different name per factor"),
        ((blank(), ("a", "a"), (2, 12)), "one different name per factor"),
        ((blank(), ("a", "b"), (2, 13)), "has 26 images"),
        ((blank(), ("a",), (2,), np.zeros((24, 2), int)), r"factors are int \(24, 1\)"),
        ((blank(), ("a",), (2,), np.full((24, 1), 2)), r"must lie in 0\.\.size-1"),
    ],
)
def test_parts_that_do_not_fit(arguments: tuple, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        ImageDataset("bad", *arguments)


@pytest.mark.parametrize("name", ["sprites", "scenes", "glyphs"])
def test_lazy_data_travels_to_another_process(name: str) -> None:
    data = load_dataset(name)
    copy = pickle.loads(pickle.dumps(data))  # noqa: S301 (our own bytes)
    assert (copy.images[5] == data.images[5]).all()


sizes = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)


@given(sizes=sizes, seed=st.integers(0, 2**32 - 1))
def test_grid_indices_are_a_bijection(sizes: tuple[int, ...], seed: int) -> None:
    n = int(np.prod(sizes))
    data = ImageDataset("g", np.zeros((n, 1, 1, 1), np.uint8), tuple(map(str, range(len(sizes)))), sizes)
    index = np.random.default_rng(seed).permutation(n)
    assert (data.indices_of(data.factors_at(index)) == index).all()


def test_the_seed_decides_a_split() -> None:
    parts = [GRID.split(0.75, seed=seed)[0].images[:, 0, 0, 0].tolist() for seed in (1, 1, 2)]
    assert parts[0] == parts[1] != parts[2]
