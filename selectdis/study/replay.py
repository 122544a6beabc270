"""What a study has recorded, told again: for views of it (MLflow, the report) that are made afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import optuna

from selectdis.study.job import model_path
from selectdis.study.listener import Listener, StageInfo
from selectdis.study.reference import DataReference
from selectdis.training import Run

if TYPE_CHECKING:
    from selectdis.study.stage import Stage
    from selectdis.study.study import Study
    from selectdis.study.transfer import Transfer

__all__ = ["StageView", "load_run", "model_file", "replay", "stage_views"]


class StageView(NamedTuple):
    """A stage as it was recorded; `transfer` is what was made of it where it is a target."""

    info: StageInfo
    stage: Stage
    transfer: Transfer | None

    def load_run(self, candidate: str) -> Run | None:
        """The trained run of `candidate` (an id), or None where it left no file."""
        return _load(model_path(self.info.folder, self.stage.data, candidate))


def stage_views(study: Study) -> Iterator[StageView]:
    """Each proxy, then each target, as far as they have begun."""
    proxies = study.proxy_stages()
    for proxy in proxies:
        yield StageView(study._info(proxy), proxy, None)
    for transfer in study.transfers() if proxies else ():
        yield StageView(study._info(transfer._stage), transfer._stage, transfer)


def replay(study: Study, listener: Listener) -> None:
    """Tell `listener` all that `study` has recorded, in the order in which it happens."""
    for view in stage_views(study):
        listener.stage_started(study, view.info)
        for record in view.stage.raw_records():
            listener.run_finished(study, view.info, record, view.load_run(record["candidate"]))
        listener.stage_finished(study, view.info, view.stage.records)
        if view.transfer is not None and view.transfer.pick is not None:
            trust: dict[str, Any] = view.transfer.trust.to_dict()
            listener.picked(study, view.info, view.transfer.best, view.transfer.why, trust)


def model_file(study: Study, info: StageInfo, candidate: str) -> Path | None:
    """Where the trained parameters of `candidate` (an id) on the data of a stage lie; None where there are none."""
    for data in study.proxies() if info.name == "proxy" else _targets(study):
        if data.load().name == info.data.name and (path := model_path(info.folder, data, candidate)).exists():
            return path
    return None


def load_run(study: Study, info: StageInfo, candidate: str) -> Run | None:
    """The trained run of `candidate` (an id) on the data of a stage; None where it left no file."""
    path = model_file(study, info, candidate)
    return None if path is None else _load(path)


def _targets(study: Study) -> Iterator[DataReference]:
    """The data of the targets; cheaper than `stage_views`, since no rule is applied."""
    storage = study._storage()
    for name in optuna.get_all_study_names(storage):
        if name.startswith(f"{study.name}/target/"):
            yield DataReference(**json.loads(optuna.load_study(study_name=name, storage=storage).user_attrs["data"]))


def _load(path: Path) -> Run | None:
    try:
        return Run.load(path)
    except ValueError:  # missing or damaged: the study trains it again
        return None
