from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selectdis.data import load_dataset
from selectdis.data.drawn._sprites import DSPRITES_SIZES
from selectdis.data.reading._lazy import LazyImages
from selectdis.errors import SelectdisError


def real_frames(path: Path) -> np.ndarray:
    frames = []
    with Image.open(path) as gif:
        for k in range(gif.n_frames):
            gif.seek(k)
            frames.append(np.array(gif.convert("L")))
    return np.stack(frames)


def test_real_frames_come_out_exactly(files: Path) -> None:
    frames = real_frames(files / "dsprites.gif")
    with (files / "dsprites_gif_latents.csv").open() as file:
        latents = np.array([list(map(int, row))[1:] for row in list(csv.reader(file))[1:]])
    data = load_dataset("sprites", sizes=DSPRITES_SIZES, endpoint=True)
    drawn = data.images_at(data.indices_of(latents))[:, 0]
    wrong = (drawn != frames).sum(axis=(1, 2))
    assert len(frames) == 320
    assert (wrong == 0).sum() >= 294
    assert wrong.max() <= 2


def test_full_grid_is_lazy() -> None:
    data = load_dataset("sprites", sizes=DSPRITES_SIZES)
    assert len(data) == 737_280
    assert isinstance(data.images, LazyImages)
    assert data.images[-1].shape == (1, 64, 64)


@pytest.mark.parametrize("image_size", [64, 32, 16])
def test_every_factor_changes_the_picture(image_size: int) -> None:
    data = load_dataset("sprites", image_size=image_size)
    base = np.array(data.factor_sizes) // 2
    for k, size in enumerate(data.factor_sizes):
        rows = np.repeat(base[None], size, axis=0)
        rows[:, k] = np.arange(size)
        images = data.images_at(data.indices_of(rows))
        assert len(np.unique(images.reshape(size, -1), axis=0)) == size, data.factor_names[k]


def test_default_orientations_differ_for_every_shape() -> None:
    data = load_dataset("sprites", image_size=64, sizes={"scale": 1, "x": 1, "y": 1})
    images = data.images[:].reshape(3, -1, 64 * 64)
    for pictures in images:
        assert len(np.unique(pictures, axis=0)) == data.factor_sizes[2]


def test_endpoint_repeats_the_first_orientation() -> None:
    real = load_dataset("sprites", sizes=(1, 1, 8, 1, 1), endpoint=True).images[:]
    ours = load_dataset("sprites", sizes=(1, 1, 7, 1, 1)).images[:]
    assert (real[0] == real[-1]).all()
    assert (real[:-1] == ours).all()


def test_small_pictures_are_block_averages() -> None:
    sizes = (3, 2, 3, 4, 4)
    large = load_dataset("sprites", sizes=sizes).images[:].astype(float)
    small = load_dataset("sprites", sizes=sizes, image_size=16).images[:]
    means = large.reshape(-1, 1, 16, 4, 16, 4).mean(axis=(3, 5))
    assert np.abs(small - means).max() <= 0.5
    assert len(np.unique(small)) > 8  # grey edges


def test_position_moves_the_centre() -> None:
    data = load_dataset("sprites", sizes=(1, 1, 1, 3, 3))
    columns = np.arange(64)
    for index, (*_, x, y) in enumerate(data.factors_at(range(9))):
        picture = data.images[index][0] / 255.0
        assert picture.sum(0) @ columns / picture.sum() == pytest.approx(15.5 + 16 * x, abs=0.3)
        assert picture.sum(1) @ columns / picture.sum() == pytest.approx(15.5 + 16 * y, abs=0.3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 48}, "image_size must be 64, 32 or 16"),
        ({"sizes": {"shap": 2}}, "did you mean 'shape'"),
        ({"sizes": {"shape": 4}}, "from 1 to 3, found 4"),
        ({"sizes": {"x": 0}}, "at least 1, found 0"),
        ({"sizes": {"x": 2.5}}, "found 2.5"),
        ({"sizes": (3, 2)}, "needs 5 numbers"),
        ({"sizes": 3}, "one number per factor; found 3"),
    ],
)
def test_mistakes_are_explained(options: dict, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        load_dataset("sprites", **options)
