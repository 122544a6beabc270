from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selectdis.data import load_dataset
from selectdis.errors import SelectdisError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(SelectdisError, match=r"pip install 'selectdis\[hf\]'"):
        load_dataset(f"hf:{tmp_path}")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        image=datasets.Image(),
        animal=datasets.ClassLabel(names=["cat", "dog", "eel"]),
        age=datasets.Value("int64"),
        weight=datasets.Value("float32"),
    )
    columns = {
        "image": [Image.fromarray(p) for p in PIXELS],
        "animal": [0, 2, 2, 1, 0, 0],
        "age": [3, 3, 9, 9, 3, 9],
        "weight": [1.0] * 6,
    }
    rows = datasets.Dataset.from_dict(columns, features=features)
    rows.save_to_disk(tmp_path / "plain")
    datasets.DatasetDict(train=rows, test=rows.select([1, 2])).save_to_disk(tmp_path / "splits")
    return tmp_path


def test_a_saved_data_set(saved: Path) -> None:
    data = load_dataset(f"hf:{saved}/plain", image_size=32)
    assert (data.images == np.moveaxis(PIXELS, -1, 1)).all()
    assert data.factor_names == ("animal", "age")
    assert data.factor_values == (("cat", "dog", "eel"), ("3", "9"))
    assert load_dataset(f"hf:{saved}/plain", factors="weight").factor_names == ("weight",)


def test_splits(saved: Path) -> None:
    assert len(load_dataset(f"hf:{saved}/splits", split="test", gray=True)) == 2
    with pytest.raises(SelectdisError, match="has the splits train, test"):
        load_dataset(f"hf:{saved}/splits")
    with pytest.raises(SelectdisError, match="did you mean 'train'"):
        load_dataset(f"hf:{saved}/splits", split="trian")
    with pytest.raises(SelectdisError, match="has no splits"):
        load_dataset(f"hf:{saved}/plain", split="train")


def test_mistakes(saved: Path) -> None:
    with pytest.raises(SelectdisError, match="no column 'animl'; did you mean 'animal'"):
        load_dataset(f"hf:{saved}/plain", factors="animl")
    with pytest.raises(SelectdisError, match="not a data set that save_to_disk wrote"):
        load_dataset(f"hf:{saved}")
    with pytest.raises(SelectdisError, match="there is none"):
        load_dataset(f"hf:{saved}/none")
