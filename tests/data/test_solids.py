from __future__ import annotations

import numpy as np

from selectdis.data import load_dataset
from selectdis.data.drawn._solids import SHAPES, _camera, _seen


def test_each_pixel_shows_the_piece_that_a_search_along_its_ray_meets_first() -> None:
    at = (np.arange(32) + 0.5) / 16 - 1
    z = np.linspace(1.5, -1.5, 601)
    y, x, depth = np.meshgrid(-at, at, z, indexing="ij")
    points = np.stack([x, y, depth], axis=-1)
    for shape, pieces in enumerate(SHAPES):
        faces, _ = _seen(shape, 0.5, 2.0, 16)
        own = points @ _camera(0.5, 2.0)  # back to the solid's axes: (row, column, step, 3)
        first = np.stack(
            [
                np.where(inside.any(axis=-1), inside.argmax(axis=-1), len(z))
                for inside in ((own @ piece[:, :3].T <= piece[:, 3]).all(axis=-1) for piece in pieces)
            ]
        )
        expected = np.where(first.min(axis=0) < len(z), first.argmin(axis=0), len(pieces))
        found = np.searchsorted(np.cumsum([len(piece) for piece in pieces]), faces, side="right")
        assert (found == expected).mean() > 0.98  # an edge may lie between two steps


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
