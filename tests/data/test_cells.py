from __future__ import annotations

import numpy as np
import pytest
import torch

from selectdis.data import load_dataset
from selectdis.data.drawn._cells import PHOTONS, _count_photons

ONE = dict.fromkeys(("brightness", "focus", "size", "eccentricity", "orientation", "spots"), 1)


def cell(**sizes: int) -> np.ndarray:
    return np.asarray(load_dataset("cells", noise=False, sizes=ONE | sizes).images)[:, 0].astype(float)


def test_light_and_area_grow() -> None:
    assert (np.diff(cell(brightness=4).sum(axis=(1, 2))) > 0).all()
    assert (np.diff((cell(size=4) > 60).sum(axis=(1, 2))) > 100).all()
    assert (np.diff(cell(focus=4).max(axis=(1, 2))) > 0).all()


def test_the_axis_turns() -> None:
    pictures = cell(orientation=6) - 5
    at = np.arange(64) - 31.5
    xx, yy, xy = ((pictures * moment).sum(axis=(1, 2)) for moment in (at**2, at[:, None] ** 2, -at * at[:, None]))
    assert np.rad2deg(np.unwrap(np.arctan2(2 * xy, xx - yy)) / 2) == pytest.approx(np.arange(6) * 30, abs=3)


def test_each_number_of_spots_has_as_many_peaks() -> None:
    data = load_dataset("cells", noise=False, sizes=ONE | {"focus": 2, "size": 2, "spots": 5})
    sharp_and_large = data.indices_of(np.array([[0, 1, 1, 0, 0, k] for k in range(5)]))
    for count, picture in enumerate(data.images_at(sharp_and_large)[:, 0].astype(int), start=1):
        inner = picture[1:-1, 1:-1]
        around = [
            np.roll(picture, (i, j), (0, 1))[1:-1, 1:-1] for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)
        ]
        strict = [inner > other if k < 4 else inner >= other for k, other in enumerate(around)]
        assert (np.all(strict, axis=0) & (inner > 0.7 * picture.max())).sum() == count


def test_photons_are_drawn_at_each_use_and_their_variance_is_the_brightness() -> None:
    data = load_dataset("cells", image_size=16, sizes=ONE)
    assert data.fresh is not None
    keys = np.arange(4000)
    level = np.full((4000, 1, 1, 1), 0.36, dtype=np.float64)
    counted = _count_photons(level, keys)
    assert counted.mean() == pytest.approx(0.36, abs=0.005)
    assert counted.var() == pytest.approx(0.36 / PHOTONS, rel=0.1)
    tensors = _count_photons(torch.from_numpy(level), torch.from_numpy(keys)).numpy()
    assert tensors == pytest.approx(counted, abs=1e-12)
    assert not (data.drawn_once(0).images[0] == data.drawn_once(1).images[0]).all()
