"""Figures of records and pictures of runs: one place, used by the report, the MLflow view and ``study.plot``."""

from selectdis.visualization._snapshot import Material, StageRuns, gather
from selectdis.visualization._study_plots import StudyPlots

__all__ = ["Material", "StageRuns", "StudyPlots", "gather"]
