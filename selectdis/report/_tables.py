"""Tables of the page: leaderboards and heatmaps, as plain values for the template."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from selectdis import selection
from selectdis.errors import SelectdisError
from selectdis.records import EARLIER, configuration_labels, number, run_label, score_label, with_settings
from selectdis.report._terms import explained, unit
from selectdis.visualization import StageSnapshot, StudySnapshot

__all__ = ["Cell", "HeatmapTable", "LeaderboardTable", "heatmap_table", "leaderboards"]

MAX_ROWS = 100
_ON_PAPER = 9  # scores that an A4 page has room for
_CRITERIA = ("udr_lasso", "udr_spearman", "elbo", "reconstruction", "kl", "active_units", "gaussian_tc")

_FIRST = ["metric.mig", "metric.dci_disentanglement", "metric.sap", "metric.factor_vae"]
_FIRST += [f"criterion.{name}" for name in ("udr_lasso", "reconstruction", "kl", "active_units", "elbo")]


@dataclass(frozen=True)
class Cell:
    """What a cell shows and what it is sorted by; `value` is None where there is nothing."""

    text: str
    value: float | str | None = None


@dataclass(frozen=True)
class LeaderboardTable:
    """A leaderboard of one data set.

    Column names (with which way is better), rows, how many were left out, terms, and the places of those columns that
    paper has no room for.
    """

    title: str
    note: str
    columns: list[tuple[str, str]]
    rows: list[list[Cell]]
    picked: list[bool]
    more: int
    terms: list[tuple[str, str]]
    far: set[int]

    @property
    def screen_alone(self) -> str:
        """The names of the columns that paper has no room for."""
        return ", ".join(name for place, (name, _) in enumerate(self.columns) if place in self.far)


@dataclass(frozen=True)
class HeatmapTable:
    """A table of colours: column and row names, and per cell (text, class, strength of the colour in percent)."""

    columns: list[str]
    rows: list[tuple[str, list[tuple[str, str, int]]]]


def leaderboards(snapshot: StudySnapshot) -> list[LeaderboardTable]:
    """Return the configurations and the runs of every data set, targets first.

    Raises
    ------
    SelectdisError
        No run has finished.
    """
    found = []
    for stage in snapshot.latest_first:
        for by in ("configuration", "run"):
            try:
                found.append(_leaderboard(snapshot, stage, by))
            except SelectdisError:
                continue  # no run on this data set has finished
    if not found:
        raise SelectdisError("no run has finished")
    return found


def _leaderboard(snapshot: StudySnapshot, stage: StageSnapshot, by: Any) -> LeaderboardTable:
    records, criterion, pick = stage.records, stage.criterion, stage.pick_or_best
    known = criterion if f"criterion.{criterion}" in records else None
    table = selection.leaderboard(records, by=by, score=snapshot.score, criterion=known)
    if table.empty:
        raise SelectdisError("no run has finished")
    labels = configuration_labels(snapshot.records)
    table = with_settings(table, records)  # which says how many of a row's runs are earlier ones
    ranked_by = str(table["ranked_by"].iloc[0])
    scores = [name for name in _shown_scores(table) if not name.endswith(f".{ranked_by}")]
    columns = [("#", "rank"), ("Configuration" if by == "configuration" else "Run", "")]
    columns += [("Seeds", "runs that finished")] if by == "configuration" else []
    columns += [(score_label(ranked_by), "what ranks"), *([("± sd", "over seeds")] if by == "configuration" else [])]
    columns += [(score_label(column), _direction_note(column)) for column in scores]
    terms = explained([ranked_by, *scores])
    near = sorted(scores, key=_importance)[:_ON_PAPER]
    far = {len(columns) - len(scores) + place for place, name in enumerate(scores) if name not in near}
    chosen = records[records["candidate"] == pick]["configuration"].tolist()
    rows, picked = [], []
    for row in table.head(MAX_ROWS).to_dict("records"):
        main = row["mean"] if by == "configuration" else row["score"]
        label = labels.get(str(row["configuration"]), str(row["configuration"]))
        earlier = "" if not row.get(EARLIER) else " (earlier)" if by == "run" else f" ({row[EARLIER]} earlier)"
        cells = [
            _cell(row["rank"]),
            Cell((label if by == "configuration" else run_label(row, labels)) + earlier, label),
        ]
        cells += [_cell(row["seeds"])] if by == "configuration" else []
        cells += [_cell(main), *([_cell(row["sd"])] if by == "configuration" else [])]
        rows.append(cells + [_cell(row[column]) for column in scores])
        picked.append(row["configuration"] in chosen if by == "configuration" else row["candidate"] == pick)
    noun = "configurations" if by == "configuration" else "runs"
    note = f"{'Means over seeds, r' if by == 'configuration' else 'R'}anked by {score_label(ranked_by)}."
    more = max(len(table) - MAX_ROWS, 0)
    return LeaderboardTable(f"{stage.name}: {noun}", note, columns, rows, picked, more, terms, far)


def _importance(score: str) -> int:
    """Return the place of a score among those that are looked at first; others come after."""
    return _FIRST.index(score) if score in _FIRST else len(_FIRST)


def _shown_scores(table: pd.DataFrame) -> list[str]:
    """Return the disentanglement metrics, then the best known criteria, as far as they are there."""
    metrics = [
        m for m in selection.metric_names(table) if not m.endswith(".sampled") and not m.startswith("downstream")
    ]
    criteria = [c for c in _CRITERIA if c in selection.criterion_names(table)]
    return [f"metric.{name}" for name in metrics] + [f"criterion.{name}" for name in criteria]


def _direction_note(column: str) -> str:
    try:
        better = selection.direction(column.partition(".")[2]) > 0
    except SelectdisError:
        return ""
    measure = f"{unit(column)}, " if unit(column) else ""
    return f"{measure}{'higher' if better else 'lower'} is better"


def _cell(value: Any) -> Cell:
    if value is None or pd.isna(value):
        return Cell("–")
    return Cell(number(value), float(value))


def heatmap_table(table: pd.DataFrame, *, plain: bool = False) -> HeatmapTable:
    """Return numbers in [-1, 1] as cells; with `plain`, row and column names stay as they are."""
    columns = [str(name) if plain else score_label(str(name)) for name in table.columns]
    rows = []
    for name, values in zip(table.index, table.to_numpy(dtype=float), strict=True):
        rows.append((str(name) if plain else score_label(str(name)), [_colored(value) for value in values]))
    return HeatmapTable(columns, rows)


def _colored(value: float) -> tuple[str, str, int]:
    if not np.isfinite(value):
        return "–", "none", 0
    return f"{value:.2f}".replace("-", "−"), "high" if value >= 0 else "low", min(round(100 * abs(value)), 100)
