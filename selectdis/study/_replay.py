"""What a study has recorded, told again: for views of it (MLflow, the report) that are made afterwards."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from selectdis.data import ImageDataset
from selectdis.data._reference import DataReference
from selectdis.errors import SelectdisError
from selectdis.scoring._files import model_path
from selectdis.study._listener import Listener, StageInfo
from selectdis.training import Run

if TYPE_CHECKING:
    from selectdis.study._stage import Stage
    from selectdis.study._study import Study
    from selectdis.study._transfer import Transfer

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
    """Each proxy, then each target, as far as they have runs; images that are gone are said in a warning."""
    proxies = [stage for stage in study.proxy_stages() if stage.raw_records()]
    for proxy in proxies:
        yield StageView(_info(study, proxy), proxy, None)
    for transfer in study.transfers() if proxies else ():
        yield StageView(_info(study, transfer._stage), transfer._stage, transfer)


def _info(study: Study, stage: Stage) -> StageInfo:
    try:
        return study._info(stage)
    except SelectdisError as error:
        warnings.warn(
            f"the images of the {stage.name} {stage.data.name} cannot be loaded ({error}): what is recorded is shown, "
            "without the pictures that need them",
            stacklevel=3,
        )
        nothing = ImageDataset(stage.data.name, np.zeros((1, 1, 1, 1), np.uint8))
        return StageInfo(stage.name, nothing, study.folder, absent=str(error))


def replay(study: Study, listener: Listener, views: Iterable[StageView] | None = None) -> None:
    """Tell `listener` all that `study` has recorded (or what `views` hold), in the order in which it happens."""
    for view in stage_views(study) if views is None else views:
        listener.stage_started(study, view.info)
        for record in view.stage.raw_records():
            listener.run_finished(study, view.info, record, view.load_run(record["candidate"]))
        listener.stage_finished(study, view.info, view.stage.records)
        if view.transfer is not None and view.transfer.pick is not None:
            trust: dict[str, Any] = view.transfer.trust.to_dict()
            listener.picked(study, view.info, view.transfer.best, view.transfer.why, trust)


def model_file(study: Study, info: StageInfo, candidate: str) -> Path | None:
    """Where the trained parameters of `candidate` (an id) on the data of a stage lie; None where there are none."""
    for stage in study.proxy_stages() if info.name == "proxy" else study.target_stages():
        if _name(stage.data) == info.data.name and (path := model_path(info.folder, stage.data, candidate)).exists():
            return path
    return None


def _name(data: DataReference) -> str:
    """What the data set calls itself."""
    try:
        return data.load().name
    except SelectdisError:
        return data.name


def load_run(study: Study, info: StageInfo, candidate: str) -> Run | None:
    """The trained run of `candidate` (an id) on the data of a stage; None where it left no file."""
    path = model_file(study, info, candidate)
    return None if path is None else _load(path)


def _load(path: Path) -> Run | None:
    try:
        return Run.load(path)
    except ValueError:  # missing or damaged: the study trains it again
        return None
