import json
import struct
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from selectdis.data import ImageDataset
from selectdis.errors import SelectdisError
from selectdis.training import Run, train_cohort
from selectdis.training._safetensors_file import read_file, write_file
from tests.training.conftest import same, small


@pytest.fixture(scope="module", params=["fc", "conv"])
def run(request, data) -> Run:
    return train_cohort([small(architecture=request.param)], data, steps=5, device="cpu")[0]


def test_codes(run, data):
    mean, log_variance = run.encode(data.images)
    assert mean.shape == log_variance.shape == (200, 3)
    assert mean.dtype == log_variance.dtype == np.float32
    assert np.array_equal(run.transform(data.images), mean)
    assert run.transform(data.images[:0]).shape == (0, 3)
    one = run.sample(data.images, seed=1)
    assert np.array_equal(one, run.sample(data.images, seed=1))
    assert not np.array_equal(one, run.sample(data.images, seed=2))


def test_a_sample_has_the_standard_deviation_of_the_posterior(run, data):
    parameters = {name: weight.clone() for name, weight in run.parameters.items()}
    parameters["encoder.head.bias"][3:] = torch.tensor([-4.0, 0.0, 2.0])  # far from the variance 1 of first weights
    sure = replace(run, parameters=parameters)
    mean, log_variance = sure.encode(data.images)
    noise = np.random.default_rng(1).standard_normal(mean.shape, dtype=np.float32)
    spread = sure.sample(data.images, seed=1) - mean
    np.testing.assert_allclose(spread, np.sqrt(np.exp(log_variance)) * noise, rtol=1e-3, atol=1e-6)
    assert spread.std(0) == pytest.approx(np.exp([-2.0, 0.0, 1.0]), rel=0.2)


def test_floats_give_the_codes_of_bytes(run, data):
    np.testing.assert_allclose(run.transform(data.images / 255), run.transform(data.images), rtol=1e-4, atol=1e-6)


def test_images_and_errors_of_codes(run, data):
    images = run.decode(run.transform(data.images))
    assert images.shape == data.images.shape
    assert images.dtype == np.float32
    assert 0 <= images.min() <= images.max() <= 1
    x = data.images / 255
    expected = -(x * np.log(images) + (1 - x) * np.log(1 - images)).sum((1, 2, 3))
    np.testing.assert_allclose(run.reconstruction_error(data.images), expected, rtol=1e-4)


def test_a_step_of_a_pipeline(run, data):
    labels = np.arange(200) % 2
    pipeline = make_pipeline(run, LogisticRegression()).fit(data.images, labels)
    assert pipeline.predict(data.images).shape == (200,)
    assert pipeline[:-1].get_feature_names_out().tolist() == ["latent_0", "latent_1", "latent_2"]
    assert clone(run) is run
    assert clone(pipeline).fit(data.images, labels).predict(data.images).shape == (200,)
    assert "Run(beta_vae-" in repr(run)
    assert list(run.set_output(transform="pandas").transform(data.images[:2]).columns) == [
        "latent_0",
        "latent_1",
        "latent_2",
    ]
    run.set_output(transform="default")


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((16, 16), np.uint8), r"images must be \(n, 1, 16, 16\) or of another size, .*, found \(16, 16\)"),
        (np.zeros((1, 16, 16), np.uint8), r"one image: images\[None\]"),
        (np.zeros((2, 7, 16, 16), np.uint8), r"1 \(grey\) to 4 .*; found the shape \(2, 7, 16, 16\)"),
        (np.zeros((2, 1, 32, 32), np.int64), "uint8 in 0..255, uint16 in 0..65535 or float"),
        (np.zeros((2, 1, 16, 16), np.int64), "uint8 in 0..255 or float"),
        (np.full((2, 1, 16, 16), 255.0), r"float64 in \[255, 255\]"),
        (np.full((2, 1, 16, 16), np.nan), "float in"),
        ([[1, 2]], "found list"),
        (None, "found NoneType"),
    ],
)
def test_wrong_images_are_named(run, images, message):
    with pytest.raises(SelectdisError, match=message):
        run.transform(images)


def test_images_of_another_size_depth_or_channels_are_brought_to_those_of_the_run(run, data):
    expected = run.transform(data.images)
    large = data.images.repeat(2, 2).repeat(2, 3)  # whose blocks average to the originals
    wide = np.pad(large, ((0, 0), (0, 0), (0, 0), (8, 8)))
    for images in (
        large,
        large.repeat(3, 1),
        np.moveaxis(large.repeat(4, 1), 1, -1),
        wide,
        data.images.astype(np.uint16) * 257,
        large / 255,
        ImageDataset("large", large),
    ):
        np.testing.assert_allclose(run.transform(images), expected, atol=1e-4)
    stretched = replace(run, image_fit="stretch").transform(wide)
    assert not np.allclose(stretched, expected, atol=1e-2)


def test_how_pictures_became_squares_is_kept_with_the_run(run, data, tmp_path):
    (fitted,) = train_cohort([small()], ImageDataset("blobs", data.images, image_fit="pad"), steps=1, device="cpu")
    fitted.save(tmp_path / "run.safetensors")
    assert Run.load(tmp_path / "run.safetensors").image_fit == "pad"
    pictures = tmp_path / "new"
    pictures.mkdir()
    wide = np.full((24, 48), 255, np.uint16) * 257
    Image.fromarray(wide).save(pictures / "=deep.png")
    Image.fromarray(np.full((16, 16, 3), 255, np.uint8)).save(pictures / "plain.png")
    codes = fitted.transform(f"folder:{pictures}")
    white = np.full((2, 1, 16, 16), 255, np.uint8)
    white[0, :, :4] = white[0, :, 12:] = 0  # padded above and below
    np.testing.assert_allclose(codes, fitted.transform(white), atol=1e-5)
    for name in ("codes.csv", "codes.parquet", "codes.npy"):
        fitted.save_codes(tmp_path / name, f"folder:{pictures}")
    table = pd.read_csv(tmp_path / "codes.csv")
    assert table["file"].tolist() == ["'=deep.png", "plain.png"]  # no formula
    np.testing.assert_allclose(table.filter(like="latent").to_numpy(), codes, rtol=1e-5)
    assert pd.read_parquet(tmp_path / "codes.parquet")["file"].tolist() == ["=deep.png", "plain.png"]
    assert np.array_equal(np.load(tmp_path / "codes.npy", allow_pickle=False), codes)
    assert pd.read_csv(tmp_path / "codes.files.csv")["file"].tolist() == ["'=deep.png", "plain.png"]
    fitted.save_codes(tmp_path / "plain.csv", data.images[:3])
    assert pd.read_csv(tmp_path / "plain.csv")["image"].tolist() == [0, 1, 2]
    with pytest.raises(SelectdisError, match=r"codes are written as \.csv, .*; found 'codes.txt'"):
        fitted.save_codes("codes.txt", data)


def test_wrong_codes_are_named(run):
    with pytest.raises(SelectdisError, match=r"codes must be \(n, 3\), found \(2, 4\)"):
        run.decode(np.zeros((2, 4)))


def test_saved_and_loaded(run, data, tmp_path):
    path = tmp_path / "new" / "run.safetensors"
    run.save(path)
    again = Run.load(path)
    assert same(again, run)
    assert (again.dataset, again.image_shape, again.steps, again.seconds) == ("blobs", (1, 16, 16), 5, run.seconds)
    assert np.array_equal(again.transform(data.images), run.transform(data.images))
    assert [file.name for file in path.parent.iterdir()] == ["run.safetensors"]


def test_a_diverged_run_is_kept_but_has_no_codes(data, tmp_path):
    (run,) = train_cohort([small(learning_rate=1e30)], data, steps=60, device="cpu")
    run.save(tmp_path / "run.safetensors")
    again = Run.load(tmp_path / "run.safetensors")
    assert (again.status, again.failed_step) == ("diverged", run.failed_step)
    with pytest.raises(SelectdisError, match=f"diverged at step {run.failed_step} and has no codes"):
        again.transform(data.images)


def test_a_folder_that_cannot_be_written_is_named(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SelectdisError, match="cannot write the run"):
        run.save(tmp_path / "file" / "run.safetensors")


def header(content: dict, body: bytes = b"") -> bytes:
    text = json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"\xff" * 64,
        b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",  # a pickle
        header({}),
        header({"__metadata__": {}}),
        header({"__metadata__": {"selectdis": "{}", "sha256": "0"}}),
        header({"__metadata__": {"selectdis": "[1]", "sha256": "0"}}),
        header({"__metadata__": {"selectdis": "[" * 100_000, "sha256": "0"}}),
        header({"x": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}),
        header({"x": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}, b"0000"),
        struct.pack("<Q", 2**60) + b"{}",
    ],
)
def test_hostile_files_are_refused(tmp_path, content):
    path = tmp_path / "run.safetensors"
    path.write_bytes(content)
    with pytest.raises(SelectdisError, match=r"run\.safetensors"):
        Run.load(path)
    with pytest.raises(SelectdisError, match="cannot read"):
        Run.load(tmp_path / "missing.safetensors")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_files_are_refused(run, tmp_path, share):
    path = tmp_path / "run.safetensors"
    run.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(SelectdisError, match="not a whole selectdis run"):
        Run.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 99},
        {"status": "splendid"},
        {"candidate": {"objective": "gan"}},
        {"candidate": 3},
        {"image_shape": [1, 32]},
        {"image_shape": [1, 32, 32]},
        {"image_shape": "abc"},
        {"steps": "many"},
        {"seconds": None},
        {"dataset": None},
        {"image_fit": "squeeze"},
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path, data, change):
    path = tmp_path / "run.safetensors"
    train_cohort([small(architecture="conv")], data, steps=1, device="cpu")[0].save(path)
    arrays, description = read_file(path, "run")
    write_file(path, arrays, description | change)
    with pytest.raises(SelectdisError, match="does not hold a valid run"):
        Run.load(path)
    write_file(path, {name: values for name, values in arrays.items() if "head" not in name}, description)
    with pytest.raises(SelectdisError, match=r"head\.weight must be a float array"):
        Run.load(path)
