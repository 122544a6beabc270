from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selectdis.data import load_dataset
from selectdis.errors import SelectdisError


def test_every_factor_changes_the_picture() -> None:
    data = load_dataset("glyphs", sizes={"style": 6})
    base = np.array([3, 1, 2, 1, 2, 3])
    for k, size in enumerate(data.factor_sizes):
        rows = np.repeat(base[None], size, axis=0)
        rows[:, k] = np.arange(size)
        images = data.images_at(data.indices_of(rows))
        assert len(np.unique(images.reshape(size, -1), axis=0)) == size, data.factor_names[k]


def test_no_letter_is_cut_off() -> None:
    data = load_dataset("glyphs", sizes=(26, 6, 2, 3, 2, 2))
    images = data.images[1::3].astype(int)
    border = images[..., 0, :].sum() + images[..., -1, :].sum() + images[..., 0].sum() + images[..., -1].sum()
    assert border == 0
    assert (images.max(axis=(1, 2, 3)) > 200).all()


def test_own_letters_and_fonts(tmp_path: Path) -> None:
    data = load_dataset("glyphs", letters="xyz", image_size=32)
    assert data.factor_sizes[0] == 3
    with pytest.raises(SelectdisError, match="is not a font"):
        load_dataset("glyphs", fonts=[tmp_path / "missing.ttf"])
    with pytest.raises(SelectdisError, match="from 1 to 3"):
        load_dataset("glyphs", letters="xyz", sizes={"letter": 4})


def test_capitals_are_12_to_22_pixels_high() -> None:
    data = load_dataset("glyphs", letters="H", sizes={"style": 1, "size": 2, "rotation": 1, "x": 1, "y": 1})
    heights = [int((image[0].max(axis=1) > 127).sum()) for image in data.images_at([0, 1])]
    assert heights == pytest.approx([12, 22], abs=1)
