from __future__ import annotations

import numpy as np

from selectdis.data import load_dataset

ONE = {"skin": 2, "face_width": 2, "hair": 2, "eyes": 2, "gaze": 3, "mouth": 3}


def face(**values: int) -> np.ndarray:
    data = load_dataset("faces", sizes=ONE)
    rows = {"skin": 1, "face_width": 1, "hair": 0, "eyes": 1, "gaze": 1, "mouth": 1} | values
    return data.images_at(data.indices_of(np.array([list(rows.values())])))[0].astype(int)


def test_a_smile_has_its_corners_above_its_middle() -> None:
    for mouth, sign in ((0, -1), (2, 1)):
        red = (face(mouth=mouth)[0] > 90) & (face(mouth=mouth)[1] < 60) & (np.arange(64)[:, None] > 38)
        rows = np.arange(64)[:, None]
        corner, middle = ((rows * red)[:, part].sum() / red[:, part].sum() for part in (slice(0, 26), slice(29, 35)))
        assert sign * (middle - corner) > 3


def test_eyes_look_to_where_the_gaze_goes() -> None:
    centres = []
    for gaze in range(3):
        dark = face(gaze=gaze)[:, 24:34, 15:30].max(axis=0) < 20
        centres.append((np.arange(15) * dark).sum() / dark.sum())
    assert np.diff(centres).min() > 2


def test_a_face_is_the_same_left_and_right_when_it_looks_ahead() -> None:
    picture = face()
    assert (picture == picture[..., ::-1]).all()


def test_hair_and_width() -> None:
    hair = [(face(hair=k).max(axis=0) < 40).sum() for k in range(2)]
    assert hair[1] > 2 * hair[0]
    wall = [(face(face_width=k)[2, 32] > 200).sum() for k in range(2)]
    assert wall[0] > wall[1] + 10
