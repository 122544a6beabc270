from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits

from selectdis.data import load_dataset
from selectdis.data.drawn import _strokes
from selectdis.errors import SelectdisError

ONE = dict.fromkeys(("digit", "weight", "width", "rotation", "x"), 1)


def test_who_wrote_it_is_no_factor() -> None:
    data = load_dataset("strokes", image_size=16, instances=3)
    assert data.factor_names == ("digit", "weight", "width", "rotation", "x")
    assert not data.is_grid
    assert len(data) == 3 * np.prod(data.factor_sizes)
    assert (data.factors[0::3] == data.factors[2::3]).all()
    images = data.images[:]
    assert (images[0::3] != images[1::3]).any(axis=(1, 2, 3)).mean() > 0.98
    assert load_dataset("strokes", image_size=16, instances=1).is_grid
    with pytest.raises(SelectdisError, match="instances must be a whole number of at least 1"):
        load_dataset("strokes", instances=0)


def test_many_hands_write_each_digit() -> None:
    at = {"digit": np.repeat(np.arange(10), 100), "instance": np.tile(np.arange(100), 10)}
    _, members = _strokes._scans()
    chosen = _strokes._whose(at, members)
    assert (load_digits().target[chosen] == at["digit"]).all()
    assert len(np.unique(chosen)) > 350  # of 1,000 draws among 1,797 scans


def test_a_scan_is_shown_upright(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_strokes, "_whose", lambda at, members: np.array([5] * len(at["digit"])))
    picture = load_dataset("strokes", instances=1, sizes=ONE).images[0][0].astype(float)
    scan = load_digits().images[5]
    rows, columns = (np.linspace(-1, 1, 8) * 0.7 * share * 32 * 7 / 8 + 31.5 for share in (1, 0.725))
    found = picture[np.ix_(rows.round().astype(int), columns.round().astype(int))]
    assert np.corrcoef(found.ravel(), scan.ravel())[0, 1] > 0.8


def test_ink_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_strokes, "_whose", lambda at, members: np.array([5] * len(at["digit"])))
    for factor in ("weight", "width"):
        images = load_dataset("strokes", instances=1, sizes=ONE | {factor: 3}).images[:].astype(float)
        assert (np.diff(images.sum(axis=(1, 2, 3))) > 0).all()
    moved = load_dataset("strokes", instances=1, sizes=ONE | {"x": 3}).images[:].astype(float)
    centres = (moved.sum(axis=(1, 2)) * np.arange(64)).sum(axis=1) / moved.sum(axis=(1, 2, 3))
    assert np.diff(centres) == pytest.approx([8.32, 8.32], abs=0.3)
