"""What every drawn family promises."""

from __future__ import annotations

import pickle
from functools import cache

import numpy as np
import pytest

from selectdis.data import DATASETS, ImageDataset, load_dataset
from selectdis.data._load import options_of
from selectdis.data.drawn import _grid, _strokes
from selectdis.errors import SelectdisError

FAMILIES = ("faces", "arms", "cells", "textures", "clocks", "solids", "strokes", "photos")
GRAY = ("faces", "arms", "textures", "clocks")
CHANNELS = {"faces": 3, "arms": 3, "cells": 1, "textures": 3, "clocks": 3, "solids": 1, "strokes": 1, "photos": 3}
SMALL = 3
FAINTEST = 4  # grey levels of 255 of the pixel that changes most, in the least favourable of the images
USUAL = 15  # and in the middle of them


def load(name: str, **options: object) -> ImageDataset:
    """The family without what is no factor: noise, and who wrote a digit."""
    plain = {"cells": {"noise": False}, "strokes": {"instances": 1}}
    return load_dataset(name, **(plain.get(name, {}) | options))


def small(name: str) -> dict[str, int]:
    return {factor: min(SMALL, size) for factor, size in zip(*factors_of(name), strict=True)}


@cache
def factors_of(name: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    data = load_dataset(name, image_size=16)
    return data.factor_names, data.factor_sizes


@pytest.fixture(autouse=True)
def only_what_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw nothing beforehand."""
    monkeypatch.setattr(_grid, "render_small", lambda images: images)


@pytest.fixture
def one_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody writes a digit in the same way."""
    monkeypatch.setattr(_strokes, "_whose", lambda at, members: np.array([members[digit][7] for digit in at["digit"]]))


@pytest.mark.usefixtures("one_hand")
@pytest.mark.parametrize("image_size", [16, 32])
@pytest.mark.parametrize(("name", "gray"), [*((n, False) for n in FAMILIES), *((n, True) for n in GRAY)])
def test_every_step_of_every_factor_is_seen(name: str, gray: bool, image_size: int) -> None:
    data = load(name, image_size=image_size, **({"gray": True} if gray else {}))
    rng = np.random.default_rng(0)
    rows = data.factors_at(data.sample_indices(100, rng))
    for k, size in enumerate(data.factor_sizes):
        before = rows.copy()
        before[:, k] = rng.integers(size - 1, size=len(rows))
        after = before.copy()
        after[:, k] += 1
        first, second = (data.images_at(data.indices_of(which)).astype(int) for which in (before, after))
        change = np.abs(first - second).max(axis=(1, 2, 3))
        assert change.min() >= FAINTEST, data.factor_names[k]
        assert np.median(change) >= USUAL, data.factor_names[k]


@pytest.mark.parametrize("name", FAMILIES)
def test_no_two_images_of_the_default_grid_are_the_same(name: str) -> None:
    data = load(name, image_size=16)
    assert 2_000 <= len(load_dataset(name, image_size=16)) <= 10_000
    assert len(np.unique(np.asarray(data.images).reshape(len(data), -1), axis=0)) == len(data)


@pytest.mark.parametrize("image_size", [16, 32, 64])
@pytest.mark.parametrize("name", FAMILIES)
def test_an_index_always_shows_the_same_image(name: str, image_size: int) -> None:
    options = {"image_size": image_size, "sizes": small(name)}
    data, again = load_dataset(name, **options), load_dataset(name, **options)
    assert data.image_shape == (CHANNELS[name], image_size, image_size)
    whole = np.asarray(data.images)
    assert (pickle.loads(pickle.dumps(again)).images_at([5, 2, 5]) == whole[[5, 2, 5]]).all()  # noqa: S301
    assert data.fingerprint == again.fingerprint


@pytest.mark.parametrize("name", FAMILIES)
def test_one_image_is_drawn_as_among_others(name: str) -> None:
    data = load_dataset(name, image_size=64)
    picked = np.random.default_rng(0).integers(len(data), size=40)  # more than a block
    assert (data.images_at(picked)[37] == data.images[int(picked[37])]).all()


@pytest.mark.parametrize("name", FAMILIES)
def test_the_last_factor_changes_fastest(name: str) -> None:
    data = load(name, image_size=16, sizes=small(name))
    assert data.is_grid
    assert data.factors_at([0, 1])[:, -1].tolist() == [0, 1]
    other = load(name, image_size=16, sizes=dict.fromkeys(data.factor_names[:-1], 1) | {data.factor_names[-1]: SMALL})
    assert other.factor_sizes == (*(1,) * (len(data.factor_names) - 1), SMALL)


@pytest.mark.parametrize("name", GRAY)
def test_grey_is_one_channel(name: str) -> None:
    assert load_dataset(name, image_size=16, sizes=small(name), gray=True).image_shape == (1, 16, 16)


@pytest.mark.parametrize("name", [name for name in FAMILIES if "gray" not in options_of(name)])
def test_others_have_one_kind_of_channels(name: str) -> None:
    assert name not in GRAY
    with pytest.raises(SelectdisError, match="has no option 'gray'"):
        load_dataset(name, gray=True)


def test_families_share_neither_their_drawing_nor_more_than_half_of_their_factors() -> None:
    drawn = [*FAMILIES, "sprites", "scenes", "glyphs"]
    assert all(DATASETS[name].summary for name in drawn)
    same = {
        "scale": "size",
        "rotation": "orientation",
        "object_hue": "color",
        "tint": "color",
        "azimuth": "orientation",
    }
    named = {name: {same.get(factor, factor) for factor in factors_of(name)[0]} for name in drawn}
    for name in FAMILIES:
        for other in set(drawn) - {name}:
            shared = named[name] & named[other]
            assert len(shared) <= min(len(named[name]), len(named[other])) / 2, (name, other, shared)


CORRELATED = {
    "faces": ("eyes", "mouth"),
    "arms": ("shoulder", "elbow"),
    "cells": ("size", "brightness"),
    "textures": ("contrast", "frequency"),
    "clocks": ("hour", "minute"),
    "solids": ("azimuth", "light"),
    "strokes": ("rotation", "x"),
    "photos": ("hue", "brightness"),
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("correlation", [0.8, -0.5])
def test_two_factors_go_together(name: str, correlation: float) -> None:
    free = load_dataset(name, image_size=16, sizes=small(name))
    data = load_dataset(name, image_size=16, sizes=small(name), correlation=correlation)
    assert not data.is_grid
    assert len(data) < len(free)
    columns = [data.factor_names.index(factor) for factor in CORRELATED[name]]
    found = np.corrcoef(data.factors_at(range(len(data))).T)
    assert found[tuple(columns)] == pytest.approx(correlation, abs=0.04)
    found[columns[0], columns[1]] = found[columns[1], columns[0]] = 0
    assert np.abs(found - np.eye(len(found))).max() < 0.12  # and no others do
    if data.fresh is None and name != "strokes":  # the kept images are those of the grid
        kept = free.indices_of(data.factors_at([3, 11]))
        assert (data.images_at([3, 11]) == free.images_at(kept)).all()


def test_with_a_correlation_each_factor_stays_evenly_spread() -> None:
    data = load_dataset("clocks", image_size=16, correlation=0.9)
    for factor in ("hour", "minute"):
        counts = np.bincount(data.factors[:, data.factor_names.index(factor)])
        assert counts.min() > 0.9 * counts.mean()


def test_a_correlation_needs_values_that_can_go_together() -> None:
    with pytest.raises(SelectdisError, match=r"0\.95 cannot be had between 2 and 9 values, at most 0\.86"):
        load_dataset("clocks", image_size=16, sizes={"hour": 2, "minute": 9}, correlation=0.95)
    with pytest.raises(SelectdisError, match="between 1 and 12 values, at most 0"):
        load_dataset("clocks", image_size=16, sizes={"hour": 1}, correlation=-0.2)


@pytest.mark.parametrize("correlation", [0.99, "high", True, float("nan")])
def test_a_correlation_has_a_range(correlation: object) -> None:
    with pytest.raises(SelectdisError, match=r"correlation is a number from -0\.95 to 0\.95, found"):
        load_dataset("clocks", image_size=16, correlation=correlation)
