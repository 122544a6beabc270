from __future__ import annotations

import numpy as np
import pytest

from selectdis.data import load_dataset
from selectdis.data.drawn._solids import SHAPES, _camera, _hit, _seen


def test_rays_hit_what_a_search_along_them_finds() -> None:
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        for piece in shape:
            turned = np.column_stack([piece[:, :3] @ _camera(0.5, 1.0).T, piece[:, 3]])
            x, y = rng.uniform(-0.8, 0.8, (2, 1, 50))
            depth, _ = _hit(turned, x, y)
            z = np.linspace(1.5, -1.5, 3001)
            points = np.stack(np.broadcast_arrays(x[..., None], y[..., None], z), axis=-1)[0]  # (ray, step, 3)
            inside = (points @ turned[:, :3].T <= turned[:, 3]).all(axis=-1)
            found = np.where(inside.any(axis=1), z[inside.argmax(axis=1)], -np.inf)
            near = np.isfinite(found) == np.isfinite(depth[0])
            assert near.mean() >= 0.96  # a grazed edge may lie between two steps
            both = np.isfinite(found) & np.isfinite(depth[0])
            assert depth[0][both] == pytest.approx(found[both], abs=2e-3)


def test_what_is_seen_faces_the_camera_and_fits_the_picture() -> None:
    for shape in range(len(SHAPES)):
        for azimuth in np.linspace(0, 2 * np.pi, 7):
            faces, normals = _seen(shape, 0.6, float(azimuth), 32)
            seen = np.unique(faces)
            assert (normals[seen[seen < len(normals)], 2] > 0).all()
            border = np.concatenate([faces[0], faces[-1], faces[:, 0], faces[:, -1]])
            assert (border == len(normals)).all()


def test_light_comes_from_where_it_is() -> None:
    data = load_dataset("solids", sizes=(1, 1, 4, 2))
    # An azimuth between two sides: the left one is lit by a lamp on the left, the right one by one on the right.
    left, right = data.images_at(data.indices_of(np.array([[0, 0, 1, 0], [0, 0, 1, 1]])))[:, 0].astype(int)
    brighter = left - right
    columns = np.flatnonzero(np.abs(brighter).sum(axis=0))
    assert brighter[:, columns[0] : columns[0] + 4].sum() > 0
    assert brighter[:, columns[-1] - 3 : columns[-1] + 1].sum() < 0
