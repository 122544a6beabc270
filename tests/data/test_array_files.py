"""Arrays as other people save them: words, names beside them, one picture alone, numbers of any range."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from selectdis.data import load_dataset
from selectdis.errors import SelectdisError

WORDS = np.array([["big", "a"], ["big", "b"], ["small", "a"], ["small", "b"]])


@pytest.mark.parametrize("form", ["npz", "npz deflated", "h5", "h5 bytes"])
def test_words_and_names_of_factors_in_array_files(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"x.{form[:3].strip()}"
    content = {"images": np.arange(4 * 256, dtype=np.uint8).reshape(4, 16, 16), "labels": WORDS}
    content["names"] = np.array(["size", "letter"])
    if form.startswith("npz"):
        (np.savez if form == "npz" else np.savez_compressed)(path, **content)
    else:
        with h5py.File(path, "w") as file:
            for name, array in content.items():
                text = array.astype("S") if form == "h5 bytes" else array.astype(object)
                file[name] = array if name == "images" else text
    data = load_dataset(str(path), factors="labels", factor_names="names")
    assert (data.factor_names, data.factor_values) == (("size", "letter"), (("big", "small"), ("a", "b")))
    assert data.is_grid  # every combination in order, so that interventions are exact
    assert data.factors_at([2]).tolist() == [[1, 0]]
    with pytest.raises(SelectdisError, match=r"holds no array 'nam'; did you mean 'names'"):
        load_dataset(str(path), factors="labels", factor_names="nam")


def test_one_name_is_one_factor_and_other_orders_are_no_grid(tmp_path: Path) -> None:
    images = np.arange(4 * 256, dtype=np.uint8).reshape(4, 16, 16)
    np.savez(tmp_path / "x.npz", images=images, one=[0, 0, 1, 1], two=WORDS[::-1], deep=np.zeros((4, 2, 2)))
    for name in ("shape", "one"):  # that of its own array, too
        assert load_dataset(f"{tmp_path}/x.npz", factors="one", factor_names=name).factor_names == (name,)
    with pytest.raises(SelectdisError, match=r"x.npz::deep must be \(n_samples, n_factors\); found shape \(4, 2, 2\)"):
        load_dataset(f"{tmp_path}/x.npz", factors="deep")
    assert not load_dataset(f"{tmp_path}/x.npz", factors="two").is_grid
    for options, message in (
        ({"factors": 1}, "the option 'factors' of .* is a name"),
        ({"factors": ["one"]}, r"the key of one array, found \['one'\]"),
        ({"factor_names": ["a", "b"]}, "factor_names of .* need factors"),
        ({"factors": "one", "bins": 1}, "bins must be a whole number of at least 2"),
    ):
        with pytest.raises(SelectdisError, match=message):
            load_dataset(f"{tmp_path}/x.npz", **options)


def test_one_picture_in_colour_or_many_grey_ones(tmp_path: Path) -> None:
    for shape, layout in (((16, 16, 3), "hwc"), ((3, 16, 16), "chw")):
        np.save(tmp_path / "x.npy", np.arange(768, dtype=np.uint8).reshape(shape))
        with pytest.raises(SelectdisError, match=rf"or one in colour\? Say layout=\"nhw\" or layout=\"{layout}\""):
            load_dataset(f"{tmp_path}/x.npy")
        assert load_dataset(f"{tmp_path}/x.npy", layout=layout).images.shape == (1, 3, 16, 16)
        assert len(load_dataset(f"{tmp_path}/x.npy", layout="nhw", image_size=16)) == shape[0]
        assert len(load_dataset(np.load(tmp_path / "x.npy"), layout=layout)) == 1


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float64"])
def test_arrays_of_any_numbers_are_scaled(tmp_path: Path, dtype: str) -> None:
    array = np.arange(5 * 256).reshape(5, 16, 16).astype(dtype) - (1000 if dtype == "int32" else 0)
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(SelectdisError, match=r'scaling="dataset"'):
        load_dataset(f"{tmp_path}/x.npy")
    for source in (f"{tmp_path}/x.npy", array):
        data = load_dataset(source, scaling="dataset")
        assert (int(data.images[0].min()), int(data.images[4].max())) == (0, 255)
        assert data.scaling == (array.min(), array.max())
        assert (load_dataset(source, scaling="picture").images[:].max(axis=(1, 2, 3)) == 255).all()
