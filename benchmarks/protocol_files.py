"""The seven locatello2019-* studies and MPI3D, end to end on small files of the published layouts, with every metric.

Files hold a few hundred made-up pictures in place of a million, so that this takes minutes: it shows that every format
is read, every objective trained by its protocol, every metric and criterion computed; scores mean nothing.
dSprites and its three variants took 5 minutes of one core together; on a busy machine of two cores Shapes3D and MPI3D
took 2.6 and 2.8 minutes each. All eight take 10 to 20 minutes.

    python benchmarks/protocol_files.py [--only cars3d] [--steps 3]
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import tarfile
import tempfile
import time
import warnings
from pathlib import Path

import h5py
import numpy as np
import yaml
from scipy.io import savemat

from selectdis import Study
from selectdis.data.drawn._sprites import SpriteRenderer
from selectdis.data.public import _mpi3d, _smallnorb
from selectdis.metrics import GROUPS, METRICS
from selectdis.spec import check_spec, ready_study

DSPRITES = (3, 6, 40, 32, 32)
STUDIES = [
    "dsprites",
    "color-dsprites",
    "noisy-dsprites",
    "scream-dsprites",
    "smallnorb",
    "cars3d",
    "shapes3d",
    "mpi3d",
]
MPI3D = (2, 2, 2, 3, 3, 4, 4)  # in place of (6, 6, 2, 3, 3, 40, 40), a file of 13 GB


def pictures(classes: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Waves that depend on every factor: uint8 (n, size, size, channels)."""
    rng = np.random.default_rng(0)
    place = np.stack(np.meshgrid(*[np.linspace(-1, 1, size)] * 2), -1)
    directions = rng.normal(size=(classes.shape[1], 2, channels))
    phase = np.einsum("nf,fdc,hwd->nhwc", classes / classes.max(axis=0).clip(1), 3 * directions, place)
    return (127.5 * (1 + np.sin(phase + classes.sum(1)[:, None, None, None]))).astype(np.uint8)


def combinations(*values: range | list[int]) -> np.ndarray:
    return np.stack(np.meshgrid(*values, indexing="ij"), -1).reshape(-1, len(values))


def write_dsprites(folder: Path) -> None:
    classes = combinations(range(3), [0, 5], [0, 9, 21, 33], [0, 10, 21, 31], [0, 10, 21, 31])
    rows = np.ravel_multi_index(tuple(classes.T), DSPRITES)
    name = "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"
    with h5py.File(folder / name, "w") as file:
        images = SpriteRenderer(DSPRITES, 64, True)(rows)[:, 0] // 255
        file.create_dataset("imgs", data=images, chunks=(64, 64, 64), compression="gzip")
        file["latents/classes"] = np.insert(classes, 0, 0, axis=1)


def write_shapes3d(folder: Path) -> None:
    classes = combinations([0, 5], [0, 4, 9], [0, 3, 7], [0, 3, 7], range(4), [0, 7, 14])
    hues, scales, angles = np.arange(10) / 10, np.linspace(0.75, 1.25, 8), np.linspace(-30, 30, 15)
    told = (hues, hues, hues, scales, np.arange(4.0), angles)
    with h5py.File(folder / "3dshapes.h5", "w") as file:
        file["images"] = pictures(classes, 64, 3)
        file["labels"] = np.stack([values[column] for values, column in zip(told, classes.T, strict=True)], axis=1)


def write_cars3d(folder: Path) -> None:
    with tarfile.open(folder / "nips2015-analogy-data.tar.gz", "w:gz") as archive:
        for car in range(3):
            classes = np.insert(combinations(range(24), range(4)), 0, car, axis=1)
            array = np.moveaxis(pictures(classes, 128, 3), 0, -1).reshape(128, 128, 3, 24, 4)
            savemat(content := io.BytesIO(), {"im": array}, do_compression=True)
            info = tarfile.TarInfo(f"data/cars/car_{car:03}.mat")
            info.size = content.tell()
            content.seek(0)
            archive.addfile(info, content)


def write_smallnorb(folder: Path) -> None:
    classes = combinations(range(5), [0, 4, 8], range(0, 36, 6), [0, 2, 5])
    magic = {np.dtype(code): number for number, code in _smallnorb.MAGIC.items()}
    for k, part in enumerate(_smallnorb.PARTS):
        images = np.repeat(np.moveaxis(pictures(classes, 96, 1), -1, 1), 2, axis=1)
        info = np.insert(classes[:, 1:], 0, k, axis=1).astype(np.int32)
        for kind, array in (("dat", images), ("cat", classes[:, 0].astype(np.int32)), ("info", info)):
            sides = [*array.shape, *[1] * (3 - array.ndim)]
            head = np.array([magic[array.dtype], array.ndim, *sides], "<i4").tobytes()
            (folder / f"smallnorb-{part}-{kind}.mat.gz").write_bytes(gzip.compress(head + array.tobytes(), 1))


def write_mpi3d(folder: Path) -> None:
    np.savez_compressed(folder / "mpi3d_toy.npz", images=pictures(combinations(*map(range, MPI3D)), 64, 3))


WRITERS = {
    "dsprites": write_dsprites, "shapes3d": write_shapes3d, "cars3d": write_cars3d, "smallnorb": write_smallnorb,
    "mpi3d": write_mpi3d,
}  # fmt: skip


def small_study(name: str, folder: Path, steps: int) -> dict:
    """The study file with one strength of each objective, one seed and few steps and samples."""
    told = yaml.safe_load(ready_study(f"locatello2019-{'shapes3d' if name == 'mpi3d' else name}").read_text("utf-8"))
    options = {"name": "mpi3d_toy" if name == "mpi3d" else told["proxy"]["name"], "path": str(folder)}
    objectives = {
        one: {strength: values[:1] if isinstance(values, list) else values for strength, values in own.items()}
        for one, own in told["search"]["objective"].items()
    }
    return told | {
        "name": f"small-{name}", "proxy": options, "search": told["search"] | {"objective": objectives}, "seeds": 1,
        "training": told["training"] | {"steps": steps},
        "evaluation": told["evaluation"] | {"metrics": ["all"], "n_train": 300, "n_test": 150, "probe": 100},
        "tracking": "none",
    }  # fmt: skip


def check(name: str, root: Path, steps: int) -> str:
    """Run one study; return what it recorded, or raise AssertionError."""
    kind = "dsprites" if "dsprites" in name else name
    folder = root / kind
    if not folder.exists():
        folder.mkdir()
        WRITERS[kind](folder)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = Study(check_spec(small_study(name, folder, steps)), folder=root / "runs" / name, n_jobs=1).run()
    records = study.records
    assert len(records) == 6, f"{name}: {len(records)} records"
    assert (records["status"] == "complete").all(), records[["candidate", "status", "error"]].to_string()
    scores = [column for column in records if column.startswith("metric.")]
    wanted = [f"metric.{score}" for metric in GROUPS["all"] for score in METRICS[metric].produces]
    more = ("1000", "efficiency")  # of the labels that there are here
    missing = [column for column in wanted if column not in records and not any(part in column for part in more)]
    assert not missing, f"{name}: no column of {missing}"
    empty = [column for column in scores if records[column].isna().any()]
    seconds = time.perf_counter() - started
    return f"{name}: 6 runs, {len(scores)} scores, empty {empty or 'none'}, {seconds:.0f} s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=STUDIES, nargs="*", default=STUDIES)
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    _mpi3d.SIZES = MPI3D
    with tempfile.TemporaryDirectory() as there:
        os.environ["SELECTDIS_DATA"] = f"{there}/data"
        for name in options.only:
            print(check(name, Path(there), options.steps), flush=True)


if __name__ == "__main__":
    main()
