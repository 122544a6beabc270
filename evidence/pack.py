"""Take out of a trained evidence study what a criterion invented tomorrow needs: codes, and how decoders bend space.

    python evidence/pack.py studies/evidence.yaml runs/evidence [--out evidence/PART] [--device cuda]

One file per data set; `selectdis.study._trained_arrays` says what is in it. `selectdis evidence add` makes the same
files of a study of one's own.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import selectdis as sd
from selectdis.study import write_trained_arrays


def pack(file: Path, folder: Path, place: int, out: Path, device: str) -> None:
    """Write the file of one data set of a study."""
    stage = sd.Study.from_file(file, folder=folder).proxy_stages()[place]
    path = out / f"{stage.info.data.name}.npz"
    count = write_trained_arrays(stage, path, device)
    print(f"{path.name}: {count} runs, {path.stat().st_size / 1e6:.1f} MB", flush=True)


def main() -> None:
    """Write the files of all data sets of a study."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("file", type=Path, help="of the study")
    parser.add_argument("folder", type=Path, help="of the study")
    parser.add_argument("--out", type=Path, default=Path("evidence"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="data sets at once")
    options = parser.parse_args()
    count = len(sd.Study.from_file(options.file, folder=options.folder).proxies())
    work = partial(pack, options.file, options.folder, out=options.out, device=options.device)
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        list(pool.map(work, range(count)))


if __name__ == "__main__":
    main()
