"""Criteria over many runs, from the codes that each run left: UDR, ModelCentrality."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from selectdis._arrays import DegenerateWarning
from selectdis.criteria import CRITERIA, Pool
from selectdis.data._reference import DataReference
from selectdis.errors import SelectdisError
from selectdis.records import active_latents, is_finished
from selectdis.records._record import KL
from selectdis.scoring._probe import encode_probe, read_codes
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
    usable = [record for record in records if is_finished(record) and active_latents(record) is not None]
    found = [(record, *_codes(record, folder, data)) for record in usable]
    rows = Counter(len(codes) for _, codes, _ in found if codes is not None).most_common(1)
    loaded = []
    for record, codes, problem in found:
        if codes is None or codes.shape != (rows[0][0], record["latents"]):
            codes = _made_again(record, folder, data, evaluation, problem or "codes of another shape")
        if codes is not None:
            loaded.append((record, codes))
    scores: dict[str, dict[str, float]] = {}
    # UDR matches the latents of one run with another's: runs of one code size and one probe at a time.
    for shape in sorted({codes.shape for _, codes in loaded}):
        group = [(record, codes) for record, codes in loaded if codes.shape == shape]
        scores |= _group_scores(
            [record for record, _ in group], np.stack([codes for _, codes in group]), evaluation.seed
        )
    return scores


def _group_scores(records: list[dict[str, Any]], codes: np.ndarray, seed: int) -> dict[str, dict[str, float]]:
    none = [np.nan] * codes.shape[2]
    kl = np.array([record.get(KL) or none for record in records])
    active = np.array([active_latents(record) for record in records])
    configurations = np.array([record["configuration"] for record in records])
    blocks = _blocks(len(records), seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        columns: dict[str, np.ndarray] = {}
        for criterion in CRITERIA.values():
            if criterion.needs == "pool":
                columns |= criterion.compute(Pool(codes, kl, active, configurations, blocks))
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


def _codes(record: dict[str, Any], folder: str, data: DataReference) -> tuple[np.ndarray | None, str]:
    """Return the codes that a run left, or None and why not."""
    try:
        return read_codes(folder, data, record["candidate"]), ""
    except (OSError, SelectdisError) as error:
        return None, str(error)


def _made_again(
    record: dict[str, Any], folder: str, data: DataReference, evaluation: EvaluationSpec, problem: str
) -> np.ndarray | None:
    """Return the codes of a run made again from its model; None, with a warning, where that cannot be."""
    candidate, latents = record["candidate"], record["latents"]
    try:
        codes = encode_probe(folder, data, evaluation, candidate)
        if codes.shape[1] == latents:
            return codes
        reason = f"its model has {codes.shape[1]} latents, and its record {latents}"
    except ValueError as error:
        reason = str(error)
    warnings.warn(
        f"the codes of {candidate} cannot be read ({problem}) nor made again ({reason}): left out of UDR", stacklevel=2
    )
    return None
