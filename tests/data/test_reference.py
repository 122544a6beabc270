"""Folders of models and codes are found again: names on disk keep the spelling of the first version."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from selectdis.data import ImageDataset, load_dataset
from selectdis.data._like import fitting_options
from selectdis.data._load import current_options
from selectdis.data._reference import DataReference
from selectdis.spec import parse_spec
from selectdis.study import Study

FILE = """
name: old
proxy: {name: scenes, image_size: 16, sizes: {scale: 2}, WORD: true}
target: {name: glyphs, image_size: 16}
search: {objective: beta_vae}
"""

# What version 0.1.0 recorded, and the folder that it made.
RECORDED = '{"name": "scenes", "options": "{\\"grey\\": true, \\"image_size\\": 16, \\"sizes\\": {\\"scale\\": 2}}", "stored": null}'  # noqa: E501
SLUG = "scenes-29f16b"
OPTIONS = {"image_size": 16, "sizes": {"scale": 2}}


def test_the_same_choice_has_the_same_folder_and_record_as_ever(tmp_path: Path) -> None:
    reference = DataReference.of("scenes", OPTIONS | {"gray": True}, folder=tmp_path)
    assert json.dumps(vars(reference)) == RECORDED
    assert reference.slug == SLUG
    assert reference == DataReference.of("scenes", OPTIONS | current("grey"), folder=tmp_path)


def test_what_was_recorded_is_loaded_without_a_hint() -> None:
    reference = DataReference.parse(RECORDED, Path("nowhere"))
    assert reference is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = reference.load()
    assert data.fingerprint == load_dataset("scenes", **OPTIONS, gray=True).fingerprint


def test_a_target_gets_the_size_and_channels_of_the_proxy() -> None:
    assert fitting_options("scenes", (1, 32, 32)) == {"image_size": 32, "gray": True}
    assert fitting_options("scenes", (3, 16, 16)) == {"image_size": 16, "gray": False}
    assert fitting_options("digits", (3, 16, 16)) == {"image_size": 16}


def test_a_study_file_of_the_old_spelling_finds_its_folders_with_one_hint(tmp_path: Path) -> None:
    with pytest.warns(FutureWarning, match="the option grey is now gray") as told:
        study = Study(parse_spec(FILE.replace("WORD", "grey")), folder=tmp_path)
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [data.slug for data in study.proxies()] == [SLUG]
        assert study.spec == parse_spec(FILE.replace("WORD", "gray"))


def test_options_of_a_target_in_the_old_spelling_overrule_what_fits_the_proxy(tmp_path: Path) -> None:
    study = Study(parse_spec(FILE.replace("WORD", "gray")), folder=tmp_path)
    with pytest.warns(FutureWarning, match="the option grey is now gray") as told:
        target = study.data.target("scenes", grey=False)
    assert len(told) == 1
    assert target == DataReference.of("scenes", {"image_size": 16, "gray": False}, folder=tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"name": 1, "nothing": 2}', None])
def test_what_is_no_reference_is_none(text: str | None) -> None:
    assert DataReference.parse(text, Path("nowhere")) is None


def test_a_data_set_in_memory_is_stored_once_and_comes_back_whole(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5000, 1, 16, 16), dtype=np.uint8)
    factors = np.arange(5000)[:, None] % 3
    data = ImageDataset("mine: a/b", images, ("kind",), (3,), factors, "memory", (("p", "q", "r"),))
    reference = DataReference.of(data, folder=tmp_path)
    assert reference == DataReference.of(data, folder=tmp_path)
    back = reference.load()
    assert (back.images_at(range(5000)) == images).all()
    assert (back.factors_at(range(5000)) == factors).all()
    assert (back.name, back.factor_names, back.factor_sizes, back.source) == ("mine: a/b", ("kind",), (3,), "memory")
    assert [tuple(values) for values in back.factor_values] == [("p", "q", "r")]
    assert back.fingerprint == data.fingerprint


def current(word: str) -> dict[str, object]:
    with pytest.warns(FutureWarning, match="the option grey is now gray") as told:
        options = current_options({word: True})
    assert len(told) == 1
    return options


def test_a_reference_without_an_edition_is_of_the_first(tmp_path: Path) -> None:
    options = {"image_size": 16, "sizes": {"shape": 1, "scale": 1, "orientation": 1, "x": 2, "y": 2}}
    old = DataReference("noisy_dsprites", json.dumps(options, sort_keys=True))
    new = DataReference.of("noisy_dsprites", options, folder=tmp_path)
    kept = DataReference.of("noisy_dsprites", options | {"edition": 1}, folder=tmp_path)
    assert [reference.edition for reference in (old, new, kept)] == [1, 2, 1]
    assert old.slug == new.slug == kept.slug
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert old.load().fresh is kept.load().fresh is None
        assert (old.load().images[:] == kept.load().images[:]).all()
        assert new.load().fresh is not None
    plain = DataReference.of("sprites", options, folder=tmp_path)
    assert plain.edition == 1
    assert "edition" not in plain.options
