"""Loaders of the public files, on files written to their layouts."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from selectdis.data import load_dataset
from selectdis.data.drawn._sprites import SpriteRenderer
from selectdis.data.public import _cars3d as cars3d
from selectdis.data.public import _mpi3d as mpi3d
from selectdis.data.public import _smallnorb as smallnorb
from selectdis.data.reading import _convert as convert
from selectdis.errors import SelectdisError

RNG = np.random.default_rng(0)
FAKE_DSPRITES = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.fake.hdf5"


def test_dsprites_layout_of_five_rows(files: Path) -> None:
    data = load_dataset("dsprites", path=files / FAKE_DSPRITES)
    with h5py.File(files / FAKE_DSPRITES) as file:
        assert (data.images[:][:, 0] == file["imgs"][:]).all()
        assert (data.factors_at(range(5)) == file["latents/classes"][:, 1:]).all()
    assert data.factor_sizes == (3, 6, 40, 32, 32)
    assert not data.is_grid


def write_dsprites(path: Path, rows: np.ndarray, **more: np.ndarray) -> np.ndarray:
    """`rows` of dSprites, drawn, with the arrays of the real file (its metadata is pickled)."""
    images = SpriteRenderer((3, 6, 40, 32, 32), 64, True)(rows)[:, 0] // 255
    factors = np.stack(np.unravel_index(rows, (1, 3, 6, 40, 32, 32)), axis=1)
    arrays = {"imgs": images, "latents_classes": factors, "latents_values": factors * 1.0} | more
    if path.suffix == ".npz":
        np.savez_compressed(path, metadata=np.array({"x": 1}, dtype=object), **arrays)
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("imgs", data=images, chunks=(7, 64, 64), compression="gzip")
            file["latents/classes"], file["latents/values"] = factors, factors * 1.0
    return images


@pytest.mark.parametrize("suffix", ["npz", "hdf5"])
@pytest.mark.parametrize("limit", [0, 2**26])
def test_dsprites_as_it_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, limit: int) -> None:
    monkeypatch.setattr(convert, "IN_MEMORY", limit)
    rows = RNG.integers(0, 737_280, 30)
    images = write_dsprites(tmp_path / f"dsprites.{suffix}", rows)
    data = load_dataset("dsprites", path=tmp_path)
    assert (np.asarray(data.images)[:, 0] == images * 255).all()
    assert (data.factors_at(range(30)) == np.stack(np.unravel_index(rows, (3, 6, 40, 32, 32)), 1)).all()
    small = load_dataset("dsprites", path=tmp_path, image_size=16)
    assert small.image_shape == (1, 16, 16)
    assert small.images[:].max() == 255
    with pytest.raises(SelectdisError, match="only applies to rendered"):
        load_dataset("dsprites", path=tmp_path, sizes=(1, 1, 1, 1, 1))


def test_dsprites_without_a_file_is_rendered() -> None:
    with pytest.warns(UserWarning, match="no dSprites file found: rendering"):
        data = load_dataset("dsprites")
    assert len(data) == 737_280
    assert data.source == "rendered"
    assert (data.images_at(data.indices_of(np.array([[2, 3, 39, 9, 9]]))) ==
            data.images_at(data.indices_of(np.array([[2, 3, 0, 9, 9]])))).all()  # fmt: skip


def test_dsprites_of_another_kind(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", imgs=np.zeros((5, 32, 32), np.uint8), latents_classes=np.zeros((5, 6), int))
    with pytest.raises(SelectdisError, match=r"should be uint8 \(n, 64, 64\), found uint8 \(5, 32, 32\)"):
        load_dataset("dsprites", path=tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", imgs=np.zeros((5, 64, 64), np.uint8), latents_classes=np.zeros((5, 4), int))
    with pytest.raises(SelectdisError, match="6 latent classes"):
        load_dataset("dsprites", path=tmp_path / "x.npz")
    with pytest.raises(SelectdisError, match="there is no file"):
        load_dataset("dsprites", path=tmp_path / "none.npz")
    with pytest.raises(SelectdisError, match="holds no dsprites"):
        load_dataset("dsprites", path=tmp_path)


def test_shapes3d_layout_of_five_rows(files: Path, tmp_path: Path) -> None:
    path = files / "3dshapes.fake.h5"
    data = load_dataset("shapes3d", path=path)
    with h5py.File(path) as file:
        images, labels = file["images"][:], file["labels"][:]
    assert (data.images[:] == np.moveaxis(images, -1, 1)).all()
    assert data.factor_sizes == (10, 10, 10, 8, 4, 15)
    classes = data.factors_at(range(5))
    assert (classes[:, 0] == np.rint(labels[:, 0] * 10)).all()
    assert (classes[:, 4] == labels[:, 4]).all()
    np.savez_compressed(tmp_path / "3dshapes.npz", images=images, labels=labels)
    again = load_dataset("shapes3d", path=tmp_path, image_size=32, gray=True)
    assert again.image_shape == (1, 32, 32)
    assert (again.factors == data.factors).all()
    np.savez(tmp_path / "3dshapes.npz", images=images, labels=labels + 0.03)
    with pytest.raises(SelectdisError, match="label values that Shapes3D does not"):
        load_dataset("shapes3d", path=tmp_path)


@pytest.mark.parametrize("name", ["shapes3d", "cars3d", "mpi3d_toy", "mpi3d_complex"])
def test_files_that_are_not_there(name: str) -> None:
    with pytest.raises(SelectdisError, match=f"selectdis data fetch {name}|pass path="):
        load_dataset(name)


@pytest.mark.parametrize("kind", ["toy", "realistic", "real", "complex"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_mpi3d(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, save) -> None:
    sizes = (2, 1, 2, 1, 2, 3, 2)
    monkeypatch.setattr(mpi3d, "COMPLEX_SIZES" if kind == "complex" else "SIZES", sizes)
    images = RNG.integers(0, 256, (48, 64, 64, 3), dtype=np.uint8)
    save(tmp_path / f"mpi3d_{kind}.npz", images=images)
    data = load_dataset(f"mpi3d_{kind}", path=tmp_path)
    assert data.is_grid
    assert data.name == f"mpi3d_{kind}"
    assert (np.asarray(data.images) == np.moveaxis(images, -1, 1)).all()
    save(tmp_path / f"mpi3d_{kind}.npz", images=images[:40])
    with pytest.raises(SelectdisError, match=r"should be uint8 \(48, 64, 64, 3\)"):
        load_dataset(f"mpi3d_{kind}", path=tmp_path)


def test_no_set_of_mpi3d_takes_the_file_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpi3d, "SIZES", (2, 1, 1, 1, 1, 1, 1))
    files = {"toy": "mpi3d_toy", "realistic": "mpi3d_realistic", "complex": "mpi3d_real_complex", "real": "real"}
    for number, name in enumerate(files.values()):
        np.savez(tmp_path / f"{name}.npz", images=np.full((2, 64, 64, 3), 10 + number, np.uint8))
    for number, kind in enumerate(files):
        if kind != "complex":
            assert int(load_dataset(f"mpi3d_{kind}", path=tmp_path).images[0].max()) == 10 + number
    (tmp_path / "real.npz").unlink()
    with pytest.raises(SelectdisError, match=r"mpi3d_real: the folder .* holds no mpi3d_real.npz"):
        load_dataset("mpi3d_real", path=tmp_path)
    with pytest.raises(SelectdisError, match=r"mpi3d_realistic\.npz is another data set by its name"):
        load_dataset("mpi3d_real", path=tmp_path / "mpi3d_realistic.npz")
    (tmp_path / "mpi3d_toy.npz").rename(tmp_path / "images.npz")  # says nothing: it is taken where it is named
    assert int(load_dataset("mpi3d_real", path=tmp_path / "images.npz").images[0].max()) == 10


def write_cars(path: Path, members: dict[str, bytes], **links: str) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, target in links.items():
            info = tarfile.TarInfo(f"data/cars/{name}.mat")
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)


def mat(array: np.ndarray, key: str = "im") -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, {key: array}, do_compression=True)
    return buffer.getvalue()


CARS = [RNG.integers(0, 256, (128, 128, 3, 24, 4), dtype=np.uint8) // 2 + 60 * k for k in range(2)]


def test_cars3d(tmp_path: Path, cache: Path) -> None:
    members = {"data/cars/list.txt": b"car_b\ncar_a", "data/cars/b.mat": mat(CARS[1]), "data/cars/a.mat": mat(CARS[0])}
    write_cars(tmp_path / "nips2015-analogy-data.tar.gz", members | {"data/other/c.mat": b"left alone"})
    data = load_dataset("cars3d", path=tmp_path, image_size=32)
    assert data.is_grid
    assert data.factor_sizes == (4, 24, 2)
    image = data.images_at(data.indices_of(np.array([[3, 17, 1]])))[0]
    small = Image.fromarray(CARS[1][:, :, :, 17, 3]).resize((32, 32), Image.Resampling.LANCZOS)  # in colour, at once
    assert (image == np.moveaxis(np.asarray(small), -1, 0)).all()
    assert len(list((cache / "arrays").iterdir())) == 1
    assert (load_dataset("cars3d", path=tmp_path, image_size=32).images[7] == data.images[7]).all()
    first = load_dataset("cars3d", path=tmp_path, image_size=32, edition=1)
    image = first.images_at(data.indices_of(np.array([[3, 17, 1]])))[0]
    wanted = CARS[1][:, :, :, 17, 3].reshape(32, 4, 32, 4, 3).mean(axis=(1, 3))
    assert np.abs(image - np.moveaxis(wanted, -1, 0)).max() <= 0.5


@pytest.mark.parametrize(
    ("members", "links", "message"),
    [
        ({"../data/cars/a.mat": b""}, {}, "points outside the archive: refused"),
        ({"/data/cars/a.mat": b""}, {}, "points outside the archive: refused"),
        ({}, {"a": "/etc/passwd"}, "link or a special file: refused"),
        ({"data/cars/a.mat": b"no mat"}, {}, "a.mat is no MATLAB file"),
        ({"data/cars/a.mat": mat(CARS[0], "other")}, {}, "a.mat is no MATLAB file"),
        ({"data/cars/a.mat": mat(np.zeros((4, 4), np.uint8))}, {}, r"found uint8 \(4, 4\)"),
        ({"data/a.mat": b""}, {}, "holds no data/cars"),
    ],
)
def test_cars3d_archives_that_are_refused(
    tmp_path: Path, members: dict, links: dict, message: str, cache: Path
) -> None:
    write_cars(tmp_path / "cars.tar.gz", members, **links)
    with pytest.raises(SelectdisError, match=message):
        load_dataset("cars3d", path=tmp_path / "cars.tar.gz")
    assert not list(cache.rglob("*.*"))


def test_cars3d_damaged_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cars.tar.gz"
    write_cars(path, {"data/cars/a.mat": mat(CARS[0])})
    monkeypatch.setattr(cars3d, "MEMBER_LIMIT", 1000)
    with pytest.raises(SelectdisError, match="refused as a bomb"):
        load_dataset("cars3d", path=path)
    monkeypatch.undo()
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(cars3d, "CARS", 0)
    with pytest.raises(SelectdisError, match="more than 0 cars"):
        load_dataset("cars3d", path=path)
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(SelectdisError, match="damaged or cut short"):
        load_dataset("cars3d", path=path)


def matrix(array: np.ndarray) -> bytes:
    magic = {np.dtype(code): number for number, code in smallnorb.MAGIC.items()}[array.dtype]
    dims = list(array.shape) + [1] * (3 - array.ndim)
    return np.array([magic, array.ndim, *dims], "<i4").tobytes() + array.tobytes()


def write_norb(folder: Path, part: str, n: int, suffix: str = ".gz") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    dat = RNG.integers(0, 256, (n, 2, 96, 96), dtype=np.uint8)
    cat = RNG.integers(0, 5, n, dtype=np.int32)
    info = np.stack(
        [RNG.integers(0, 10, n), RNG.integers(0, 9, n), 2 * RNG.integers(0, 18, n), RNG.integers(0, 6, n)], 1
    )
    for kind, array in (("dat", dat), ("cat", cat), ("info", info.astype(np.int32))):
        content = matrix(array)
        path = folder / f"smallnorb-{part}-{kind}.mat{suffix}"
        path.write_bytes(gzip.compress(content, 1) if suffix else content)
    return dat, cat, info


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_smallnorb(tmp_path: Path, suffix: str) -> None:
    parts = [write_norb(tmp_path, part, 20, suffix) for part in smallnorb.PARTS]
    data = load_dataset("smallnorb", path=tmp_path, image_size=32)
    assert data.images.shape == (40, 1, 32, 32)
    assert data.factor_sizes == (5, 9, 18, 6)
    dat, cat, info = parts[1]
    assert data.factors_at([25]).tolist() == [[cat[5], info[5, 1], info[5, 2] // 2, info[5, 3]]]
    small = Image.fromarray(dat[5, 0]).resize((32, 32), Image.Resampling.LANCZOS)
    assert (data.images[25][0] == np.asarray(small)).all()
    blocks = dat[5, 0].reshape(32, 3, 32, 3).mean(axis=(1, 3))
    assert (
        np.abs(load_dataset("smallnorb", path=tmp_path, image_size=32, edition=1).images[25][0] - blocks).max() <= 0.5
    )
    assert load_dataset("smallnorb", path=tmp_path).image_shape == (1, 64, 64)


def test_smallnorb_parts_and_damage(tmp_path: Path) -> None:
    with pytest.raises(SelectdisError, match="selectdis data fetch smallnorb"):
        load_dataset("smallnorb", path=tmp_path)
    write_norb(tmp_path, smallnorb.PARTS[0], 20)
    assert len(load_dataset("smallnorb", path=tmp_path)) == 20
    dat = tmp_path / f"smallnorb-{smallnorb.PARTS[0]}-dat.mat.gz"
    whole = dat.read_bytes()
    for content, message in (
        (whole[:1000], "damaged or cut short"),
        (b"hello", "damaged or cut short"),
        (gzip.compress(b"\0" * 100), "is no SmallNORB matrix"),
        (gzip.compress(np.array([0x1E3D4C55, 4, 2**30, 2, 96, 96], "<i4").tobytes()), "larger than any part"),
        (gzip.compress(matrix(np.zeros((20, 96, 96), np.uint8))), r"should hold uint8 \(n, 2, 96, 96\)"),
    ):
        dat.write_bytes(content)
        with pytest.raises(SelectdisError, match=message):
            load_dataset("smallnorb", path=tmp_path)
    (tmp_path / f"smallnorb-{smallnorb.PARTS[0]}-cat.mat.gz").unlink()
    with pytest.raises(SelectdisError, match=r"but not smallnorb-.*-cat"):
        load_dataset("smallnorb", path=tmp_path)
