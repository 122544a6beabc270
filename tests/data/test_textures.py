from __future__ import annotations

import numpy as np
import pytest

from selectdis.data import load_dataset

ONE = dict.fromkeys(("tint", "contrast", "weave", "frequency", "orientation"), 1)


def spectrum(picture: np.ndarray) -> np.ndarray:
    window = np.hanning(64)
    return np.abs(np.fft.fft2((picture - picture.mean()) * window * window[:, None], (512, 512)))


@pytest.mark.parametrize("orientation", range(4))
def test_the_first_wave_has_its_frequency_and_orientation(orientation: int) -> None:
    data = load_dataset("textures", gray=True, sizes=ONE | {"weave": 2, "frequency": 2, "orientation": 4})
    (index,) = data.indices_of(np.array([[0, 0, 0, 1, orientation]]))  # one wave alone, 2.4 times across
    row, column = np.unravel_index(spectrum(data.images[int(index)][0].astype(float)).argmax(), (512, 512))
    up, right = (-((f + 256) % 512 - 256) / 8 for f in (row, column))
    angle = (orientation - 1.5) * np.pi / 6
    found, expected = np.array([-right, up]), 2.4 * np.array([np.cos(angle), np.sin(angle)])
    assert min(np.abs(found - expected).max(), np.abs(found + expected).max()) < 0.2


def test_contrast_and_weave() -> None:
    contrast = load_dataset("textures", gray=True, sizes=ONE | {"contrast": 4}).images[:].astype(float)
    assert (np.diff(contrast.std(axis=(1, 2, 3))) > 3).all()
    weave = load_dataset("textures", gray=True, sizes=ONE | {"weave": 4}).images[:].astype(float)
    assert weave[0, 0].std(axis=0).max() < 1  # upright bars alone
    assert (np.diff(weave[:, 0].std(axis=1).mean(axis=1)) > 2).all()
