"""Load time and peak memory of a file the size of dSprites (737,280 images of 64 x 64), against numpy's own loading.

    python benchmarks/data.py [--images 737280] [--folder /tmp/selectdis-bench]

Every line is a process of its own: seconds until the images can be used, its peak memory, and then how fast random
batches of 64 come as float32, which is what training asks for. `numpy` is ``np.load(...)["imgs"]`` or ``dataset[()]``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

GRID = (3, 6, 40, 32, 32)
KINDS = ("npz", "hdf5", "npy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=int(np.prod(GRID)))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/selectdis-bench"))
    parser.add_argument("--measure", nargs=2, metavar=("WHO", "KIND"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure, options.folder)
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        if not (options.folder / f"x.{kind}").exists():
            write(options.folder / f"x.{kind}", options.images)
    print("| file | size MB | who | seconds | peak MB | images/s |\n|---|---|---|---|---|---|")
    for kind in KINDS:
        for who in ("numpy", "selectdis, first time", "selectdis, later"):
            run(options.folder, who, kind)


def run(folder: Path, who: str, kind: str) -> None:
    cache = folder / "cache"
    if who.endswith("first time") and cache.exists():
        for path in (cache / "arrays").iterdir():
            path.unlink()
    command = [sys.executable, __file__, "--folder", str(folder), "--measure", who, kind]
    environment = os.environ | {"SELECTDIS_DATA": str(cache), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, env=environment)


def measure(who: str, kind: str, folder: Path) -> None:
    path = folder / f"x.{kind}"
    megabytes = path.stat().st_size / 1e6
    load = load_numpy if who == "numpy" else load_selectdis
    start = time.perf_counter()
    images = load(path, kind)
    seconds = time.perf_counter() - start
    peak = peak_megabytes()
    rate = batches_per_second(images, 1.0 if who == "numpy" and images.max() <= 1 else 255.0)
    print(f"| {kind} | {megabytes:.0f} | {who} | {seconds:.2f} | {peak:.0f} | {64 * rate:,.0f} |", flush=True)


def peak_megabytes() -> float:
    """Linux only. Not `getrusage`: its peak includes that of the process which started this one."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def load_numpy(path: Path, kind: str) -> np.ndarray:
    if kind == "hdf5":
        import h5py

        with h5py.File(path) as file:
            return file["imgs"][()]
    return np.load(path) if kind == "npy" else np.load(path)["imgs"]


def load_selectdis(path: Path, kind: str) -> object:
    from selectdis.data import load_dataset

    return load_dataset(str(path) if kind == "npy" else f"{path}::imgs").images


def batches_per_second(images: object, top: float) -> float:
    rng = np.random.default_rng(0)
    start, batches = time.perf_counter(), 300
    for _ in range(batches):
        batch = np.asarray(images[rng.integers(0, len(images), 64)], dtype=np.float32) / top
        assert batch.max() == 1
    return batches / (time.perf_counter() - start)


def drawn(n: int) -> Iterator[np.ndarray]:
    from selectdis.data.drawn._sprites import SpriteRenderer

    render = SpriteRenderer(GRID, 64, endpoint=True)
    for start in range(0, n, 8192):
        yield render(np.arange(start, min(start + 8192, n)))[:, 0] // 255


def write(path: Path, n: int) -> None:
    """The images of dSprites as 0 and 1, in the layout of the real files, or as a plain .npy."""
    print(f"writing {path}", file=sys.stderr)
    header = {"descr": "|u1", "fortran_order": False, "shape": (n, 64, 64)}
    if path.suffix == ".hdf5":
        import h5py

        with h5py.File(path, "w") as file:
            data = file.create_dataset("imgs", (n, 64, 64), np.uint8, chunks=(64, 64, 64), compression="gzip")
            for k, block in enumerate(drawn(n)):
                data[k * 8192 : k * 8192 + len(block)] = block
    elif path.suffix == ".npz":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("imgs.npy", "w", force_zip64=True) as file,
        ):
            np.lib.format.write_array_header_1_0(file, header)
            for block in drawn(n):
                file.write(block.tobytes())
    else:
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for block in drawn(n):
                file.write(block.tobytes())


if __name__ == "__main__":
    main()
