from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from selectdis.data import load_dataset
from selectdis.errors import SelectdisError

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 32, 32), dtype=np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/images"] = IMAGES
        file["words"] = np.array([b"a", b"b"])
        file["other"] = h5py.ExternalLink("elsewhere.h5", "/images")
        layout = h5py.VirtualLayout(shape=(20, 32, 32), dtype=np.uint8)
        layout[:] = h5py.VirtualSource("elsewhere.h5", "images", shape=(20, 32, 32))
        file.create_virtual_dataset("virtual", layout)
        file.create_dataset("raw", (20, 32, 32), np.uint8, external=[(str(tmp_path / "raw.bin"), 0, 20 * 1024)])
    return tmp_path / "x.h5"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("a/image", "no array 'a/image'; did you mean 'a/images'"),
        ("a", "holds no array 'a'"),
        ("words", "images are numbers"),
        ("other", "link to another file: refused"),
        ("virtual", "keeps its data in other files: refused"),
        ("raw", "keeps its data in other files: refused"),
    ],
)
def test_keys_that_give_no_images(path: Path, key: str, message: str) -> None:
    with pytest.raises(SelectdisError, match=message):
        load_dataset(f"{path}::{key}")


def test_a_file_with_a_block_before_it(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w", userblock_size=512) as file:
        file["images"] = IMAGES
    assert (np.asarray(load_dataset(f"{tmp_path}/x.h5").images)[:, 0] == IMAGES).all()


@pytest.mark.parametrize("chunks", [None, (4, 32, 32)])
def test_a_truncated_file(tmp_path: Path, chunks: tuple | None) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("images", data=IMAGES, chunks=chunks)
    content = (tmp_path / "x.h5").read_bytes()
    (tmp_path / "x.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(SelectdisError, match="not a readable HDF5 file"):
        load_dataset(f"{tmp_path}/x.h5::images")
    (tmp_path / "x.h5").write_text("hello")
    with pytest.raises(SelectdisError, match="not a readable HDF5 file"):
        load_dataset(f"{tmp_path}/x.h5")
