"""Criteria over many runs, from the codes that each run left: UDR, ModelCentrality."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from selectdis._arrays import DegenerateWarning
from selectdis.criteria import CRITERIA, Pool
from selectdis.data._reference import DataReference
from selectdis.records import is_finished
from selectdis.scoring._files import codes_path
from selectdis.scoring._probe import encode_probe
from selectdis.spec import EvaluationSpec

__all__ = ["pool_criteria"]

LARGEST_BLOCK = 128  # all pairs of 12,600 runs would take hours, and a median over a hundred others says as much


def pool_criteria(
    records: Sequence[dict[str, Any]], folder: str, data: DataReference, evaluation: EvaluationSpec
) -> dict[str, dict[str, float]]:
    """Return what the criteria over many runs say of each run among its like.

    Codes that are missing or damaged are made again from the trained run; without one, the run is left out, with a
    warning.

    Parameters
    ----------
    records : sequence of dict
        Of one stage.
    folder : str
        The study's.
    data : DataReference
        What the stage's runs were trained on.
    evaluation : EvaluationSpec
        As the runs were scored.

    Returns
    -------
    dict of str to dict
        Candidate -> its scores ``criterion.*``; unfinished runs have none.
    """
    loaded = [(record, codes) for record in records if (codes := _codes(record, folder, data, evaluation)) is not None]
    scores: dict[str, dict[str, float]] = {}
    # UDR matches the latents of one run with another's: runs of one code size and one probe at a time.
    for shape in sorted({codes.shape for _, codes in loaded}):
        group = [(record, codes) for record, codes in loaded if codes.shape == shape]
        scores |= _group_scores(
            [record for record, _ in group], np.stack([codes for _, codes in group]), evaluation.seed
        )
    return scores


def _group_scores(records: list[dict[str, Any]], codes: np.ndarray, seed: int) -> dict[str, dict[str, float]]:
    kl = np.array([record["kl_per_latent"] for record in records])
    configurations = np.array([record["configuration"] for record in records])
    blocks = _blocks(len(records), seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        columns: dict[str, np.ndarray] = {}
        for criterion in CRITERIA.values():
            if criterion.needs == "pool":
                columns |= criterion.compute(Pool(codes, kl, configurations, blocks))
    return {
        record["candidate"]: {f"criterion.{name}": float(values[i]) for name, values in columns.items()}
        for i, record in enumerate(records)
    }


def _blocks(count: int, seed: int) -> np.ndarray | None:
    """Draw runs into blocks of at most `LARGEST_BLOCK`, within which criteria compare; None for one block."""
    if count <= LARGEST_BLOCK:
        return None
    blocks = np.arange(count) % math.ceil(count / LARGEST_BLOCK)
    return np.random.default_rng([seed, 6]).permutation(blocks)


def _codes(record: dict[str, Any], folder: str, data: DataReference, evaluation: EvaluationSpec) -> np.ndarray | None:
    if not is_finished(record) or "kl_per_latent" not in record:
        return None
    path = codes_path(folder, data, record["candidate"])
    try:
        codes: np.ndarray = np.load(path, allow_pickle=False)
        if codes.ndim == 2 and np.isfinite(codes).all():
            return codes
        problem = f"codes of shape {codes.shape}, or not finite"
    except (OSError, ValueError, EOFError) as error:
        problem = str(error)
    try:
        return encode_probe(folder, data, evaluation, record["candidate"])
    except ValueError as error:
        warnings.warn(f"{path} cannot be read ({problem}) nor made again ({error}): left out of UDR", stacklevel=2)
        return None
