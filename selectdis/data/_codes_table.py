"""Codes of images as a file: a row per image, with the name of its file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from selectdis._files import spreadsheet_safe, written
from selectdis.errors import SelectdisError

__all__ = ["CODE_SUFFIXES", "check_codes_file", "write_codes_table"]

CODE_SUFFIXES = (".csv", ".csv.gz", ".parquet", ".npy")


def check_codes_file(path: Path) -> None:
    """Refuse a file of a kind that codes are not written as."""
    if not path.name.lower().endswith(CODE_SUFFIXES):
        raise SelectdisError(f"codes are written as {', '.join(CODE_SUFFIXES)}; found {str(path)!r}")


def write_codes_table(path: Path, codes: np.ndarray, files: tuple[str, ...]) -> list[Path]:
    """Write `path`: as CSV or Parquet a column `file` (or `image`, a number) and one per latent.

    As .npy the numbers alone, float32 (n, latents); where images have files, their names stand in a CSV beside it.

    Parameters
    ----------
    path : Path
        Ends in one of `CODE_SUFFIXES`.
    codes : (n, latents) float
        Of n images.
    files : tuple of str
        n names, or none.

    Returns
    -------
    list of Path
        What was written.
    """
    check_codes_file(path)
    rows: dict[str, Any] = {"file": list(files)} if files else {"image": np.arange(len(codes))}
    if path.suffix.lower() == ".npy":
        with written(path) as place, place.open("wb") as file:
            np.save(file, codes, allow_pickle=False)
        beside = path.with_suffix(".files.csv")
        if files:
            _write_csv(pd.DataFrame(rows), beside)
        return [path, beside] if files else [path]
    table = pd.DataFrame(rows | {f"latent_{k}": codes[:, k] for k in range(codes.shape[1])})
    if path.suffix.lower() == ".parquet":
        with written(path) as place:
            table.to_parquet(place, index=False)
    else:
        _write_csv(table, path)
    return [path]


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    text = [column for column in table if column == "file"]
    safe = table.assign(**{column: table[column].map(spreadsheet_safe) for column in text})
    with written(path) as place:
        safe.to_csv(place, index=False, compression="gzip" if path.suffix == ".gz" else None)
