from __future__ import annotations

import numpy as np
import pytest

from selectdis.data import load_dataset

ONE = dict.fromkeys(("color", "size", "x", "hour", "minute"), 1)


@pytest.mark.parametrize(("hand", "bright"), [("hour", True), ("minute", False)])
def test_hands_go_around_clockwise_from_the_top(hand: str, bright: bool) -> None:
    other = "minute" if hand == "hour" else "hour"
    data = load_dataset("clocks", gray=True, sizes=ONE | {hand: 8, other: 8})
    at = (np.arange(64) + 0.5) / 32 - 1
    ring = (np.hypot(at, at[:, None]) > 0.2) & (np.hypot(at, at[:, None]) < 0.55)
    opposite = [{hand: k, other: (k + 4) % 8} for k in range(8)]  # so that no hand covers the other
    rows = np.array([[values.get(name, 0) for name in data.factor_names] for values in opposite])
    for k, picture in enumerate(data.images_at(data.indices_of(rows))[:, 0].astype(int)):
        there = ring & (picture > 200 if bright else picture < 40)
        right, up = (there * at).sum(), -(there * at[:, None]).sum()
        assert np.cos(np.arctan2(right, up) - k * np.pi / 4) > 0.99


def test_size_and_place() -> None:
    grown = load_dataset("clocks", gray=True, sizes=ONE | {"size": 3}).images[:]
    assert (np.diff((grown < 200).sum(axis=(1, 2, 3))) > 100).all()
    moved = load_dataset("clocks", gray=True, sizes=ONE | {"x": 3}).images[:] < 200
    centres = (moved.sum(axis=(1, 2)) * np.arange(64)).sum(axis=1) / moved.sum(axis=(1, 2, 3))
    assert np.diff(centres) == pytest.approx([6.4, 6.4], abs=0.3)
