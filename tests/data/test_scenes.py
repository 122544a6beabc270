from __future__ import annotations

import numpy as np
import pytest

from selectdis.data import load_dataset
from selectdis.data.drawn._scenes import SHAPES3D_SIZES, SceneRenderer, _cached_layers


def test_the_full_grid_is_that_of_shapes3d() -> None:
    data = load_dataset("scenes", sizes=SHAPES3D_SIZES)
    assert len(data) == 480_000
    assert data.image_shape == (3, 64, 64)
    assert data.factor_names == ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")


def test_colours_are_where_they_belong() -> None:
    data = load_dataset("scenes", sizes={"floor_hue": 10, "wall_hue": 10, "object_hue": 10})
    rows = np.array([[0, 3, 6, 1, 0, 4]])  # red floor, green wall, blue object, seen from the front
    (image,) = data.images_at(data.indices_of(rows))
    assert image[:, 60, 4].tolist() == [255, 0, 0]
    assert image[:, 30, 4].tolist() == pytest.approx([51, 255, 0], abs=1)
    assert image[:, 42, 32].argmax() == 2
    assert image[:, 3, 30].tolist() == [153, 226, 249]


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("image_size", [64, 32, 16])
def test_every_factor_changes_the_picture(image_size: int, gray: bool) -> None:
    data = load_dataset("scenes", image_size=image_size, gray=gray)
    assert data.image_shape == (1 if gray else 3, image_size, image_size)
    base = np.array([0, 1, 2, 1, 0, 1])
    for k, size in enumerate(data.factor_sizes):
        rows = np.repeat(base[None], size, axis=0)
        rows[:, k] = np.arange(size)
        images = data.images_at(data.indices_of(rows))
        assert len(np.unique(images.reshape(size, -1), axis=0)) == size, data.factor_names[k]


def test_the_shadow_falls_to_the_right() -> None:
    data = load_dataset("scenes", sizes=(1, 1, 1, 2, 4, 1), gray=True)
    floor = data.images[:][:, 0, 45:60]
    assert (floor[..., 34:].min(axis=(1, 2)) < floor[..., :20].min(axis=(1, 2))).all()


def test_the_object_grows_with_its_scale() -> None:
    data = load_dataset("scenes", sizes=(2, 2, 2, 3, 4, 1))
    blue = data.indices_of(np.array([[0, 0, 1, scale, shape, 0] for shape in range(4) for scale in range(3)]))
    area = (data.images_at(blue)[:, 2, 20:] > 100).sum(axis=(1, 2)).reshape(4, 3)  # hue 1 of 2 is cyan
    assert (np.diff(area, axis=1) > 0).all()


def test_objects_grow_and_the_camera_turns_as_in_shapes3d() -> None:
    renderer = SceneRenderer(SHAPES3D_SIZES, 16, False)
    assert (renderer._layers(0) == _cached_layers(0.75, 0, -30.0, 16)).all()
    assert (renderer._layers(8 * 4 * 15 - 1) == _cached_layers(1.25, 3, 30.0, 16)).all()
