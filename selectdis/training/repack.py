"""Rows of cohorts' states put together into the state of a new cohort."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selectdis.errors import SelectdisError
from selectdis.objectives import OBJECTIVES
from selectdis.training.candidate import Candidate
from selectdis.training.checkpoint import CohortState

__all__ = ["objective_rank", "repack", "sorted_candidates"]


def objective_rank(candidate: Candidate) -> int:
    """The place of a candidate's objective among all, by which the rows of a cohort are sorted."""
    return list(OBJECTIVES).index(candidate.objective)


def sorted_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """In the order that the rows of a cohort have: by objective."""
    return sorted(candidates, key=objective_rank)


def repack(states: Sequence[CohortState], candidates: Sequence[Candidate]) -> CohortState:
    """The state of a cohort of `candidates` (sorted by objective), taken from the cohorts that they were in.

    Raises
    ------
    SelectdisError
        If a candidate is in none of the states, or the states are not of one step.
    """
    places = [_place(states, candidate) for candidate in candidates]
    names = sorted({name for state, _ in places for name in states[state][0]})
    arrays = {name: _rows(states, candidates, places, name) for name in names}
    descriptions = [states[state][1] for state, _ in places]
    if len({description["step"] for description in descriptions}) != 1:
        raise SelectdisError("cohorts can only be packed together after the same number of steps")
    seconds = sum(description["seconds"] / len(description["candidates"]) for description in descriptions)
    return arrays, descriptions[0] | {"candidates": [c.to_dict() for c in candidates], "seconds": seconds}


def _place(states: Sequence[CohortState], candidate: Candidate) -> tuple[int, int]:
    for state, (_, description) in enumerate(states):
        for row, other in enumerate(description["candidates"]):
            if other == candidate.to_dict():
                return state, row
    raise SelectdisError(f"no state holds the candidate {candidate.id}")


def _rows(
    states: Sequence[CohortState], candidates: Sequence[Candidate], places: Sequence[tuple[int, int]], name: str
) -> np.ndarray:
    like = next(arrays[name] for arrays, _ in states if name in arrays)
    rows = []
    for candidate, (state, row) in zip(candidates, places, strict=True):
        arrays, description = states[state]
        if name.startswith("discriminator/"):
            if candidate.specification.adversary:
                rows.append(arrays[name][_adversary_row(description["candidates"], row)])
        else:  # a term that this row's old cohort did not know is zero, as in a common cohort from the start
            rows.append(arrays[name][row] if name in arrays else np.zeros_like(like[0]))
    return np.stack(rows) if rows else like[:0]


def _adversary_row(candidates: Sequence[dict], row: int) -> int:
    return sum(OBJECTIVES[other["objective"]].adversary is not None for other in candidates[:row])
