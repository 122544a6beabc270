from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selectdis.data import load_dataset
from selectdis.errors import SelectdisError

NAMES = ("color_dsprites", "noisy_dsprites", "scream_dsprites")
SIZES = (3, 2, 3, 4, 4)
pytestmark = pytest.mark.filterwarnings("ignore:no dSprites file")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("image_size", [64, 16])
def test_an_index_always_shows_the_same_image(name: str, image_size: int) -> None:
    data = load_dataset(name, sizes=SIZES, image_size=image_size)
    again = load_dataset(name, sizes=SIZES, image_size=image_size)
    whole = data.images[:]
    assert data.image_shape == (3, image_size, image_size)
    assert (again.images_at([200, 5, 5])[1:] == whole[5]).all()
    assert (whole[200] == again.images[200]).all()
    assert (data.subset([7, 200]).images[1] == whole[200]).all()
    assert not (whole[0] == whole[1]).all()


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_is_another_noise(name: str) -> None:
    first, second = (load_dataset(name, sizes=SIZES, seed=seed).images[3] for seed in (0, 1))
    assert not (first == second).all()
    with pytest.raises(SelectdisError, match="seed must be"):
        load_dataset(name, seed=-1)


def test_what_each_variant_does() -> None:
    shapes = load_dataset("dsprites", sizes=SIZES).images[:]
    lit = shapes[:, 0] == 255
    colour = load_dataset("color_dsprites", sizes=SIZES).images[:]
    assert (colour[~np.repeat(lit[:, None], 3, axis=1)] == 0).all()
    assert colour.max(axis=(2, 3)).min() >= 127
    assert np.ptp(colour.max(axis=(2, 3)).astype(int), axis=1).min() > 0  # a colour, no shade of grey
    noisy = load_dataset("noisy_dsprites", sizes=SIZES).images[:]
    assert (noisy[np.repeat(lit[:, None], 3, axis=1)] == 255).all()
    assert noisy[~np.repeat(lit[:, None], 3, axis=1)].mean() == pytest.approx(127.5, abs=1)


def test_scream_takes_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (200, 200, 200)).save(tmp_path / "plain.png")
    data = load_dataset("scream_dsprites", sizes=SIZES, background=tmp_path / "plain.png")
    lit = load_dataset("dsprites", sizes=SIZES).images[4][0] == 255
    image = data.images[4].astype(int)
    for channel in image:
        (inside,), (outside,) = np.unique(channel[lit]), np.unique(channel[~lit])
        assert abs(inside + outside - 255) <= 1  # the negative
    with pytest.raises(SelectdisError, match="no background picture"):
        load_dataset("scream_dsprites", background=tmp_path / "missing.png")


@pytest.mark.parametrize(("image_size", "shape"), [(64, (3, 350, 274)), (32, (3, 175, 137))])
def test_the_crop_is_the_references(image_size: int, shape: tuple) -> None:
    data = load_dataset("scream_dsprites", sizes=SIZES, image_size=image_size)
    assert data.images.render.make.picture.shape == shape
