from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from selectdis.data import load_dataset
from selectdis.errors import SelectdisError
from selectdis.training._random_source import Purpose, keys_of_uses

NAMES = ("color_dsprites", "noisy_dsprites", "scream_dsprites")
SIZES = (3, 2, 3, 4, 4)
pytestmark = pytest.mark.filterwarnings("ignore:no dSprites file")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("image_size", [64, 16])
@pytest.mark.parametrize("edition", [1, 2])
def test_an_index_always_shows_the_same_image(name: str, image_size: int, edition: int) -> None:
    data = load_dataset(name, sizes=SIZES, image_size=image_size, edition=edition)
    again = load_dataset(name, sizes=SIZES, image_size=image_size, edition=edition)
    whole = data.images[:]
    assert data.image_shape == (3, image_size, image_size)
    assert (again.images_at([200, 5, 5])[1:] == whole[5]).all()
    assert (whole[200] == again.images[200]).all()
    assert (data.subset([7, 200]).images[1] == whole[200]).all()
    assert not (whole[0] == whole[1]).all()
    assert (data.fresh is None) == (edition == 1)


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_is_another_noise(name: str) -> None:
    first, second = (load_dataset(name, sizes=SIZES, seed=seed).images[3] for seed in (0, 1))
    assert not (first == second).all()
    with pytest.raises(SelectdisError, match="seed must be"):
        load_dataset(name, seed=-1)


@pytest.mark.parametrize("name", NAMES)
def test_scores_see_one_draw_of_each_image_by_their_own_seed(name: str) -> None:
    data = load_dataset(name, sizes=SIZES, image_size=16)
    once, again, other = (data.drawn_once(seed).images[:] for seed in (0, 0, 1))
    assert (once == again).all()
    assert (once != other).any(axis=(1, 2, 3)).all()
    assert (once != data.images[:]).any(axis=(1, 2, 3)).all()
    plain = load_dataset("dsprites", sizes=SIZES, image_size=16)
    assert plain.drawn_once(3) is plain


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tensors_and_arrays_get_the_same_draws(name: str, dtype: torch.dtype) -> None:
    fresh = load_dataset(name, sizes=SIZES, image_size=16).fresh
    keys = keys_of_uses(torch.tensor([0, 2**62]), Purpose.DRAWS, 7, 9).reshape(-1)
    plain = torch.from_numpy(fresh.base[np.arange(18)]).to(dtype) / 255
    drawn = fresh.draw(plain, keys)
    assert (drawn.numpy() == fresh.draw(plain.numpy(), keys.numpy())).all()
    assert (drawn[4:6] == fresh.draw(plain[4:6], keys[4:6])).all()  # whatever else is in the batch
    assert drawn.dtype == dtype
    assert 0 <= drawn.min() <= drawn.max() <= 1


def check(shapes: np.ndarray, draw) -> None:
    """What each variant does to `shapes`, as `draw(name)` draws it."""
    lit = np.repeat(shapes == 255, 3, axis=1)
    colour = draw("color_dsprites")
    assert (colour[~lit] == 0).all()
    assert colour.max(axis=(2, 3)).min() >= 127
    assert colour.max() > 240
    assert np.ptp(colour.max(axis=(2, 3)).astype(int), axis=1).min() > 0  # a colour, no shade of grey
    noisy = draw("noisy_dsprites")
    assert (noisy[lit] == 255).all()
    assert noisy[~lit].mean() == pytest.approx(127.5, abs=1)
    assert noisy[~lit].std() == pytest.approx(255 / 12**0.5, abs=1)


@pytest.mark.parametrize("edition", [1, 2])
def test_what_each_variant_does(edition: int) -> None:
    shapes = load_dataset("dsprites", sizes=SIZES).images[:]
    check(shapes, lambda name: load_dataset(name, sizes=SIZES, edition=edition).images[:])


@pytest.mark.parametrize("edition", [1, 2])
def test_scream_takes_a_picture(tmp_path: Path, edition: int) -> None:
    Image.new("RGB", (300, 200), (200, 200, 200)).save(tmp_path / "plain.png")
    data = load_dataset("scream_dsprites", sizes=SIZES, background=tmp_path / "plain.png", edition=edition)
    lit = load_dataset("dsprites", sizes=SIZES).images[4][0] == 255
    image = data.images[4].astype(int)
    for channel in image:
        (inside,), (outside,) = np.unique(channel[lit]), np.unique(channel[~lit])
        assert abs(inside + outside - 255) <= 1  # the negative
    with pytest.raises(SelectdisError, match="no background picture"):
        load_dataset("scream_dsprites", background=tmp_path / "missing.png")


@pytest.mark.parametrize(
    ("image_size", "picture", "shape"),
    [
        (64, (735, 910), (274, 221)),  # as disentanglement_lib: thumbnail((350, 274)) of the painting's proportions
        (32, (735, 910), (137, 111)),
        (64, (2000, 500), (88, 350)),
        (64, (100, 90), (90, 100)),
        (64, (2000, 100), (65, 1300)),
        (64, (20, 30), (98, 65)),
    ],
)
def test_the_picture_keeps_its_proportions(tmp_path: Path, image_size: int, picture: tuple, shape: tuple) -> None:
    Image.new("RGB", picture).save(tmp_path / "picture.png")
    data = load_dataset("scream_dsprites", sizes=SIZES, image_size=image_size, background=tmp_path / "picture.png")
    assert data.fresh.draw.picture.shape == (3, *shape)
    data.images[:4]
    if image_size == 64 and min(shape) > 65:
        thumbnail = Image.new("RGB", picture)
        thumbnail.thumbnail((350, 274))
        assert abs(np.subtract(thumbnail.size[::-1], shape)).max() <= 1


def test_patches_come_from_all_of_the_picture(tmp_path: Path) -> None:
    pixels = np.zeros((90, 100, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(90)[:, None] * 2, np.arange(100) * 2
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    fresh = load_dataset("scream_dsprites", sizes=SIZES, background=tmp_path / "picture.png").fresh
    keys = keys_of_uses(torch.tensor([0]), Purpose.DRAWS, 0, 500)[0]
    drawn = fresh.draw(torch.zeros(500, 1, 64, 64), keys)
    step = drawn.diff(dim=2)[:, 0], drawn.diff(dim=3)[:, 1]
    assert all(torch.allclose(one, torch.full_like(one, 1 / 255), atol=1e-5) for one in step)  # a patch, not mirrored
    assert drawn[:, 2].mean() == pytest.approx(0.25, abs=0.02)  # the tint of a black channel, halved
    top = (drawn[:, 0, 0, 0] * 255).numpy()
    assert top.min() < 3
    assert top.max() > 126 + 26 - 4


def test_the_first_edition_is_that_of_0_1() -> None:
    digests = {"color_dsprites": "7e09716f", "noisy_dsprites": "1b9be9b4", "scream_dsprites": "3018faae"}
    for name, digest in digests.items():  # what version 0.1 gave
        images = load_dataset(name, sizes=SIZES, image_size=32, edition=1).images[:]
        assert hashlib.sha256(images.tobytes()).hexdigest().startswith(digest)
    with pytest.raises(SelectdisError, match="edition must be a whole number from 1 to 2"):
        load_dataset("noisy_dsprites", edition=3)
