from __future__ import annotations

import numpy as np
import pytest

from selectdis.data import load_dataset


def hand(**sizes: int) -> np.ndarray:
    """Mean x and y, -1 to 1, of what is red: float (n, 2)."""
    one = dict.fromkeys(("background", "camera", "color", "shape", "shoulder", "elbow"), 1)
    images = load_dataset("arms", sizes=one | sizes).images[:].astype(int)
    red = (images[:, 0] > 200) & (images[:, 1] < 80)
    at = (np.arange(64) + 0.5) / 32 - 1
    count = red.sum(axis=(1, 2))
    return np.stack([(red.sum(axis=1) * at).sum(axis=1) / count, -(red.sum(axis=2) * at).sum(axis=1) / count], axis=1)


def test_the_shoulder_turns_around_the_post() -> None:
    front, right, back, left = hand(shoulder=4)
    assert front[0] == pytest.approx(0, abs=0.02)
    assert right[0] == pytest.approx(-left[0], abs=0.02)
    assert right[0] > 0.4
    assert back[1] > right[1] > front[1]


def test_the_elbow_lifts_the_hand() -> None:
    assert (np.diff(hand(elbow=5)[:, 1]) > 0).all()


def test_from_above_the_table_is_rounder() -> None:
    images = load_dataset("arms", sizes=(1, 3, 1, 1, 1, 1), image_size=32).images[:].astype(int)
    wood = (np.abs(images - np.array([115, 92, 71])[:, None, None]) < 3).all(axis=1)
    assert (np.diff(wood.sum(axis=(1, 2))) > 50).all()
