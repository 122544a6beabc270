from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from selectdis.data import DATASETS, load_dataset
from selectdis.data._load import options_of
from selectdis.errors import SelectdisError


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("sprits", "did you mean 'sprites'"),
        ("mpi3d_complx", "did you mean 'mpi3d_complex'"),
        ("whatever you like", "no data set is called 'whatever you like'; there are sprites, scenes"),
    ],
)
def test_unknown_names(name: str, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        load_dataset(name)


def test_unknown_options() -> None:
    with pytest.raises(SelectdisError, match="did you mean 'image_size'"):
        load_dataset("sprites", imagesize=32)
    with pytest.raises(SelectdisError, match="it has path, image_size, gray"):
        load_dataset("mpi3d_toy", kind="real")


@pytest.mark.parametrize(("name", "option"), [("scenes", "gray"), ("sprites", "endpoint"), ("digits", "labels")])
def test_options_that_are_true_or_false(name: str, option: str) -> None:
    for value in ("maybe", 2, [1]):
        with pytest.raises(SelectdisError, match=f"option '{option}' of '{name}' is true or false, found"):
            load_dataset(name, image_size=16, **{option: value})
    for value in (True, False, np.True_):
        load_dataset(name, image_size=16, **{option: value})


def test_an_empty_path_is_not_the_working_directory() -> None:
    for name in ("folder:", "folder: ", "hf:"):
        with pytest.raises(SelectdisError, match="needs a path"):
            load_dataset(name)


def test_a_folder_without_its_prefix(tmp_path: Path) -> None:
    with pytest.raises(SelectdisError, match=f"write folder:{tmp_path}"):
        load_dataset(str(tmp_path))
    for file, told in (("a.png", f"a picture: write folder:{tmp_path}"), ("a.pt", "of another format")):
        (tmp_path / file).touch()
        with pytest.raises(SelectdisError, match=f"{tmp_path}/{file} is {told}"):
            load_dataset(f"{tmp_path}/{file}")


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_takes_an_image_size(name: str) -> None:
    assert options_of(name)["image_size"] == 64
    assert DATASETS[name].summary
    assert DATASETS[name].licence


FAMILIES = ("faces", "arms", "cells", "textures", "clocks", "solids", "strokes", "photos")
NO_FILE = (
    *FAMILIES,
    "sprites",
    "scenes",
    "glyphs",
    "digits",
    "dsprites",
    "color_dsprites",
    "noisy_dsprites",
    "scream_dsprites",
)


@pytest.mark.filterwarnings("ignore:no dSprites file")
@pytest.mark.parametrize("image_size", [64, 32, 16])
@pytest.mark.parametrize("name", NO_FILE)
def test_what_needs_no_file(name: str, image_size: int) -> None:
    data = load_dataset(name, image_size=image_size)
    assert data.image_shape[1:] == (image_size, image_size)
    assert data.name == name
    assert data.images_at([0, len(data) - 1]).max() > 100


def test_the_old_spelling_works_with_one_hint() -> None:
    with pytest.warns(FutureWarning, match="the option grey is now gray; the old name works for one release") as told:
        old = load_dataset("scenes", image_size=16, grey=True)
    assert len(told) == 1
    assert told[0].filename == __file__
    assert old.fingerprint == load_dataset("scenes", image_size=16, gray=True).fingerprint
