from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from selectdis.data import load_dataset
from selectdis.data.reading import _convert as convert
from selectdis.data.reading import _file_array as rows
from selectdis.data.reading._lazy import LazyImages
from selectdis.errors import SelectdisError

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
WANTED = np.moveaxis(COLOUR, -1, 1)


@pytest.fixture(params=["npy", "npz", "npz deflated", "h5", "h5 chunked"])
def save(request: pytest.FixtureRequest, tmp_path: Path):
    """Write an array into one kind of file -> the name to load it by."""

    def write(array: np.ndarray) -> str:
        kind = request.param
        if kind == "npy":
            np.save(tmp_path / "x.npy", array)
            return f"{tmp_path}/x.npy"
        if kind.startswith("npz"):
            (np.savez_compressed if "deflated" in kind else np.savez)(
                tmp_path / "x.npz", images=array, other=np.arange(3)
            )
            return f"{tmp_path}/x.npz::images"
        with h5py.File(tmp_path / "x.h5", "w") as file:
            chunks = (3, *array.shape[1:]) if "chunked" in kind and len(array) else None
            file.create_dataset("group/images", data=array, chunks=chunks, compression="gzip" if chunks else None)
        return f"{tmp_path}/x.h5::group/images"

    return write


@pytest.fixture(params=[True, False], ids=["in memory", "unpacked"])
def unpacked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """The way of small files, or (with the limits down) that of large ones."""
    if not request.param:
        monkeypatch.setattr(convert, "IN_MEMORY", 0)
        monkeypatch.setattr(rows, "BLOCK_BYTES", 4 * 32 * 32 * 3)
    return not request.param


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.float16, ">f4", bool])
@pytest.mark.parametrize("layout", ["nhw", "nhwc", "nchw"])
def test_every_file_layout_and_type(save, unpacked: bool, layout: str, dtype: object) -> None:
    pixels = {"nhw": COLOUR[..., 0], "nhwc": COLOUR, "nchw": WANTED}[layout]
    wanted = WANTED[:, :1] if layout == "nhw" else WANTED
    if np.dtype(dtype) == bool:
        pixels, wanted = pixels > 127, np.uint8(255) * (wanted > 127)
    elif np.dtype(dtype).kind == "f":
        pixels = (pixels / 255).astype(dtype)
    name = save(np.ascontiguousarray(pixels))
    data = load_dataset(name)
    assert data.image_shape == wanted.shape[1:]
    assert np.abs(np.asarray(data.images).astype(int) - wanted).max() <= (np.dtype(dtype) == np.float16)
    assert (data.images_at([7, 2]) == np.asarray(data.images)[[7, 2]]).all()
    assert (np.asarray(load_dataset(name).images) == np.asarray(data.images)).all()


def test_black_and_white_bytes_become_0_and_255(save, unpacked: bool) -> None:
    bits = RNG.integers(0, 2, (40, 64, 64), dtype=np.uint8)
    for size in (64, 16):
        data = load_dataset(save(bits), image_size=size)
        whole = np.asarray(data.images)
        assert whole.max() > 128
        if size == 64:
            assert (whole[:, 0] == bits * 255).all()


def test_a_late_grey_pixel_undoes_black_and_white(save, unpacked: bool) -> None:
    almost = RNG.integers(0, 2, (40, 64, 64), dtype=np.uint8)
    almost[39, 5, 5] = 200
    assert (np.asarray(load_dataset(save(almost)).images)[:, 0] == almost).all()


def test_unpacked_files_are_kept_small(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "IN_MEMORY", 0)
    bits = RNG.integers(0, 2, (100, 64, 64), dtype=np.uint8)
    np.savez_compressed(tmp_path / "x.npz", imgs=bits)
    data = load_dataset(f"{tmp_path}/x.npz")
    (kept,) = (cache / "arrays").iterdir()
    assert isinstance(data.images, LazyImages)
    assert kept.stat().st_size < 100 * 64 * 64 / 8 + 200
    np.savez_compressed(tmp_path / "x.npz", imgs=1 - bits)  # a new file is unpacked anew
    assert (np.asarray(load_dataset(f"{tmp_path}/x.npz").images)[:, 0] == (1 - bits) * 255).all()


def test_a_file_written_again_is_read_again(tmp_path: Path) -> None:
    for value in (10, 20):
        np.save(tmp_path / "x.npy", np.full((5, 16, 16), value, np.uint8))
        assert load_dataset(f"{tmp_path}/x.npy").images[0].max() == value


@pytest.mark.parametrize(("h", "w"), [(28, 28), (48, 80), (100, 40)])
def test_other_sizes_become_64(tmp_path: Path, h: int, w: int) -> None:
    np.save(tmp_path / "x.npy", RNG.integers(0, 256, (3, h, w, 3), dtype=np.uint8))
    for fit in ("crop", "stretch", "pad"):
        assert load_dataset(f"{tmp_path}/x.npy", fit=fit).images.shape == (3, 3, 64, 64)


def test_grey_and_transparency(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", RNG.integers(0, 256, (3, 32, 32, 4), dtype=np.uint8))
    assert load_dataset(f"{tmp_path}/x.npy").image_shape == (3, 32, 32)
    assert load_dataset(f"{tmp_path}/x.npy", gray=True).image_shape == (1, 32, 32)
    np.save(tmp_path / "x.npy", COLOUR[..., 0])
    assert load_dataset(f"{tmp_path}/x.npy", gray=False).image_shape == (3, 32, 32)


def test_factors_from_the_same_file(tmp_path: Path) -> None:
    values = np.stack([np.repeat([0.5, 2.5], 5), np.arange(10) % 5], axis=1)
    np.savez(tmp_path / "x.npz", images=COLOUR, y=values)
    data = load_dataset(f"{tmp_path}/x.npz", factors="y", factor_names=["size", "kind"])
    assert data.factor_names == ("size", "kind")
    assert data.factor_sizes == (2, 5)
    assert data.factor_values[0] == ("0.5", "2.5")
    assert data.is_grid  # all ten combinations, in order
    assert data.factors_at([7]).tolist() == [[1, 2]]
    with pytest.raises(SelectdisError, match="2 factors and 1 factor_names"):
        load_dataset(f"{tmp_path}/x.npz", factors="y", factor_names=["size"])
    with pytest.raises(SelectdisError, match="no array 'z'"):
        load_dataset(f"{tmp_path}/x.npz", factors="z")


def bad(name: str) -> np.ndarray:
    floats = COLOUR / 255
    if name == "nan":
        floats[3, 2, 1, 0] = np.nan
    return {
        "nan": floats,
        "infinite": np.where(floats > 0.99, np.inf, floats),
        "bytes as floats": COLOUR.astype(np.float32),
        "negative": floats - 0.5,
        "int64": COLOUR.astype(np.int64),
        "complex": floats.astype(complex),
        "two dimensions": COLOUR[0, :, :, 0],
        "five channels": np.zeros((4, 32, 32, 5), np.uint8),
        "no images": COLOUR[:0],
        "both": np.zeros((4, 3, 32, 3), np.uint8),
    }[name]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nan", "NaN or infinite pixels"),
        ("infinite", "NaN or infinite pixels"),
        ("bytes as floats", r"holds 0 to 255; divide by 255"),
        ("negative", r"lie in \[0, 1\]; .* holds -0.5 to 0.5"),
        ("int64", "holds int64: scaling="),
        ("complex", "complex128"),
        ("two dimensions", "3 or 4 dimensions"),
        ("five channels", "1 .* to 4 .* channels; .* has 5"),
        ("no images", "holds no images"),
        ("both", "channels first or last"),
    ],
)
def test_arrays_that_are_no_images(save, unpacked: bool, name: str, message: str, cache: Path) -> None:
    with pytest.raises(SelectdisError, match=message):
        load_dataset(save(bad(name)))
    assert not list(cache.rglob("*.*"))  # nothing half done stays behind


def test_keys(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", pictures=COLOUR, others=COLOUR)
    with pytest.raises(SelectdisError, match=r"which array of .* with one of pictures, others"):
        load_dataset(f"{tmp_path}/x.npz")
    with pytest.raises(SelectdisError, match="no array 'picture'; did you mean 'pictures'"):
        load_dataset(f"{tmp_path}/x.npz::picture")
    np.save(tmp_path / "x.npy", COLOUR)
    with pytest.raises(SelectdisError, match="has no keys"):
        load_dataset(f"{tmp_path}/x.npy::images")
    with pytest.raises(SelectdisError, match="there is no file"):
        load_dataset(f"{tmp_path}/y.npy")
    with pytest.raises(SelectdisError, match="cannot hold factors"):
        load_dataset(f"{tmp_path}/x.npy", factors="y")


def test_a_full_disk_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "IN_MEMORY", 0)
    np.savez_compressed(tmp_path / "x.npz", images=COLOUR)
    (tmp_path / "file").touch()
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path / "file"))
    with pytest.raises(SelectdisError, match="point SELECTDIS_DATA at a folder"):
        load_dataset(f"{tmp_path}/x.npz")


def test_grey_is_pillows_luminance_and_transparency_comes_last() -> None:
    pixels = RNG.integers(0, 256, (4, 32, 32, 4), dtype=np.uint8)
    assert (load_dataset(pixels).images == np.moveaxis(pixels[..., :3], -1, 1)).all()
    luminance = [np.asarray(Image.fromarray(one[..., :3]).convert("L")).astype(int) for one in pixels]
    assert np.abs(load_dataset(pixels, gray=True).images[:, 0] - np.stack(luminance)).max() <= 1


def test_unpacked_files_of_earlier_versions_are_found() -> None:
    # The name of an unpacked file is a hash of this text, and version 0.1.0 wrote it so.
    text = "Convert(label='x.npz::a', layout='nhwc', size=64, grey=None, fit='crop', bits=True)"
    assert repr(convert.Convert("x.npz::a", "nhwc", 64, None, "crop", bits=True)) == text
