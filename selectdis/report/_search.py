"""The section on the search: its course, what mattered in it, which configurations lead, and how training went."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from selectdis.errors import SelectdisError
from selectdis.records import configuration_labels, score_label
from selectdis.visualization import (
    StageSnapshot,
    StudySnapshot,
    curve_figure,
    history_figure,
    importance_bars,
    inline_svg,
    parallel_figure,
    pareto_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Made = tuple[str, str, "Figure"]  # title, text, figure

__all__ = ["FEWEST_CONFIGURATIONS", "search"]

FEWEST_CONFIGURATIONS = 3  # with fewer, there is no course and no front to speak of
_MOST_LINES = 300  # of parallel coordinates: beyond, nobody can follow one


def search(snapshot: StudySnapshot) -> dict[str, Any]:
    """Return the figures of the search on the proxies.

    Raises
    ------
    SelectdisError
        There are none.
    """
    found = [figure for stage in snapshot.proxies for figure in _figures(snapshot, stage)]
    if not found:
        raise SelectdisError(f"a search needs {FEWEST_CONFIGURATIONS} configurations on labelled images")
    return {"figures": found}


def _figures(snapshot: StudySnapshot, stage: StageSnapshot) -> Iterator[dict[str, Any]]:
    n = stage.records["configuration"].nunique()
    if n < FEWEST_CONFIGURATIONS:
        return
    for make in (_history, _importances, _pareto, _parallel, _curves):
        try:
            title, text, figure = make(snapshot, stage)
        except (SelectdisError, KeyError):  # this study has nothing for this one
            continue
        yield {"title": title, "text": text, "svg": Markup(inline_svg(figure, title, text))}


def _history(snapshot: StudySnapshot, stage: StageSnapshot) -> Made:
    n = stage.records["configuration"].nunique()
    text = f"{n} configurations on {stage.name} in the order in which they were tried; a line for the best so far."
    return "The course of the search", text, history_figure(stage, snapshot.score)


def _importances(snapshot: StudySnapshot, stage: StageSnapshot) -> Made:
    table = snapshot.importances
    if stage.name not in table or len(table[stage.name].dropna()) < 2:
        raise SelectdisError("fewer than two parameters vary")
    text = (
        f"Share of the differences between the means of {stage.records['configuration'].nunique()} configurations on "
        f"{stage.name} that each parameter explains (fANOVA)."
    )
    figure = importance_bars(table[stage.name], f"importance for {score_label(snapshot.score)}")
    return "Which parameters mattered", text, figure


def _pareto(snapshot: StudySnapshot, stage: StageSnapshot) -> Made:
    figure, front, n = pareto_figure(snapshot, stage, (snapshot.score, "reconstruction"))
    if n < FEWEST_CONFIGURATIONS:
        raise SelectdisError("too few configurations have both scores")
    text = f"Of {n} configurations on {stage.name}, {front} are beaten by no other in both scores (means over seeds)."
    return f"{score_label(snapshot.score)} and reconstruction", text, figure


def _parallel(snapshot: StudySnapshot, stage: StageSnapshot) -> Made:
    if len(stage.records) > _MOST_LINES:
        raise SelectdisError("too many lines")
    text = f"A line for each of {len(stage.records)} runs on {stage.name}: its settings and its score."
    return "Settings and scores", text, parallel_figure(stage, snapshot.score)


def _curves(snapshot: StudySnapshot, stage: StageSnapshot) -> Made:
    text = f"The loss of the best runs on {stage.name}, in nats per image. Curves that still fall call for more steps."
    return "Training", text, curve_figure(stage, configuration_labels(snapshot.records), "loss")
