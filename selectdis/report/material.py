"""What a report is made of: records, picks and pictures of a study, gathered once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from selectdis import selection
from selectdis.errors import SelectdisError
from selectdis.study.replay import StageView, stage_views
from selectdis.tracking.pictures import Anatomy, dissect
from selectdis.tracking.ranking import best_runs

__all__ = ["Material", "Target", "gather"]

Dissect = Callable[[str, str], Anatomy | None]
"""(stage and data set, joined by a slash; candidate) -> what its pictures are made of; None where it left no file."""


@dataclass(frozen=True)
class Target:
    """One target: its runs, the pick among them, and what is known of the rule.

    Attributes
    ----------
    records : one row a run
    pick : id of the picked candidate, or None
    best : ids of the runs that the rule's criterion puts first
    """

    name: str
    records: pd.DataFrame
    criterion: str = ""
    pick: str | None = None
    why: str = ""
    trust: str = ""
    best: tuple[str, ...] = ()


@dataclass(frozen=True)
class Material:
    """A study as the report sees it.

    Attributes
    ----------
    score : what configurations are ranked by on the proxy (``mean_rank`` or a metric)
    proxies : one row a run
    best : ids of the best runs on the proxy
    """

    name: str
    description: str
    spec: dict[str, Any]
    score: str
    proxy: str
    proxies: pd.DataFrame
    best: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    dissect: Dissect = field(default=lambda stage, candidate: None)

    @property
    def everything(self) -> pd.DataFrame:
        """The runs of the proxy and of all targets."""
        frames = [self.proxies, *(target.records for target in self.targets)]
        frames = [frame for frame in frames if len(frame)]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def gather(study: Any, *, top: int = 3) -> Material:
    """Read `study`.

    Parameters
    ----------
    top : how many runs of each stage are `best`.

    Raises
    ------
    SelectdisError : the study has no runs yet.
    """
    views = {_key(view): view for view in stage_views(study)}
    records = study.records
    if records.empty:
        raise SelectdisError(f"the study {study.name!r} in {study.folder} has no runs yet: run it first")

    @functools.lru_cache(maxsize=64)
    def anatomy(stage: str, candidate: str) -> Anatomy | None:
        view = views.get(stage)
        run = None if view is None else view.load_run(candidate)
        return None if view is None or run is None else dissect(run, view.info.data, n=500)

    targets = [view for view in views.values() if view.transfer is not None]
    return Material(
        name=study.name,
        description=study.spec.description,
        spec=study.spec.model_dump(mode="json", exclude_none=True),
        score=study.spec.select.score,
        proxy=str(records["dataset"].iloc[0]),
        proxies=records,
        best=tuple(best_runs(study, "proxy", records, top)),
        targets=tuple(_target(study, view, top) for view in targets),
        dissect=anatomy,
    )


def _key(view: StageView) -> str:
    return f"{view.info.name}/{view.info.data.name}"


def _target(study: Any, view: StageView, top: int) -> Target:
    transfer = view.transfer
    assert transfer is not None
    pick = None if transfer.pick is None else transfer.pick.candidate
    best = best_runs(study, "target", transfer.records, top + 1)
    return Target(
        name=transfer.target,
        records=transfer.records,
        criterion=transfer.rule.run.label,
        pick=pick,
        why=transfer.why,
        trust=str(transfer.trust),
        best=tuple([pick, *(c for c in best if c != pick)][:top] if pick else best[:top]),
    )


def stage_scores(records: pd.DataFrame, score: str, criterion: str) -> tuple[np.ndarray, str]:
    """(n_runs,) what runs of one data set are judged by, higher is better, and its name: the score, or the criterion.

    Runs that diverged or failed have NaN.
    """
    values = np.full(len(records), np.nan)
    alive = selection.pickable(records)
    if selection.metric_names(records[alive]):
        values[alive] = selection.run_scores(records[alive], score)
        return values, score
    if f"criterion.{criterion}" in records:
        signed = selection.direction(criterion) * records[f"criterion.{criterion}"].astype(float)
        values[alive] = signed[alive]
    return values, criterion
