from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from selectdis.data import load_dataset
from selectdis.data.drawn._photos import YIQ, _turns

ONE = dict.fromkeys(("photo", "hue", "brightness", "zoom", "x"), 1)


def test_a_crop_is_that_of_the_photograph() -> None:
    data = load_dataset("photos", sizes=ONE | {"photo": 2, "brightness": 2})
    for photo, name in enumerate(("china.jpg", "flower.jpg")):
        (index,) = data.indices_of(np.array([[photo, 0, 1, 0, 0]]))
        found = data.images[int(index)].astype(float)
        side = 0.625 * 427
        box = (320 - side / 2, 213.5 - side / 2, 320 + side / 2, 213.5 + side / 2)
        whole = Image.fromarray(load_sample_image(name)).resize((64, 64), Image.Resampling.BOX, box=box)
        expected = np.moveaxis(np.asarray(whole, dtype=float), -1, 0)
        luminance = np.array([0.299, 0.587, 0.114])
        assert np.corrcoef((luminance @ found.reshape(3, -1)), luminance @ expected.reshape(3, -1))[0, 1] > 0.95


def test_a_turn_of_the_hue_keeps_the_luminance_of_every_colour() -> None:
    colours = np.random.default_rng(0).uniform(size=(3, 100))
    for turned in _turns(np.linspace(0, 6, 5)) @ colours:
        assert YIQ[0] @ turned == pytest.approx(YIQ[0] @ colours, abs=2e-3)


def test_the_window_moves_and_closes_in() -> None:
    side_by_side = load_dataset("photos", sizes=ONE | {"x": 9}).images[:].astype(float)
    for before, after in pairwise(side_by_side):
        shifts = [np.abs(before[..., 16 + k : 48 + k] - after[..., 16:48]).mean() for k in range(-8, 9)]
        assert np.argmin(shifts) - 8 in (6, 7)  # of 64: 0.52 / 8 / 0.625 of the crop
    zoomed = load_dataset("photos", sizes=ONE | {"zoom": 2}).images[:].astype(float)  # 0.85 and 0.4 of the height
    middle = np.stack([Image.fromarray(c.astype(np.uint8)).resize((64, 64), box=(17, 17, 47, 47)) for c in zoomed[0]])
    assert np.corrcoef(middle.ravel(), zoomed[1].ravel())[0, 1] > 0.9
