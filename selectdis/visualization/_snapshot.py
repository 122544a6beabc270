"""What a report is made of: records, picks and pictures of a study, gathered once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from selectdis import selection
from selectdis.errors import SelectdisError
from selectdis.study._replay import StageView, stage_views
from selectdis.visualization._best_runs import best_runs
from selectdis.visualization._pictures import Anatomy, dissect

__all__ = ["Material", "StageRuns", "gather", "stage_scores"]

Dissect = Callable[[str, str], Anatomy | None]
"""(key of a stage, candidate) -> what its pictures are made of; None where it left no file."""


@dataclass(frozen=True)
class StageRuns:
    """A stage: a data set with all its runs; of a target also the pick, and what is known of the rule.

    Attributes
    ----------
    kind : ``"proxy"`` or ``"target"``
    name : of the data set
    records : one row a run
    best : ids of the runs that come first: on a proxy by the study's score, on a target the pick and then by the rule's
        criterion
    criterion : what runs are judged by where there are no labels
    pick : id of the picked candidate, or None
    """

    kind: str
    name: str
    records: pd.DataFrame
    best: tuple[str, ...] = ()
    criterion: str = ""
    pick: str | None = None
    why: str = ""
    trust: str = ""

    @property
    def key(self) -> str:
        """What tells it from the other stages."""
        return f"{self.kind}/{self.name}"

    @property
    def first(self) -> str | None:
        """The pick; on a proxy, the best run."""
        return self.pick or (self.best[0] if self.best and self.kind == "proxy" else None)

    def row(self, candidate: str) -> dict[str, Any]:
        """The record of `candidate` (an id)."""
        rows = self.records[self.records["candidate"] == candidate]
        return {str(name): value for name, value in rows.iloc[0].to_dict().items()}


@dataclass(frozen=True)
class Material:
    """A study as the report sees it.

    Attributes
    ----------
    score : what configurations are ranked by on the proxies (``win_rate`` or a metric)
    stages : the proxies, then the targets
    notes : sentences about what the page lacks
    """

    name: str
    description: str
    spec: dict[str, Any]
    score: str
    stages: tuple[StageRuns, ...]
    dissect: Dissect = field(default=lambda stage, candidate: None)
    notes: tuple[str, ...] = ()

    @property
    def proxies(self) -> list[StageRuns]:
        return [stage for stage in self.stages if stage.kind == "proxy"]

    @property
    def targets(self) -> list[StageRuns]:
        return [stage for stage in self.stages if stage.kind == "target"]

    @property
    def latest_first(self) -> list[StageRuns]:
        """The latest target first, the proxies last: what a reader came for."""
        return [*self.targets[::-1], *self.proxies]

    @property
    def proxy_names(self) -> str:
        return " and ".join(stage.name for stage in self.proxies)

    @property
    def proxy_records(self) -> pd.DataFrame:
        return _joined([stage.records for stage in self.proxies])

    @property
    def everything(self) -> pd.DataFrame:
        """The runs of all stages."""
        return _joined([stage.records for stage in self.stages])


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
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
    views = sorted(stage_views(study), key=_age)
    stages = [_stage_runs(study, view, top) for view in views]
    if not any(len(stage.records) for stage in stages):
        raise SelectdisError(f"the study {study.name!r} in {study.folder} has no runs yet: run it first")
    by_key = {stage.key: view for stage, view in zip(stages, views, strict=True)}

    @functools.lru_cache(maxsize=64)
    def anatomy(stage: str, candidate: str) -> Anatomy | None:
        view = by_key[stage]
        run = None if view.info.absent else view.load_run(candidate)
        return None if run is None or run.status == "diverged" else dissect(run, view.info.data, n=500)

    return Material(
        name=study.name,
        description=study.spec.description,
        spec=study.spec.model_dump(mode="json", exclude_none=True),
        score=study.spec.select.score,
        stages=tuple(stage for stage in stages if len(stage.records)),
        dissect=anatomy,
        notes=tuple(note for view in views for note in _notes(view)),
    )


def _notes(view: StageView) -> Iterator[str]:
    name = view.info.data.name
    if view.info.absent:
        yield f"The images of {name} cannot be loaded ({view.info.absent}), so this page lacks their pictures."
    if view.transfer is not None and view.transfer.pick is None:
        yield f"No run is picked on {name}: {view.transfer.why}."


def _age(view: StageView) -> float:
    """Orders stages: proxies as they are, then targets by when they were last worked on."""
    if view.transfer is None:
        return 0.0
    times = [trial.datetime_complete or trial.datetime_start for trial in view.stage.study.get_trials(deepcopy=False)]
    return max((time.timestamp() for time in times if time is not None), default=1.0)


def _stage_runs(study: Any, view: StageView, top: int) -> StageRuns:
    transfer, info = view.transfer, view.info
    if transfer is None:
        records = view.stage.records
        best = best_runs(study, info.name, records, top) if len(records) else []
        return StageRuns(info.name, info.data.name, records, tuple(best))
    pick = None if transfer.pick is None else transfer.pick.candidate
    best = best_runs(study, info.name, transfer.records, top + 1) if len(transfer.records) else []
    return StageRuns(
        kind=info.name,
        name=info.data.name,
        records=transfer.records,
        best=tuple([pick, *(c for c in best if c != pick)][:top] if pick else best[:top]),
        criterion=transfer.rule.run.label,
        pick=pick,
        why=transfer.why,
        trust=str(transfer.trust),
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
