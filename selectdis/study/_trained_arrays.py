"""What is kept of every run of a stage, so that a criterion that somebody has tomorrow needs no training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selectdis._files import atomic_write
from selectdis.errors import SelectdisError

if TYPE_CHECKING:
    from selectdis.study._stage import Stage
    from selectdis.training import Run

__all__ = ["IMAGES", "PLACES", "gram", "write_trained_arrays"]

IMAGES, PLACES = 1000, 32
STEP = 0.01  # of the central differences, each way
LARGEST = 65_000  # that float16 holds


def gram(run: Run, codes: np.ndarray) -> np.ndarray:
    """Return J^T J of the decoder at each code, its upper triangle: (n, latents) -> (n, latents (latents + 1) / 2)."""
    count, latents = codes.shape
    shifts = np.repeat(STEP * np.eye(latents, dtype=np.float32), count, axis=0)
    tiled = np.tile(codes, (latents, 1))
    sides = [run.decode(tiled + sign * shifts).astype(np.float64) for sign in (1, -1)]
    columns = ((sides[0] - sides[1]) / (2 * STEP)).reshape(latents, count, -1)
    return np.asarray(np.einsum("ank,bnk->nab", columns, columns)[:, *np.triu_indices(latents)])


def write_trained_arrays(stage: Stage, path: Path, device: str = "cpu") -> int:
    """Write codes, log-variances and decoder Gram matrices of the finished runs of a labelled stage; return how many.

    Parameters
    ----------
    stage : Stage
        Of a data set with labels.
    path : Path
        An .npz file: `candidates` (ids), `mean` and `log_variance` (runs, 1000, latents) of the same 1,000 images,
        `factors` (1000, factors) of those images, `gram` (runs, 32, latents (latents + 1) / 2), the upper triangle of
        J^T J of the decoded image at the codes of the first 32 (central differences of 0.02). float16, but for factors.
    device : str
        Where runs encode and decode.

    Raises
    ------
    SelectdisError
        If no finished run has a model.
    """
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
        rows["gram"].append(np.clip(gram(run, mean[:PLACES]), -LARGEST, LARGEST).astype(np.float16))
    if not rows["mean"]:
        raise SelectdisError(f"no finished run on {data.name} has a model: run the study with models kept")
    arrays: dict[str, Any] = {name: np.stack(values) for name, values in rows.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, factors=data.factors_at(index), **arrays)
    return len(rows["mean"])
