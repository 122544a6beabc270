from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selectdis.data import load_dataset
from selectdis.data.reading import _npz as npz
from selectdis.errors import SelectdisError

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 32, 32), dtype=np.uint8)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_truncated_file(tmp_path: Path, save, keep: float) -> None:
    save(tmp_path / "x.npz", images=IMAGES)
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(SelectdisError, match="damaged or cut short"):
        load_dataset(f"{tmp_path}/x.npz")


def test_a_truncated_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", IMAGES)
    content = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "x.npy").write_bytes(content[:-100])
    with pytest.raises(SelectdisError, match=r"cut short: its header promises 51,328 bytes, it has 51,228"):
        load_dataset(f"{tmp_path}/x.npy")
    (tmp_path / "x.npy").write_bytes(content[:50])
    with pytest.raises(SelectdisError, match="not a numpy array file"):
        load_dataset(f"{tmp_path}/x.npy")


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    objects = np.array([IMAGES, None], dtype=object)
    np.save(tmp_path / "x.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "x.npz", images=objects)
    for name in ("x.npy", "x.npz"):
        with pytest.raises(SelectdisError, match="pickled Python objects"):
            load_dataset(f"{tmp_path}/{name}")


def test_pickled_neighbours_are_never_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=IMAGES, metadata=np.array({"a": 1}, dtype=object))
    assert len(load_dataset(f"{tmp_path}/x.npz::images")) == 50


@pytest.mark.parametrize("name", ["../images.npy", "/etc/images.npy", "a/../../images.npy", "..\\images.npy"])
def test_members_that_point_outside_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr(name, b"")
    with pytest.raises(SelectdisError, match="points outside the archive: refused"):
        load_dataset(f"{tmp_path}/x.npz::images")


def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "BOMB_FLOOR", 2**20)
    np.savez_compressed(tmp_path / "x.npz", images=np.zeros((3000, 32, 32), np.uint8))
    with pytest.raises(SelectdisError, match="refused as a zip bomb"):
        load_dataset(f"{tmp_path}/x.npz")


def test_a_header_that_promises_more_than_there_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive, archive.open("images.npy", "w") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (10**9, 1000, 1000)}
        )
    with pytest.raises(SelectdisError, match="promises 1,000,000,000,000,000 bytes of array and holds 0"):
        load_dataset(f"{tmp_path}/x.npz")


def test_a_flipped_byte_is_noticed(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "x.npz", images=IMAGES)
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(SelectdisError, match="damaged or cut short"):
        load_dataset(f"{tmp_path}/x.npz")


def test_not_an_archive_at_all(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_text("hello")
    with pytest.raises(SelectdisError, match="damaged or cut short"):
        load_dataset(f"{tmp_path}/x.npz")


def test_fortran_order(tmp_path: Path) -> None:
    turned = np.asfortranarray(IMAGES)
    np.save(tmp_path / "x.npy", turned)
    assert (np.asarray(load_dataset(f"{tmp_path}/x.npy").images)[:, 0] == IMAGES).all()
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "x.npz", images=turned)
        assert (np.asarray(load_dataset(f"{tmp_path}/x.npz").images)[:, 0] == IMAGES).all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1), junk=st.binary(min_size=1, max_size=40), suffix=st.sampled_from(["npy", "npz"]))
def test_damage_anywhere_is_a_sentence_or_harmless(tmp_path: Path, at: float, junk: bytes, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    np.save(path, IMAGES[:4]) if suffix == "npy" else np.savez(path, images=IMAGES[:4])
    content = bytearray(path.read_bytes())
    start = int(at * len(content))
    content[start : start + len(junk)] = junk
    path.write_bytes(content)
    message = ""
    try:
        load_dataset(f"{path}::images" if suffix == "npz" else str(path), image_size=16)
    except SelectdisError as error:
        message = str(error)
    assert "\n" not in message
