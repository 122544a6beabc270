"""Figures of a study, and the report that holds them: one HTML page."""

from selectdis.report.figures import StudyPlots
from selectdis.report.material import Material, StageRuns, gather
from selectdis.report.page import render, write_report

__all__ = ["Material", "StageRuns", "StudyPlots", "gather", "render", "write_report"]
