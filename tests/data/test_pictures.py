"""Pictures as microscopes, cameras, drawing programs and phones write them."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selectdis.data import load_dataset
from selectdis.data._look import describe, look_at
from selectdis.data.reading import _pictures
from selectdis.data.reading._originals import Originals
from selectdis.errors import SelectdisError

RAMP = np.arange(32 * 32).reshape(32, 32)


def save(folder: Path, *pictures: np.ndarray, suffix: str = ".tif") -> str:
    for k, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / f"{k}{suffix}")
    return f"folder:{folder}"


@pytest.mark.parametrize(
    ("picture", "held"),
    [
        ((RAMP * 4).astype(np.uint16), "16-bit gray, 0 to 4092"),
        (RAMP.astype(np.int32), "32-bit gray, 0 to 1023"),
        ((RAMP % 6).astype(np.uint8), "8-bit gray, 0 to 5"),
        ((RAMP / 1e5).astype(np.float32), "32-bit floating-point gray, 0 to 0.01023"),
    ],
)
def test_dark_pictures_are_said_to_be_and_an_option_spreads_them(
    tmp_path: Path, picture: np.ndarray, held: str
) -> None:
    name = save(tmp_path, picture, (picture / 2).astype(picture.dtype))
    with pytest.warns(UserWarning, match=rf'are (dark|nearly).*the files hold {held}: scaling="dataset"'):
        load_dataset(name, image_size=32)
    data = load_dataset(name, image_size=32, scaling="dataset")
    assert int(data.images[0].max()) == 255
    assert 120 < int(data.images[1].max()) < 135 or picture.max() < 10
    assert int(load_dataset(name, image_size=32, scaling="picture").images[1].max()) == 255


def test_masks_of_zeros_and_ones_are_black_and_white(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masks = [(RAMP % k == 0).astype(np.uint8) for k in (2, 3, 5)]
    name = save(tmp_path, *masks, suffix=".png")
    data = load_dataset(name, image_size=32)
    assert (data.images[:, 0] == np.stack(masks) * 255).all()
    assert data.scaling == (0.0, 1.0)
    monkeypatch.setattr(_pictures, "CACHE_FROM", 2)
    for _ in range(2):
        kept = load_dataset(name, image_size=32)
        assert (np.asarray(kept.images) == data.images).all()
        assert kept.originals == data.originals


def test_one_hot_pixel_does_not_darken_the_percentiles(tmp_path: Path) -> None:
    hot = (RAMP * 4).astype(np.uint16)
    hot[0, 0] = 65535
    name = save(tmp_path, hot)
    assert np.median(load_dataset(name, image_size=32, scaling="percentiles").images) > 100
    assert np.median(load_dataset(name, image_size=32, scaling="dataset").images) < 20


@pytest.mark.parametrize("scaling", ["dataset", "percentiles", "picture", [100, 3000]])
def test_the_scaling_of_a_data_set_reads_new_pictures_alike(tmp_path: Path, scaling: object) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    pictures = [(RAMP * k).astype(np.uint16) for k in (2, 4)]
    data = load_dataset(save(first, *pictures), image_size=32, scaling=scaling)
    assert Originals.from_bytes(data.originals.to_bytes()) == data.originals
    new = load_dataset(save(second, pictures[0]), image_size=32, scaling=data.scaling)
    assert (new.images[0] == data.images[0]).all()


@pytest.mark.parametrize("scaling", ["typ", [3], [5, 5], 7, [0, float("nan")]])
def test_scalings_that_are_none(pictures: Path, scaling: object) -> None:
    with pytest.raises(SelectdisError, match="scaling is one of type, dataset, picture, percentiles, or two numbers"):
        load_dataset(f"folder:{pictures}", scaling=scaling)


def test_values_outside_of_their_type(tmp_path: Path) -> None:
    name = save(tmp_path, (RAMP - 1000).astype(np.int32))
    with pytest.raises(SelectdisError, match=r'lie in 0\.\.65535, found -1000\.\.23: scaling="dataset"'):
        load_dataset(name, strict=True)
    assert int(load_dataset(name, image_size=32, scaling="dataset").images.max()) == 255


def tiff(path: Path, array: np.ndarray, photometric: int = 1, planes: bool = False) -> None:
    """Write what Pillow does not: signed and unsigned numbers of any width, inverted ones, colours of 16 bits."""
    height, width = array.shape[:2]
    channels = 1 if array.ndim == 2 else array.shape[2]
    content = (np.moveaxis(array, -1, 0) if planes else array).tobytes()
    bits, sign, size = array.dtype.itemsize * 8, 2 if array.dtype.kind == "i" else 1, len(content)
    starts = [8 + size // channels * k for k in range(channels)] if planes else [8]
    tags = {256: [width], 257: [height], 258: [bits] * channels, 259: [1], 262: [photometric], 273: starts,
            277: [channels], 278: [height], 279: [size // len(starts)] * len(starts), 284: [1 + planes],
            339: [sign] * channels}  # fmt: skip
    entries, extra, end = b"", b"", 8 + size + 2 + 12 * len(tags) + 4
    for tag, values in tags.items():
        packed = np.array(values, "<u4").tobytes()
        entries += struct.pack("<HHI", tag, 4, len(values))
        entries += packed if len(values) == 1 else struct.pack("<I", end + len(extra))
        extra += packed if len(values) > 1 else b""
    head = struct.pack("<2sHI", b"II", 42, 8 + size)
    path.write_bytes(head + content + struct.pack("<H", len(tags)) + entries + bytes(4) + extra)


@pytest.mark.parametrize(
    ("picture", "held"),
    [
        (RAMP.astype(np.uint32) * 2**22, "32-bit gray, values 0 to 4.29077e+09"),
        ((RAMP // 4 - 128).astype(np.int8), "16-bit gray, values -128 to 127"),
        ((RAMP - 500).astype(np.int16), "32-bit gray, values -500 to 523"),
    ],
)
def test_numbers_keep_their_sign(tmp_path: Path, picture: np.ndarray, held: str) -> None:
    tiff(tmp_path / "a.tif", picture)
    data = load_dataset(f"folder:{tmp_path}", image_size=32, scaling="dataset")
    assert describe(data)["files hold"] == f"1 {held}"
    assert np.abs(data.images[0, 0].astype(int) - RAMP * 255 / 1023).max() <= 1


def test_white_may_be_zero(tmp_path: Path) -> None:
    for name, picture in (("a.tif", RAMP * 64), ("b.tif", RAMP // 4)):
        tiff(tmp_path / name, picture.astype(np.uint16 if name == "a.tif" else np.uint8), photometric=0)
    for image in load_dataset(f"folder:{tmp_path}", image_size=32).images:
        assert (int(image[0, 0, 0]), int(image[0, -1, -1])) == (255, 0)


def test_colours_of_sixteen_bits_say_what_is_lost_and_planes_are_refused(tmp_path: Path) -> None:
    color = np.repeat((RAMP * 4)[..., None], 3, axis=-1).astype(np.uint16)
    tiff(tmp_path / "a.tif", color, photometric=2)
    with pytest.warns(UserWarning, match="the files hold 16-bit RGB of which the upper 8 are read, 0 to 15"):
        load_dataset(f"folder:{tmp_path}")
    tiff(tmp_path / "a.tif", color, photometric=2, planes=True)
    with pytest.raises(SelectdisError, match="colours of 16 bits lie apart, in planes"):
        load_dataset(f"folder:{tmp_path}")


def test_little_contrast_and_dark_ones_beside_others_are_said(tmp_path: Path) -> None:
    tiff(tmp_path / "a.tif", (20_000 + RAMP * 4).astype(np.uint16))
    with pytest.warns(UserWarning, match=r"little contrast: their pixels lie from 78 to 94 .* hold 16-bit gray, 20000"):
        load_dataset(f"folder:{tmp_path}")
    save(tmp_path, *[(RAMP // 4).astype(np.uint8)] * 2, suffix=".png")
    with pytest.warns(UserWarning, match=r'dark or flat beside the others: 1 hold 16-bit gray, .* scaling="picture"'):
        load_dataset(f"folder:{tmp_path}")


@pytest.mark.parametrize("scaling", ["type", "dataset", "percentiles", "picture", [0, 1]])
def test_pictures_that_are_not_finite_are_left_out_whatever_the_scaling(tmp_path: Path, scaling: object) -> None:
    fine = (RAMP / 1023).astype(np.float32)
    name = save(tmp_path, fine, np.where(RAMP == 7, np.nan, fine))
    with pytest.warns(UserWarning, match=r"left out 1 of 2 pictures: .*1\.tif: pixels must be finite"):
        assert len(load_dataset(name, scaling=scaling)) == 1


@pytest.mark.parametrize(("suffix", "count"), [(".gif", 3), (".tif", 3)])
def test_pages(tmp_path: Path, suffix: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (32, 32), np.uint8)) for _ in range(count)]
    frames[0].save(tmp_path / f"stack{suffix}", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "one.png")
    name = f"folder:{tmp_path}"
    with pytest.warns(UserWarning, match=r'1 of 2 files hold several pages .* 2 others are left out; pages="all"'):
        assert len(load_dataset(name, image_size=32, gray=True)) == 2
    data = load_dataset(name, image_size=32, gray=True, pages="all")
    assert (data.images[1:, 0] == np.stack([np.asarray(frame) for frame in frames])).all()
    assert describe(data)["stacks"] == "1 files of several pages, every page taken"
    clip = load_dataset(f"clips:{tmp_path}", image_size=32, gray=True, pages="all")
    assert clip.listed_pairs.tolist() == [[1, 2], [2, 3]]
    monkeypatch.setattr(_pictures, "CACHE_FROM", 2)
    assert (np.asarray(load_dataset(name, image_size=32, gray=True, pages="all").images) == data.images).all()


def test_pages_of_another_size_are_previews(tmp_path: Path) -> None:
    page, preview = Image.fromarray(RAMP.astype(np.uint8)), Image.fromarray(RAMP[::2, ::2].astype(np.uint8))
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page, preview])
    assert len(load_dataset(f"folder:{tmp_path}", pages="all")) == 2


def test_black_shapes_on_transparency_show_on_another_background(tmp_path: Path) -> None:
    for k in range(2):
        shape = np.zeros((32, 32, 4), np.uint8)
        shape[8 : 16 + k, 8:24, 3] = 255
        Image.fromarray(shape).save(tmp_path / f"{k}.png")
    name = f"folder:{tmp_path}"
    with pytest.warns(UserWarning, match=r'2 of them have transparent parts.*background="white"'):
        assert int(load_dataset(name, image_size=32).images.max()) == 0
    white = load_dataset(name, image_size=32, background="white").images
    assert (white[0, :, 0, 0].tolist(), white[0, :, 10, 10].tolist()) == ([255] * 3, [0] * 3)
    with pytest.raises(SelectdisError, match="background is the name of a colour"):
        load_dataset(name, background="whyte")


def test_heic_needs_the_extra(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pictures / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.warns(UserWarning, match=r"phone.heic is HEIC, which needs the extra: pip install 'selectdis\[heic\]'"):
        assert len(load_dataset(f"folder:{pictures}")) == 3


def test_heic_by_the_extra(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    color = np.full((64, 64, 3), (200, 40, 90), np.uint8)
    pillow_heif.from_pillow(Image.fromarray(color)).save(tmp_path / "phone.heic")
    (image,) = load_dataset(f"folder:{tmp_path}", image_size=32).images
    assert np.abs(image.mean((1, 2)) - [200, 40, 90]).max() < 8


def test_class_folders_are_a_factor(pictures: Path) -> None:
    with pytest.raises(SelectdisError, match='labels="folders" needs pictures in two or more folders'):
        load_dataset(f"folder:{pictures}", labels="folders")
    (pictures / "above").mkdir()
    (pictures / "a.png").rename(pictures / "above" / "a.png")
    with pytest.warns(UserWarning, match="has no value in 1 of 3 rows"):
        data = load_dataset(f"folder:{pictures}", labels="folders")
    assert (data.factor_names, data.factor_values) == (("folder",), (("above", "below"),))
    assert data.factors.tolist() == [[0], [-1], [1]]


def test_what_info_says_of_nearly_constant_pictures(tmp_path: Path) -> None:
    name = save(tmp_path, *(np.full((9, 9 + k), 90 + k, np.uint8) for k in range(3)), suffix=".png")
    with pytest.warns(UserWarning, match="3 of 3 images are nearly constant"):
        data = load_dataset(name, image_size=32)
    told = describe(data)
    assert told["nearly constant"].startswith("3 of 3 images")
    assert told["brightness"] == "mean 91.0, pixels from 90 to 92 (of 0 to 255)"
    assert told["sizes of files"] == "9 x 9: 1, 10 x 9: 1, 11 x 9: 1"
    assert told["files hold"] == "3 8-bit gray, values 90 to 92"
    assert look_at(data).contrast == 0


def test_a_run_reads_new_pictures_as_those_that_it_was_trained_on(tmp_path: Path) -> None:
    from selectdis.training import Candidate, Run, train_cohort

    pictures = [(RAMP * k).astype(np.uint16) for k in (2, 3, 4)]
    data = load_dataset(save(tmp_path, *pictures), image_size=16, scaling="dataset")
    (run,) = train_cohort([Candidate(architecture="fc", width=4, latents=2, batch_size=2)], data, steps=1)
    run.save(tmp_path / "run.safetensors")
    loaded = Run.load(tmp_path / "run.safetensors")
    assert loaded.image_scaling == data.scaling == (0.0, 4092.0)
    (tmp_path / "new").mkdir()
    new = loaded.transform(save(tmp_path / "new", pictures[0]))  # brighter than the others, in a set of its own
    np.testing.assert_allclose(new, run.transform(data.images[:1]), rtol=1e-5)
    array = np.stack(pictures)[:, None, ::2, ::2]
    as_bytes = (array * (255 / 4092)).round().astype(np.uint8)
    np.testing.assert_allclose(loaded.transform(array)[2], run.transform(as_bytes)[2], rtol=1e-4)
