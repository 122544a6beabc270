"""The codes that all runs on a labelled data set give to the same images, with the labels and the runs' records."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from selectdis._files import open_file
from selectdis.errors import SelectdisError
from selectdis.records import CANDIDATE, CONFIGURATION, DATASET, FAMILY, PART

__all__ = ["ProbeCodes", "read_probe_codes", "with_gaps"]


@dataclass(frozen=True)
class ProbeCodes:
    """Codes and labels of the same images, for all runs on a data set.

    Attributes
    ----------
    codes : (n_runs, n_images, n_latents) float
        Mean codes.
    factors : (n_images, n_factors) int or float
        The images' labels; NaN where there is none.
    records : pandas.DataFrame
        A row per run, in the order of `codes`.
    ordered : bool or tuple of bool
        Which factors have an order, as `selectdis.metrics.latent_share` takes it.
    """

    codes: np.ndarray
    factors: np.ndarray
    records: pd.DataFrame
    ordered: bool | tuple[bool, ...] = True

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return str(self.records[DATASET].iloc[0])

    @property
    def family(self) -> str:
        """What counts as one in intervals: data sets that are variants of one another; by default the data set."""
        return str(self.records[FAMILY].iloc[0]) if FAMILY in self.records else self.dataset

    @property
    def configurations(self) -> np.ndarray:
        """(n_runs,) which configuration each run has, counted from 0."""
        return pd.factorize(self.records[CONFIGURATION])[0]


def read_probe_codes(path: Path, records: pd.DataFrame) -> ProbeCodes:
    """Read the probe codes of a data set, as ``evidence/pack.py`` writes them.

    Parameters
    ----------
    path : Path
        An .npz file: `candidates` (n_runs,), `mean` (n_runs, n_images, n_latents), `factors` (n_images, n_factors).
        Its name is that of the data set, and where the records say of which part of the published ones they are, its
        folder's name is that.
    records : pandas.DataFrame
        Records in which each of the candidates on this data set has a row.

    Raises
    ------
    SelectdisError
        On a file that is no such table, or candidates that have no record.
    """
    try:
        with open_file(path) as stream, np.load(stream, allow_pickle=False) as file:
            candidates, codes, factors = (file[name] for name in ("candidates", "mean", "factors"))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SelectdisError(f"{path} holds no probe codes (arrays candidates, mean and factors): {error}") from None
    if codes.ndim != 3 or factors.ndim != 2 or codes.shape[:2] != (len(candidates), len(factors)):
        raise SelectdisError(f"the arrays of {path} do not fit: mean has shape {codes.shape}, factors {factors.shape}")
    here = records[records[DATASET].astype(str) == path.stem]
    if PART in here and (here[PART] == path.resolve().parent.name).any():
        here = here[here[PART] == path.resolve().parent.name]
    here = here.drop_duplicates(CANDIDATE).set_index(CANDIDATE)
    known = np.isin(candidates, here.index)
    if known.sum() < 2:
        raise SelectdisError(
            f"{path} has runs on the data set {path.stem!r}, and the records given have {known.sum()} of its "
            f"{len(candidates)}: give the table of their records beside it"
        )
    rows = here.loc[candidates[known]].reset_index()
    return ProbeCodes(codes[known].astype(np.float32), with_gaps(factors), rows)


def with_gaps(factors: np.ndarray) -> np.ndarray:
    """Return labels as a data set keeps them, classes or -1 where there is none, with NaN there."""
    return np.where(factors < 0, np.nan, factors.astype(float))
