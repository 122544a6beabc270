"""What the evidence holds of every run beside its record: files of arrays, which are too large for the wheel."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from selectdis.criteria import TrainedPool, gaussian_kl
from selectdis.data.reading._cache import data_folder
from selectdis.errors import SelectdisError
from selectdis.objectives import OBJECTIVES
from selectdis.records import CANDIDATE, CONFIGURATION, DATASET, OBJECTIVE

__all__ = ["file_name", "has_codes", "own_folder", "trained_pools"]

BESIDE = Path(__file__).parents[3] / "evidence"  # in the repository; there is none where a wheel is installed
ARRAYS = ("candidates", "mean", "log_variance", "gram")


def own_folder() -> Path:
    """Return where arrays of one's own are kept, a folder a part: ``$SELECTDIS_DATA/evidence``."""
    return data_folder() / "evidence"


def file_name(dataset: str) -> str:
    """Return what the file of a data set is called: ``folder:/my/images`` -> ``folder_my_images.npz``."""
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', dataset)}.npz"


def has_codes(part: str, folder: Path | None = None) -> bool:
    """Whether there is a file of some data set of a part."""
    return any(any(place.glob("*.npz")) for place in _places(part, folder))


def _places(part: str, folder: Path | None) -> list[Path]:
    return [(BESIDE if folder is None else folder) / part, own_folder() / part]


def trained_pools(
    records: pd.DataFrame, part: str, folder: Path | None = None
) -> Iterator[tuple[pd.Index, TrainedPool]]:
    """Yield for each data set of a part the rows of `records` that have arrays, and the arrays.

    Parameters
    ----------
    records : DataFrame
        Of the part.
    part : str
        Its name, which is that of its folder.
    folder : Path, optional
        The folder ``evidence`` of the repository; by default the one beside the package. Files of one's own count too.

    Raises
    ------
    SelectdisError
        If there is no file of the part, or one cannot be read.
    """
    places = _places(part, folder)
    found = False
    for name, rows in records.groupby(DATASET, sort=False):
        path = next((path for path in (place / file_name(str(name)) for place in places) if path.is_file()), None)
        if path is not None:
            found = True
            yield _aligned(path, rows)
    if not found:
        raise SelectdisError(
            f"the codes of the runs of {part!r} are not in {places[0]}: a function is computed from the folder "
            "evidence/ of the repository, which does not come with the package; clone it and give --evidence PATH"
        )


def _aligned(path: Path, rows: pd.DataFrame) -> tuple[pd.Index, TrainedPool]:
    arrays = _read(path)
    place = pd.Series(np.arange(len(arrays["candidates"])), index=arrays["candidates"])
    rows = rows[rows[CANDIDATE].isin(place.index)].drop_duplicates(CANDIDATE)
    order = place[rows[CANDIDATE]].to_numpy()
    mean, log_variance = (arrays[name][order].astype(np.float32) for name in ("mean", "log_variance"))
    gram = arrays["gram"][order].astype(np.float32)
    latents = mean.shape[2]
    square = np.zeros((*gram.shape[:2], latents, latents), dtype=np.float32)
    upper = np.triu_indices(latents)
    square[:, :, *upper] = gram
    square[:, :, *upper[::-1]] = gram
    kl, active = _uses(mean, log_variance, rows[OBJECTIVE])
    return rows.index, TrainedPool(mean, log_variance, kl, active, square, rows[CONFIGURATION].to_numpy())


def _uses(mean: np.ndarray, log_variance: np.ndarray, objectives: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the KL of each latent, (runs, latents), NaN where a run has none, and which latents are active."""
    kl, active = [], []
    for own_mean, own_log_variance, name in zip(mean, log_variance, objectives, strict=True):
        objective = OBJECTIVES[name]
        active.append(objective.active(own_mean, own_log_variance))
        none = np.full(mean.shape[2], np.nan)
        kl.append(gaussian_kl(own_mean, own_log_variance).mean(axis=0) if objective.has_kl else none)
    return np.array(kl), np.array(active)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ARRAYS}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise SelectdisError(f"{path} holds no codes of runs ({error}): evidence/pack.py makes such files") from None
    runs, latents = len(arrays["candidates"]), arrays["mean"].shape[-1]
    shapes = [arrays[name].shape for name in ARRAYS[1:]]
    if (
        [len(shape) for shape in shapes] != [3, 3, 3]
        or {shape[0] for shape in shapes} != {runs}
        or (shapes[0] != shapes[1] or shapes[2][2] != latents * (latents + 1) // 2)
    ):
        raise SelectdisError(f"{path} holds arrays of shapes that do not fit: {shapes}")
    return arrays
