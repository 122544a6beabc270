"""Figures of records and pictures of runs: one place, used by the report, the MLflow view and ``study.plot``."""

from selectdis.visualization._bars import importance_bars, nats_label
from selectdis.visualization._distance_figure import distance_figure
from selectdis.visualization._latent_page import latent_page
from selectdis.visualization._pictures import RunPictures, picture_run, png_bytes, save_pictures, tile
from selectdis.visualization._snapshot import (
    StageSnapshot,
    StudySnapshot,
    best_runs,
    snapshot_of_records,
    stage_scores,
    take_snapshot,
    verdict,
)
from selectdis.visualization._study_figures import (
    correlation_table,
    curve_figure,
    history_figure,
    parallel_figure,
    pareto_figure,
    strength_figure,
    transfer_figure,
    transfer_points,
    variance_figure,
)
from selectdis.visualization._study_plots import StudyPlots
from selectdis.visualization._theme import inline_svg

__all__ = [
    "RunPictures",
    "StageSnapshot",
    "StudyPlots",
    "StudySnapshot",
    "best_runs",
    "correlation_table",
    "curve_figure",
    "distance_figure",
    "history_figure",
    "importance_bars",
    "inline_svg",
    "latent_page",
    "nats_label",
    "parallel_figure",
    "pareto_figure",
    "picture_run",
    "png_bytes",
    "save_pictures",
    "snapshot_of_records",
    "stage_scores",
    "strength_figure",
    "take_snapshot",
    "tile",
    "transfer_figure",
    "transfer_points",
    "variance_figure",
    "verdict",
]
