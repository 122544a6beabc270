"""The codes that every run gives to the same images, kept for the criteria over many runs."""

from __future__ import annotations

import functools
import math

import numpy as np

from selectdis._files import atomic_write, open_file
from selectdis.data._reference import DataReference
from selectdis.data.reading._file_array import read_npy_header
from selectdis.errors import SelectdisError
from selectdis.scoring._files import codes_path, codes_place, model_path
from selectdis.scoring._scorer import Scorer
from selectdis.spec import EvaluationSpec
from selectdis.training import Run

__all__ = ["encode_probe", "read_codes", "scorer_of", "write_codes"]


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
