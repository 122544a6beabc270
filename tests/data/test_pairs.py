"""Pairs of images that share factors: drawn by their factors, listed in a table, or neighbouring frames."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selectdis.data import ImageDataset, load_dataset
from selectdis.data._pairs import FactorPairs, ListedPairs
from selectdis.data._reference import DataReference
from selectdis.errors import SelectdisError

SIZES = (3, 4, 1, 5)  # of which one factor does not vary
ROWS = np.array(list(product(*map(range, SIZES))))


def labelled(factors=None, n=None, **options):
    images = np.zeros((len(ROWS) if n is None else n, 1, 16, 16), np.uint8)
    return ImageDataset("made up", images, ("a", "b", "c", "d"), SIZES, factors, **options)


def differences(data, n=3_000):
    first, second = data.pairs.draw(n, np.random.default_rng(0))
    return data.factors_at(first) != data.factors_at(second)


@pytest.mark.parametrize("factors", [None, ROWS, np.repeat(ROWS[:45], 2, axis=0)], ids=["grid", "rows", "gaps"])
@pytest.mark.parametrize("k", [1, 2])
def test_exactly_k_factors_differ_each_of_them_as_often(factors, k):
    data = labelled(factors, None if factors is None else len(factors), pairs_differ_in=k)
    found = differences(data)
    assert (found.sum(1) == k).all()
    if factors is None:
        np.testing.assert_allclose(found.mean(0), [k / 3, k / 3, 0, k / 3], atol=0.04)


def test_k_is_drawn_from_one_to_all_but_one():
    counts = np.bincount(differences(labelled()).sum(1), minlength=4)
    assert counts[[0, 3]].tolist() == [0, 0]
    np.testing.assert_allclose(counts[[1, 2]] / counts.sum(), 0.5, atol=0.04)


def test_every_other_value_is_as_likely_and_every_image_comes():
    pairs = FactorPairs((5, 2), None, 1)
    first, second = pairs.draw(20_000, np.random.default_rng(1))
    assert np.bincount(first, minlength=10).min() > 1_800
    changed = (second // 2 - first // 2) % 5
    np.testing.assert_allclose(np.bincount(changed[changed > 0])[1:] / (changed > 0).sum(), 0.25, atol=0.02)


def test_images_without_a_value_are_never_drawn():
    factors = ROWS.copy()
    factors[::2, 1] = -1
    first, second = labelled(factors).pairs.draw(500, np.random.default_rng(0))
    assert (np.concatenate([first, second]) % 2 == 1).all()


def test_where_several_images_have_the_same_factors_any_of_them_comes():
    data = labelled(np.repeat(ROWS, 3, axis=0), 3 * len(ROWS))
    _, second = data.pairs.draw(3_000, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(second % 3) / 3_000, 1 / 3, atol=0.05)


@pytest.mark.parametrize(
    ("sizes", "factors", "k", "why"),
    [
        ((4, 1), None, None, "of its factors 1 vary"),
        ((4, 3, 2), None, 3, "1 to 2 can differ in a pair, not 3"),
        ((50, 50), np.stack([np.arange(50)] * 2, 1), None, "too few of its images differ in 1 factors"),
        ((2, 2), np.full((4, 2), -1), None, "of its factors 0 vary"),
    ],
)
def test_factors_that_give_no_pairs(sizes, factors, k, why):
    with pytest.raises(SelectdisError, match=why):
        FactorPairs(sizes, factors, k)


def test_a_data_set_says_whether_and_why_not():
    assert labelled().no_pairs == ""
    plain = labelled().without_labels()
    assert plain.pairs is None
    assert "no factors to draw them by" in plain.no_pairs
    assert load_dataset("digits", image_size=16).pairs is None  # it has no labels


def test_k_is_an_option_of_the_data_set():
    data = load_dataset("sprites", image_size=16, pairs_differ_in=2)
    assert (differences(data, 100).sum(1) == 2).all()
    with pytest.raises(SelectdisError, match="'digits' gives no pairs that differ in 1 factors: it has no factors"):
        load_dataset("digits", pairs_differ_in=1)
    with pytest.raises(SelectdisError, match="pairs_differ_in must be a whole number"):
        load_dataset("sprites", pairs_differ_in="two")


def test_the_rest_of_a_split_keeps_its_pairs():
    train, _ = labelled(pairs_differ_in=1).split(0.5, seed=0)
    assert (differences(train, 300).sum(1) == 1).all()
    listed = ImageDataset("x", np.zeros((6, 1, 16, 16), np.uint8), listed_pairs=np.array([[0, 1], [4, 5], [2, 5]]))
    assert listed.subset([5, 4, 0]).listed_pairs.tolist() == [[1, 0]]
    assert listed.subset([0, 2]).pairs is None


def test_listed_pairs_come_in_either_order():
    drawn = set(zip(*ListedPairs(np.array([[0, 1], [4, 2]])).draw(100, np.random.default_rng(0)), strict=True))
    assert drawn == {(0, 1), (1, 0), (4, 2), (2, 4)}


@pytest.mark.parametrize("pairs", [[[0, 6]], [[-1, 0]], [0, 1], np.empty((0, 2), int), [[0.0, 1.0]]])
def test_listed_pairs_are_images(pairs):
    with pytest.raises(SelectdisError, match=r"pairs (of 'x' must lie in 0\.\.5|are int \(m, 2\))"):
        ImageDataset("x", np.zeros((6, 1, 16, 16), np.uint8), listed_pairs=np.array(pairs))


def picture(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((16, 16), shade, np.uint8)).save(path)


def shades(data):
    """Pairs of the shades of their pictures."""
    return {tuple(sorted(int(data.images[i][0, 0, 0]) for i in pair)) for pair in data.listed_pairs}


def test_clips_pair_neighbouring_frames(tmp_path):
    for name, shade in {
        "a/frame9": 9,
        "a/frame10": 10,
        "a/frame11": 11,
        "b/x/1": 21,
        "b/x/2": 22,
        "alone/1": 30,
    }.items():
        picture(tmp_path / f"{name}.png", shade)
    data = load_dataset(f"clips:{tmp_path}", image_size=16)
    assert len(data) == 6
    assert not data.labelled
    assert shades(data) == {(9, 10), (10, 11), (21, 22)}
    (tmp_path / "a" / "frame10.png").write_bytes(b"broken")
    with pytest.warns(UserWarning, match="frame10"):
        assert shades(load_dataset(f"clips:{tmp_path}", image_size=16)) == {(21, 22)}


def test_clips_without_neighbours_are_refused(tmp_path):
    picture(tmp_path / "a" / "1.png", 1)
    with pytest.raises(SelectdisError, match="holds no clip of two frames or more"):
        load_dataset(f"clips:{tmp_path}")
    with pytest.raises(SelectdisError, match="needs a folder of clips"):
        load_dataset(f"clips:{tmp_path}/none")


def test_a_table_of_two_columns_of_paths(tmp_path):
    for shade in (1, 2, 3):
        picture(tmp_path / "pictures" / f"{shade}.png", shade)
    (tmp_path / "p.csv").write_text("left,right\npictures/1.png,pictures/2.png\npictures/3.png,pictures/2.png\n")
    data = load_dataset(f"pairs:{tmp_path}/p.csv", image_size=16)
    assert len(data) == 3
    assert shades(data) == {(1, 2), (2, 3)}
    (tmp_path / "three.csv").write_text("left,right,who\npictures/1.png,pictures/2.png,me\n")
    with pytest.raises(SelectdisError, match="needs two columns of paths, found left, right, who"):
        load_dataset(f"pairs:{tmp_path}/three.csv", image_size=16)
    named = load_dataset(f"pairs:{tmp_path}/three.csv", image_size=16, columns=["left", "right"])
    assert shades(named) == {(1, 2)}


def test_a_stored_data_set_keeps_its_pairs(tmp_path):
    images = np.arange(4 * 256, dtype=np.uint16).astype(np.uint8).reshape(4, 1, 16, 16)
    data = ImageDataset("own", images, listed_pairs=np.array([[0, 3], [1, 2]]))
    loaded = DataReference.of(data, folder=tmp_path).load()
    assert loaded.listed_pairs.tolist() == [[0, 3], [1, 2]]
    assert loaded.fingerprint == data.fingerprint != ImageDataset("own", images).fingerprint
    by_factors = labelled(pairs_differ_in=2)
    assert DataReference.of(by_factors, folder=tmp_path).load().pairs_differ_in == 2
