"""Image readers and metrics on arbitrary input: a value, a defined number or one sentence."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import selectdis as sd
from selectdis._arrays import DegenerateWarning
from selectdis.errors import SelectdisError
from selectdis.metrics import mig, modularity

FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def outcome(action):
    """What `action` gives and "", or None and the sentence that it raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return action(), ""
    except SelectdisError as error:
        return None, str(error)


def whole(suffix):
    """A picture as a file of some format."""
    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(content, suffix)
    return content.getvalue()


@FEW
@given(st.sampled_from(["png", "jpeg", "bmp", "gif"]), st.integers(0, 400), st.binary(max_size=40), st.booleans())
def test_damaged_pictures_are_images_or_one_sentence(tmp_path, suffix, at, garbage, cut):
    content = whole(suffix)
    damaged = content[:at] + garbage + (b"" if cut else content[at + len(garbage) :])
    folder = tmp_path / "pictures"
    folder.mkdir(exist_ok=True)
    for number, one in enumerate((whole("png"), damaged)):
        (folder / f"{number}.png").write_bytes(one)
    images, sentence = outcome(lambda: sd.load_dataset(f"folder:{folder}", image_size=16).images[:])
    assert "\n" not in sentence
    assert sentence or images.dtype == np.uint8


@FEW
@given(st.binary(max_size=300), st.sampled_from([".npz", ".npy", ".h5", ".hdf5", ".pt", ".csv", ".parquet", ""]))
def test_bytes_that_are_no_data_set_are_one_sentence(tmp_path, content, suffix):
    path = tmp_path / f"data{suffix}"
    path.write_bytes(content)
    with pytest.raises(SelectdisError) as caught:
        sd.load_dataset(str(path))
    assert "\n" not in str(caught.value)


numbers = st.sampled_from([0.0, 1.0, -1.0, 1e-30, 1e30, 0.5, 3.0])


@FEW
@given(
    hnp.arrays(np.float64, st.tuples(st.just(40), st.integers(1, 4)), elements=numbers),
    hnp.arrays(np.int64, st.tuples(st.just(40), st.integers(1, 3)), elements=st.integers(0, 3)),
)
def test_scores_of_any_codes_are_in_their_range(codes, factors):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        for score in (mig, modularity):
            assert -1e-9 <= score(codes, factors) <= 1 + 1e-9


@FEW
@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(0, 3))), st.integers(0, 5))
def test_codes_that_are_not_finite_or_do_not_fit_are_one_sentence(codes, rows):
    factors = np.zeros((rows, 2), dtype=np.int64)
    score, sentence = outcome(lambda: mig(codes, factors))
    assert "\n" not in sentence
    assert sentence or 0 <= score <= 1
