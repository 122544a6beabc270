"""What MLflow shows of a study, made equal to what the study has recorded: only what is missing or differs is sent."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selectdis.objectives import OBJECTIVES
from selectdis.study._replay import recorded_stages, stage_info
from selectdis.tracking import _entries as entries
from selectdis.tracking._environment import environment_tags
from selectdis.tracking._registry import Champion, champion_of, register
from selectdis.tracking._saved_view import saved_view, view_tag
from selectdis.tracking._standing import (
    MAIN_CRITERIA,
    MAIN_METRICS,
    Standing,
    main_scores,
    run_name,
    standings,
    summary,
)
from selectdis.tracking._store import ShownRun, Store
from selectdis.visualization import best_runs, save_pictures, verdict

if TYPE_CHECKING:
    import pandas as pd

    from selectdis.records import Record
    from selectdis.study import Study
    from selectdis.study._listener import StageInfo
    from selectdis.study._stage import Stage
    from selectdis.study._transfer import Transfer

__all__ = ["View"]

_RUN, _PICTURES = "selectdis.run", "selectdis.pictures"  # tags: digests of what was sent
_NOTE, _LONGEST_NOTE = "mlflow.note.content", 4_900
# What MLflow says when a run itself is at fault, and not the server.
_AT_FAULT = (
    "INVALID_PARAMETER_VALUE",
    "BAD_REQUEST",
    "INVALID_STATE",
    "RESOURCE_DOES_NOT_EXIST",
    "RESOURCE_ALREADY_EXISTS",
)


class View:
    """A parent run per stage, a child run per candidate.

    What MLflow has is asked for first, in pages; trained runs and images are loaded where they are missing there.

    Parameters
    ----------
    study : Study
        What is shown.
    uri, experiment : str or None
        As of `Store`.
    pictures : int
        How many runs of each stage get pictures, best first; the picked run always does.
    went_on : callable, optional
        Called after each step; what it raises ends the work.
    """

    def __init__(
        self,
        study: Study,
        uri: str | None = None,
        experiment: str | None = None,
        *,
        pictures: int = 3,
        went_on: Callable[[], None] = lambda: None,
    ) -> None:
        self.study, self.pictures, self._went_on = study, pictures, went_on
        self.sent: set[str] = set()  # keys of candidates of which anything was
        self.refused: dict[str, Exception] = {}  # key -> what MLflow says against a run
        self._infos: dict[str, StageInfo] = {}
        self._environment: dict[str, str] | None = None
        self.store = Store(study.id, study.name, study.folder, uri, experiment, study.store.view_lock)

    def show_all(self) -> int:
        """Show all that is recorded; returns how many runs there are."""
        count = 0
        for stage, transfer in recorded_stages(self.study):
            count += self.show(stage, None, transfer)
        return count

    def show(self, stage: Stage, records: Sequence[Record] | None, transfer: Transfer | None = None) -> int:
        """Show `records` of a stage, or all that it has: then with its end, if it has come to that.

        Returns
        -------
        int
            How many records there are.
        """
        everything = records is None
        records = stage.raw_records() if records is None else records
        table = stage.records if everything and stage.judged else None
        if everything and any(self.store.find(_key(stage, record)) is None for record in records):
            self.store.look()  # other drivers may have shown them
        scores = {} if table is None else {str(row["candidate"]): entries.scores(row) for row in _rows(table)}
        parent = self._parent(stage)
        if records and not everything:
            self.store.set_status(parent, "RUNNING")
        for record in records:
            self._guarded(self._show_run, stage, record, parent, scores.get(record["candidate"]))
        if table is not None:
            self._end_stage(stage, parent, table, transfer)
        if transfer is not None and transfer.pick is not None:
            self._guarded(self._show_pick, stage, {"candidate": transfer.pick.candidate}, transfer)
        return len(records)

    # A stage ---------------------------------------------------------------------------------------------------------

    def _parent(self, stage: Stage) -> ShownRun:
        key = _key(stage)
        run = self.store.find(key)
        if run is not None and _RUN in run.tags:
            return run
        info, store = self._info(stage), self.store
        if store.is_alone:
            if _NOTE not in store.tags:
                store.set_tag(_NOTE, self._about())
            store.set_tag("mlflow.experimentKind", "custom_model_development")
        tags = self._tags() | {"selectdis.stage": stage.name, "selectdis.dataset": info.data.name}
        tags |= {"selectdis.candidate": "", "mlflow.note.content": _stage_note(self.study, info)}
        whose = "" if store.is_alone else f"{self.study.name} {self.study.id[:8]} · "
        run = run or store.make(key, f"{whose}{stage.name} · {info.data.name}", tags, _now())
        store.log_input(run, self._input(info))
        store.log(run, tags=tags | {_RUN: "1"})
        self._went_on()
        return run

    def _end_stage(self, stage: Stage, parent: ShownRun, table: pd.DataFrame, transfer: Transfer | None) -> None:
        where = self._rank(stage, parent, table, transfer)
        metrics, tags = summary(stage.name, table, where, transfer, self.study.spec.select.score)
        self.store.log(parent, _changed(parent, metrics, _now()), tags=tags)
        self._save_view(table)
        self._answer(stage, parent, tags, "" if transfer is None else verdict(transfer.trust))
        # On a target what is best is told with the pick, by its rule.
        known = stage.name == "proxy" or transfer is not None
        for candidate in best_runs(self.study, stage.name, table, self.pictures, transfer) if known else ():
            self._guarded(self._draw, stage, {"candidate": candidate})
        self.store.set_status(parent, "FINISHED", _now())

    def _rank(
        self, stage: Stage, parent: ShownRun, table: pd.DataFrame, transfer: Transfer | None
    ) -> dict[str, Standing]:
        """Say of each run where it stands, as far as that has changed since it was said last."""
        order = [run.id for run in self.store.stages()].index(parent.id)
        where = standings(self.study, stage.name, order, table, transfer)
        for candidate, standing in where.items():
            run = self.store.find(_key(stage, {"candidate": candidate}))
            if run is not None:
                self._went_on()
                self.store.log(run, _changed(run, standing.metrics, _now()), tags=standing.tags)
                self.store.rename(run, standing.name)
                if transfer is not None and "picked" in run.tags.keys() - standing.tags.keys():  # another one is, now
                    self.store.remove_tag(run, "picked")
        return where

    def _answer(self, stage: Stage, parent: ShownRun, tags: Mapping[str, str], told: str) -> None:
        """Say on top of the page which run it is, whether to rely on it, and why; people's own words there stay."""
        is_last = self.store.stages()[-1].id == parent.id
        if not (is_last and self.store.is_alone and tags and self.store.tags.get(_NOTE, "").endswith(self._about())):
            return
        if "picked" in tags:
            # MLflow shows the first line alone, and of that a few words on a narrow screen, until it is unfolded.
            said = f"Pick: **{tags['picked']}**, {tags['decision']}. On {stage.data.name} it is {tags['why']}. {told}"
        else:
            said = f"Best on {stage.data.name}: **{tags['best']}**. No run is picked on a target yet."
        self.store.set_tag(_NOTE, f"{said[:_LONGEST_NOTE]}\n\n{self._about()}")

    def _about(self) -> str:
        return self.study.spec.description or f"The selectdis study {self.study.name}."

    def _save_view(self, table: pd.DataFrame) -> None:
        """Keep the page on which the study opens; its columns are those of the proxies, which have all scores."""
        tables = [stage.records for stage in self.study.proxy_stages() if stage.judged]
        known = tables[0] if tables else table
        scores = main_scores(known, MAIN_METRICS), main_scores(known, MAIN_CRITERIA)
        if view := saved_view("" if self.store.is_alone else self.study.id, *scores, sum(map(len, tables))):
            self.store.set_tag(view_tag(self.study.id), view)

    # A run -----------------------------------------------------------------------------------------------------------

    def _show_run(self, stage: Stage, record: Record, parent: ShownRun, scores: Mapping[str, float] | None) -> None:
        key, file = _key(stage, record), stage.model_path(record["candidate"])
        scores = entries.scores(record) if scores is None else scores
        parameters = entries.parameters(record, _strengths(self.study))
        done = {has_curves: _digest(record, parameters, has_curves) for has_curves in (True, False)}
        # Without its file, which a driver elsewhere may have, a run has no curves to send.
        enough = (done[True],) if file.exists() else (done[True], done[False])
        run = self.store.find(key)
        is_done = run is not None and run.tags.get(_RUN) in enough
        if is_done and run is not None and all(run.metrics.get(name) == value for name, value in scores.items()):
            return
        milliseconds = round(1_000 * entries.number_or_zero(record.get("seconds")))
        if run is None:
            tags = {"selectdis.stage": stage.name, "selectdis.dataset": str(record["dataset"])}
            tags |= {"selectdis.candidate": record["candidate"], "mlflow.parentRunId": parent.id}
            run = self.store.make(key, run_name(record), tags, _now() - milliseconds)
        end = run.start + milliseconds
        metrics = _changed(run, scores, end)  # first, so that MLflow's tables and plots begin with them
        if is_done:
            self.store.log(run, metrics)
        else:
            trained = stage.load_run(record["candidate"])
            curves = entries.curve_points(trained.curves) if trained is not None else []
            self.store.log_input(run, self._input(self._info(stage)))
            self.store.set_status(run, entries.status_of(record), end)
            tags = entries.run_tags(record, self._tags()) | {"mlflow.parentRunId": parent.id}
            if "selectdis.error" in run.tags.keys() - tags.keys():  # it was tried again, and succeeded
                self.store.client.delete_tag(run.id, "selectdis.error")
            timed = _timed(curves, run.start, milliseconds, round(entries.number_or_zero(record.get("steps"))))
            self.store.log(run, metrics + timed, parameters, tags | {_RUN: done[trained is not None]})
        self._note(key)

    def _draw(self, stage: Stage, record: Record) -> None:
        key = _key(stage, record)
        run = self.store.find(key)
        if run is None or run.tags.get(_PICTURES) == run.tags.get(_RUN):
            return
        info, trained = self._info(stage), stage.load_run(record["candidate"])
        if trained is None or info.absent:
            return
        with tempfile.TemporaryDirectory() as temporary:
            save_pictures(trained, info.data, Path(temporary), kl=stage.kl_per_latent(record["candidate"]))
            self.store.send_pictures(run, temporary)
        self.store.log(run, tags={_PICTURES: run.tags[_RUN]})
        self._note(key)

    def _show_pick(self, stage: Stage, record: Record, transfer: Transfer) -> None:
        key = _key(stage, record)
        run = self.store.find(key)
        self._draw(stage, record)
        file = stage.model_path(record["candidate"])
        if run is None or not file.exists():
            return
        dataset, digest = run.tags["selectdis.dataset"], run.tags.get(_RUN, "")
        before = champion_of(self.store, dataset)
        if before is not None and before.run_id == run.id and before.tags.get("selectdis.digest") == digest:
            return
        best = transfer.best
        champion = Champion(
            candidate=record["candidate"],
            digest=digest,
            file=file,
            note=_pick_note(dataset, run.tags.get("mlflow.runName", ""), transfer),
            parameters=entries.parameters(best.candidate.to_dict()),
            image_shape=best.image_shape,
            latents=best.candidate.latents,
            steps=best.steps,
        )
        register(self.store, run, dataset, champion)
        self._note(key)

    # Besides ---------------------------------------------------------------------------------------------------------

    def _guarded(self, act: Callable[..., None], stage: Stage, record: Record, *arguments: Any) -> None:
        """Do what one run needs; one that MLflow refuses for good holds up no other."""
        self._went_on()
        key = _key(stage, record)
        try:
            act(stage, record, *arguments)
        except Exception as error:
            if getattr(error, "error_code", None) not in _AT_FAULT:
                raise
            self.store.forget(key)  # it may have been deleted by hand
            self.refused[key] = error

    def _note(self, key: str) -> None:
        self.sent.add(key)
        self._went_on()

    def _info(self, stage: Stage) -> StageInfo:
        slug = stage.data.slug
        if slug not in self._infos:
            self._infos[slug] = stage_info(stage)
        return self._infos[slug]

    def _input(self, info: StageInfo) -> dict[str, str]:
        return {} if info.absent else entries.dataset_entry(info.data, info.name)

    def _tags(self) -> dict[str, str]:
        if self._environment is None:
            self._environment = environment_tags(self.study.spec.training.device)
        return self._environment


def _key(stage: Stage, record: Record | None = None) -> str:
    """Say what of the study a run is: a stage, or a candidate there."""
    stage_key = f"{stage.name}/{stage.data.slug}"
    return stage_key if record is None else f"{stage_key}/{record['candidate']}"


def _digest(record: Record, parameters: Mapping[str, str], has_curves: bool) -> str:
    """Return the digest of what is sent of a run once; scores are compared one by one."""
    return entries.digest_of([parameters, record.get("status"), record.get("seconds"), has_curves])


def _changed(run: ShownRun, scores: Mapping[str, float], time: int) -> list[tuple[str, float, int, int]]:
    """Return the scores that MLflow lacks, at step 0: at another it would chart each as a curve of one point."""
    changed = {name: value for name, value in scores.items() if run.metrics.get(name) != value}
    # Of two values MLflow shows the later one; a first one always gets the same time, and so is there once.
    return [(name, value, _now() if name in run.metrics else time, 0) for name, value in changed.items()]


def _timed(
    curves: Sequence[entries.CurvePoint], start: int, duration: int, steps: int
) -> list[tuple[str, float, int, int]]:
    """Return curve points with the time that training must have been at: so they come twice as the same points."""
    return [(key, value, start + duration * step // max(steps, 1), step) for key, value, step in curves]


def _now() -> int:
    """Milliseconds, as MLflow counts."""
    return round(1_000 * time.time())


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _strengths(study: Study) -> tuple[str, ...]:
    """Return the strengths of all objectives that the study searches, so that every run gets the same parameters."""
    searched = study.spec.search.objective  # of an objective that is not known here, those that the study file names
    names = [
        name
        for objective, own in searched.items()
        for name in (OBJECTIVES[objective].strength_names if objective in OBJECTIVES else own)
    ]
    return tuple(dict.fromkeys(names))


def _stage_note(study: Study, info: StageInfo) -> str:
    of = f"of the study {study.name} ({study.id})"
    if info.absent:
        return f"The {info.name} {of}: {info.data.name}, whose images cannot be loaded any more; so no pictures."
    c, h, w = info.data.image_shape
    kind = "labelled" if info.data.labelled else "without labels"
    return f"The {info.name} {of}: {len(info.data):,} images of {w}x{h} in {c} channels, {kind} ({info.data.name})."


def _pick_note(dataset: str, name: str, transfer: Transfer) -> str:
    assert transfer.pick is not None
    why = f"Picked on {dataset}: **{name}** ({transfer.pick.candidate}), {transfer.why}."
    return f"{why}\n\n{transfer.trust}"[:_LONGEST_NOTE]
