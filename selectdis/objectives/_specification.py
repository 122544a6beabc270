"""Names, strengths and grids of the objectives, read off their definitions; nothing here loads torch."""

from __future__ import annotations

from selectdis.objectives import OBJECTIVES

__all__ = ["GRIDS", "MAIN_STRENGTH", "OBJECTIVE_NAMES", "STRENGTHS"]

OBJECTIVE_NAMES: tuple[str, ...] = tuple(OBJECTIVES)

# objective -> {strength: its default}
STRENGTHS: dict[str, dict[str, float]] = {name: objective.complete({}) for name, objective in OBJECTIVES.items()}

# objective -> the strength that the literature sweeps, and over which values (Locatello et al. 2019)
MAIN_STRENGTH: dict[str, str] = {name: objective.main for name, objective in OBJECTIVES.items()}
GRIDS: dict[str, tuple[float, ...]] = {name: objective.grid for name, objective in OBJECTIVES.items()}
