"""Take out of a trained evidence study what a criterion invented tomorrow needs: codes, and how decoders bend space.

    python evidence/pack.py studies/evidence.yaml runs/evidence [--out evidence] [--device cuda]

One file per data set, arrays with a row per run: `candidates` (ids), `mean` and `log_variance` (runs, 1000, latents) of
the same 1,000 images, `factors` (1000, factors) of those images, `gram` (runs, 32, latents (latents + 1) / 2), the
upper triangle of J^T J of the decoded image at the codes of the first 32 (central differences of 0.02). float16, but
for factors. Diverged runs are left out.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import selectdis as sd

IMAGES, PLACES, STEP = 1000, 32, 0.01


def gram(run: sd.Run, codes: np.ndarray) -> np.ndarray:
    """Return J^T J of the decoder at each code, its upper triangle: (n, latents) -> (n, latents (latents + 1) / 2)."""
    count, latents = codes.shape
    shifts = np.repeat(STEP * np.eye(latents, dtype=np.float32), count, axis=0)
    tiled = np.tile(codes, (latents, 1))
    sides = [run.decode(tiled + sign * shifts).astype(np.float64) for sign in (1, -1)]
    columns = ((sides[0] - sides[1]) / (2 * STEP)).reshape(latents, count, -1)
    return np.einsum("ank,bnk->nab", columns, columns)[:, *np.triu_indices(latents)]


def pack(file: Path, folder: Path, place: int, out: Path, device: str) -> None:
    """Write the file of one data set of a study."""
    stage = sd.Study.from_file(file, folder=folder).proxy_stages()[place]
    data = stage.info.data
    index = data.sample_indices(min(IMAGES, len(data)), np.random.default_rng(0))
    images = data.images_at(index)
    rows: dict[str, list] = {"candidates": [], "mean": [], "log_variance": [], "gram": []}
    for record in stage.raw_records():
        run = stage.load_run(record["candidate"])
        if run is None or run.status == "diverged":
            continue
        run.to(device)
        mean, log_variance = run.encode(images)
        rows["candidates"].append(run.candidate.id)
        rows["mean"].append(mean.astype(np.float16))
        rows["log_variance"].append(log_variance.astype(np.float16))
        rows["gram"].append(np.clip(gram(run, mean[:PLACES]), -65_000, 65_000).astype(np.float16))
    arrays = {name: np.stack(values) for name, values in rows.items()}
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{data.name}.npz"
    np.savez_compressed(path, factors=data.factors_at(index), **arrays)
    print(f"{path.name}: {len(rows['mean'])} runs, {path.stat().st_size / 1e6:.1f} MB", flush=True)


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
