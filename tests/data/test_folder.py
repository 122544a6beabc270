from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from selectdis.data import load_dataset
from selectdis.data._reference import DataReference
from selectdis.data.own import _folder as folder_module
from selectdis.data.reading import _pictures as pictures_module
from selectdis.errors import SelectdisError


def test_pictures_below_are_found_in_order(pictures: Path) -> None:
    data = load_dataset(f"folder:{pictures}", image_size=32)
    assert data.images.shape == (3, 3, 32, 32)
    assert not data.labelled
    assert (load_dataset(pictures, image_size=32).images == data.images).all()


@pytest.mark.parametrize(("fit", "left"), [("crop", 200), ("stretch", 100), ("pad", 0)])
def test_fit(tmp_path: Path, fit: str, left: int) -> None:
    wide = np.full((32, 96), 200, np.uint8)
    wide[:, :16] = wide[:, -16:] = 100
    Image.fromarray(wide).save(tmp_path / "wide.png")
    (image,) = load_dataset(f"folder:{tmp_path}", image_size=32, fit=fit).images
    edge = image[0, 0 if fit == "pad" else 16, 0]
    assert abs(int(edge) - left) <= 1


def test_rows_know_their_files_and_what_was_left_out(pictures: Path, tmp_path: Path) -> None:
    (pictures / "broken.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="left out 1 of 4"):
        data = load_dataset(f"folder:{pictures}", image_size=16, fit="pad")
    names = [str(path.relative_to(pictures)) for path in folder_module.find_pictures(pictures)]
    assert list(data.files) == [name for name in names if name != "broken.png"]
    ((file, why),) = data.left_out
    assert (file, data.image_fit) == ("broken.png", "pad")
    assert why.startswith("is not a picture that Pillow can read")
    for row, name in enumerate(data.files):
        alone = tmp_path / "alone" / str(row) / Path(name).name
        alone.parent.mkdir(parents=True)
        alone.write_bytes((pictures / name).read_bytes())
        assert (load_dataset(alone.parent, image_size=16, fit="pad").images[0] == data.images[row]).all()
    assert data.subset([2, 0]).files == (data.files[2], data.files[0])
    stored = DataReference.of(data, folder=tmp_path).load()
    assert (stored.files, stored.left_out, stored.image_fit) == (data.files, data.left_out, "pad")
    with pytest.raises(SelectdisError, match="names 1 files: one for each"):
        replace(data, files=("one",))


def test_grey_rgb_and_a_mixture(pictures: Path) -> None:
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(pictures / "grey.png")
    with pytest.raises(SelectdisError, match=r"same number of channels: .*grey.png is grey"):
        load_dataset(f"folder:{pictures}")
    assert load_dataset(f"folder:{pictures}", gray=True).image_shape[0] == 1
    assert load_dataset(f"folder:{pictures}", gray=False).image_shape[0] == 3


def test_unreadable_pictures_are_named_and_counted(pictures: Path) -> None:
    (pictures / "broken.png").write_bytes(b"no picture")
    (pictures / "cut.jpg").write_bytes((pictures / "b.jpg").read_bytes()[:600])
    with pytest.warns(UserWarning, match=r"left out 2 of 5 pictures: .*broken.png is not a picture"):
        assert len(load_dataset(f"folder:{pictures}")) == 3
    with pytest.raises(SelectdisError, match="is not a picture that Pillow can read"):
        load_dataset(f"folder:{pictures}", strict=True)


@pytest.mark.filterwarnings("ignore:left out")
def test_nothing_readable(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(SelectdisError, match="none of 1 pictures could be read"):
        load_dataset(f"folder:{tmp_path}")


def test_pictures_of_other_formats_are_not_passed_over(pictures: Path, tmp_path: Path) -> None:
    (pictures / "scan.DCM").write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"left out 1 of 4 pictures: .*scan.DCM is of a format that is not read here"):
        load_dataset(f"folder:{pictures}")
    (tmp_path / "arrays").mkdir()
    (tmp_path / "arrays" / "0.npy").write_bytes(b"x")
    with pytest.raises(SelectdisError, match=r"no picture.*it holds 1 \.npy; stack them into one array"):
        load_dataset(f"folder:{tmp_path}/arrays")


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(SelectdisError, match="holds no picture"):
        load_dataset(f"folder:{tmp_path}")
    with pytest.raises(SelectdisError, match="it does not exist"):
        load_dataset(f"folder:{tmp_path}/none")
    (tmp_path / "file").touch()
    with pytest.raises(SelectdisError, match="that is a file"):
        load_dataset(f"folder:{tmp_path}/file")


def test_a_loop_of_links_ends(pictures: Path) -> None:
    (pictures / "below" / "up").symlink_to(pictures, target_is_directory=True)
    (pictures / "self").symlink_to(pictures / "self")
    (pictures / "dangling.png").symlink_to(pictures / "gone.png")
    with pytest.warns(UserWarning, match="left out 1 of 4"):
        assert len(load_dataset(f"folder:{pictures}")) == 3


def test_hidden_files_and_other_files_are_left_alone(pictures: Path) -> None:
    (pictures / ".hidden.png").write_bytes(b"x")
    (pictures / ".git").mkdir()
    (pictures / ".git" / "a.png").write_bytes(b"x")
    (pictures / "notes.txt").write_text("hello")
    assert len(load_dataset(f"folder:{pictures}", strict=True)) == 3


def test_a_decompression_bomb_is_refused(pictures: Path) -> None:
    Image.new("1", (11_000, 11_000)).save(pictures / "huge.png")
    assert (pictures / "huge.png").stat().st_size < 100_000
    with pytest.warns(UserWarning, match="claims 11000 x 11000 pixels"):
        assert len(load_dataset(f"folder:{pictures}", gray=True)) == 3


def test_odd_modes(tmp_path: Path) -> None:
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[..., 0], rgba[:, 8:, 3] = 255, 255
    Image.fromarray(rgba).save(tmp_path / "a.png")  # transparent on the left
    Image.fromarray(np.full((16, 16, 3), 90, np.uint8)).quantize(4).save(tmp_path / "b.png")  # a palette
    transparent, palette = load_dataset(f"folder:{tmp_path}", image_size=16).images
    assert transparent[:, 4, 4].tolist() == [0, 0, 0]
    assert transparent[:, 4, 12].tolist() == [255, 0, 0]
    assert palette[:, 4, 4].tolist() == [90, 90, 90]


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    Image.fromarray(np.full((16, 16), 65535 // 2, np.uint16)).save(tmp_path / "deep.png")
    (image,) = load_dataset(f"folder:{tmp_path}", image_size=16).images
    assert image.shape == (1, 16, 16)
    assert set(np.unique(image)) <= {127, 128}


def test_a_photograph_lies_upright(tmp_path: Path) -> None:
    upper = np.zeros((32, 32, 3), np.uint8)
    upper[:16] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    Image.fromarray(upper).save(tmp_path / "turned.png", exif=exif)
    (image,) = load_dataset(f"folder:{tmp_path}", image_size=32).images
    assert image[0, 4, 4] == 0
    assert image[0, 28, 4] == 255


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fit": "corp"}, "did you mean 'crop'"),
        ({"image_size": 2}, "image_size .*fc any"),
        ({"gary": True}, "did you mean 'gray'"),
    ],
)
def test_wrong_options(pictures: Path, options: dict, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        load_dataset(f"folder:{pictures}", **options)


def test_many_pictures_are_decoded_once(pictures: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pictures / "a_broken.png").write_bytes(b"no picture")
    (pictures / "_first.png").write_bytes(b"no picture")
    with pytest.warns(UserWarning, match="left out 2 of 5"):
        at_once = load_dataset(f"folder:{pictures}").images
    monkeypatch.setattr(pictures_module, "CACHE_FROM", 3)
    with pytest.warns(UserWarning, match="left out 2 of 5 pictures: .*_first.png is not a picture"):
        kept = load_dataset(f"folder:{pictures}").images
    read = pictures_module.read_picture

    def read_broken(path: Path, *options: object) -> np.ndarray:
        assert path.name in ("a_broken.png", "_first.png")  # of the others nothing is decoded from here on
        return read(path, *options)

    monkeypatch.setattr(pictures_module, "read_picture", read_broken)
    with pytest.warns(UserWarning, match="left out 2 of 5 pictures: .*_first.png"):
        again = load_dataset(f"folder:{pictures}").images
    assert (np.asarray(kept) == at_once).all()
    assert (np.asarray(again) == at_once).all()
    monkeypatch.undo()
    monkeypatch.setenv("SELECTDIS_DATA", str(cache))
    monkeypatch.setattr(pictures_module, "CACHE_FROM", 3)
    (pictures / "a_broken.png").unlink()
    (pictures / "_first.png").unlink()
    Image.new("RGB", (50, 50), "red").save(pictures / "a.png")  # a change of one file is seen
    assert load_dataset(f"folder:{pictures}").images[0][0].min() == 255


def test_many_pictures_of_which_none_or_some_can_be_used(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_module, "CACHE_FROM", 3)
    Image.new("L", (50, 50)).save(pictures / "grey.png")
    with pytest.raises(SelectdisError, match="same number of channels"):
        load_dataset(f"folder:{pictures}")
    for path in pictures.rglob("*.*"):
        path.write_bytes(b"x")
    with pytest.raises(SelectdisError, match="none of 4 pictures could be read"):
        load_dataset(f"folder:{pictures}")


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    wide = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (load_dataset(f"folder:{tmp_path}").images[0, 0] == np.rint(wide / 257)).all()
