"""The codes that every run gives to the same images, kept for the criteria over many runs."""

from __future__ import annotations

import functools

import numpy as np

from selectdis._files import atomic_write
from selectdis.data._reference import DataReference
from selectdis.scoring._files import codes_path, model_path
from selectdis.scoring._scorer import Scorer
from selectdis.spec import EvaluationSpec
from selectdis.training import Run

__all__ = ["encode_probe", "scorer_of", "write_codes"]


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
    with atomic_write(codes_path(folder, data, candidate)) as temporary, temporary.open("wb") as file:
        np.save(file, codes, allow_pickle=False)
