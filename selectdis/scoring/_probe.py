"""The codes that every run gives to the same images, kept for the criteria over many runs."""

from __future__ import annotations

import functools
import math
from contextlib import suppress

import numpy as np
import pandas as pd

from selectdis._files import atomic_write, open_file
from selectdis.data._reference import DataReference
from selectdis.data.reading._file_array import read_npy_header
from selectdis.errors import SelectdisError
from selectdis.records import CANDIDATE
from selectdis.scoring._files import codes_path, codes_place, model_path
from selectdis.scoring._scorer import Scorer
from selectdis.selection.few_labels import ProbeCodes, with_gaps
from selectdis.spec import EvaluationSpec
from selectdis.training import Run

__all__ = ["encode_probe", "labelled_probe", "read_codes", "scorer_of", "write_codes"]


@functools.lru_cache(maxsize=4)
def scorer_of(data: DataReference, evaluation: EvaluationSpec) -> Scorer:
    """Return the scorer that all runs of a stage share in this process."""
    return Scorer(data.load(), evaluation)


def encode_probe(folder: str, data: DataReference, evaluation: EvaluationSpec, candidate: str) -> np.ndarray:
    """Make the probe's codes of a trained run again, write and return them: float32 (probe, latents).

    Raises
    ------
    SelectdisError
        If the run's file is missing or damaged.
    """
    codes = Run.load(model_path(folder, data, candidate)).transform(scorer_of(data, evaluation).probe)
    write_codes(folder, data, candidate, codes)
    return codes


def write_codes(folder: str, data: DataReference, candidate: str, codes: np.ndarray) -> None:
    """Write the probe's codes (probe, latents) of a run where `pool_criteria` looks for them."""
    with atomic_write(codes_place(folder, data, candidate)) as temporary, temporary.open("wb") as file:
        np.save(file, codes, allow_pickle=False)


def read_codes(folder: str, data: DataReference, candidate: str) -> np.ndarray:
    """Return the probe's codes of a run as `write_codes` left them: finite floats (probe, latents).

    Raises
    ------
    OSError, SelectdisError
        If the file is missing, no such array, or shorter or longer than it says.
    """
    path = codes_path(folder, data, candidate)
    with open_file(path) as file:
        shape, fortran, dtype = read_npy_header(file, str(path))
        content = file.read()
    if dtype.kind != "f" or len(shape) != 2 or fortran or math.prod(shape) * dtype.itemsize != len(content):
        raise SelectdisError(f"{path} holds {len(content):,} bytes of {dtype} {shape}, which are no codes")
    codes = np.frombuffer(content, dtype).reshape(shape)
    if not (codes.size and np.isfinite(codes).all()):
        raise SelectdisError(f"the codes in {path} are not finite")
    return codes


def labelled_probe(folder: str, data: DataReference, evaluation: EvaluationSpec, records: pd.DataFrame) -> ProbeCodes:
    """Return the probe's codes of the runs of `records` that left them, with the labels of its images.

    Raises
    ------
    SelectdisError
        If the data set has no labels, or fewer than two runs have left their codes.
    """
    scorer, found = scorer_of(data, evaluation), {}
    if not scorer.data.labelled:
        raise SelectdisError(f"{data.name} has no labels to hide and show: a backtest of labels needs a labelled one")
    for place, candidate in enumerate(records[CANDIDATE]):
        with suppress(OSError, SelectdisError):
            found[place] = read_codes(folder, data, candidate)
    whole = {place: codes for place, codes in found.items() if len(codes) == len(scorer.probe_indices)}
    if len(whole) < 2:
        raise SelectdisError(f"{len(whole)} runs on {data.name} have left their codes in {folder}: two are needed")
    stack = np.zeros((len(whole), len(scorer.probe_indices), max(codes.shape[1] for codes in whole.values())))
    for k, codes in enumerate(whole.values()):
        stack[k, :, : codes.shape[1]] = codes
    return ProbeCodes(stack, with_gaps(scorer.data.factors_at(scorer.probe_indices)), records.iloc[list(whole)])
