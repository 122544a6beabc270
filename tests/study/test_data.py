"""References to the data sets of a study."""

import json

import pytest

import selectdis as sd
from selectdis.errors import SelectdisError
from tests.study.fakes import spec


@pytest.fixture
def data(tmp_path):
    return sd.Study(spec(), folder=tmp_path).data


def options(reference):
    return json.loads(reference.options)


def test_a_target_takes_the_options_of_the_study_file(data):
    assert data.target().name == "digits"
    assert options(data.target()) == options(data.target("digits")) == {"image_size": 16}
    assert options(data.target(image_size=32))["image_size"] == 32


def test_another_target_is_made_to_fit_the_proxy(data):
    fitting = data.target("scenes")
    assert fitting.load().image_shape == (1, 16, 16)
    assert options(data.target("scenes", image_size=32)) == options(fitting) | {"image_size": 32}


def test_without_a_target_one_is_asked_for(tmp_path):
    with pytest.raises(SelectdisError, match="names no target"):
        sd.Study(spec(target=None), folder=tmp_path).data.target()
