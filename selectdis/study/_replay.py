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
        """Return the trained run of `candidate` (an id); None where it left no whole file."""
        return self.stage.load_run(candidate)


def stage_views(study: Study) -> Iterator[StageView]:
    """Yield each proxy, then each target, as far as they have runs; images that are gone are said in a warning."""
    proxies = [stage for stage in study.proxy_stages() if stage.raw_records()]
    for proxy in proxies:
        yield StageView(_info(proxy), proxy, None)
    for transfer in study.transfers() if proxies else ():
        yield StageView(_info(transfer.stage), transfer.stage, transfer)


def _info(stage: Stage) -> StageInfo:
    try:
        return stage.info
    except SelectdisError as error:
        warnings.warn(
            f"the images of the {stage.name} {stage.data.name} cannot be loaded ({error}): what is recorded is shown, "
            "without the pictures that need them",
            stacklevel=3,
        )
        nothing = ImageDataset(stage.data.name, np.zeros((1, 1, 1, 1), np.uint8))
        return StageInfo(stage.name, nothing, stage.folder, absent=str(error))


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
    """Return where the trained parameters of `candidate` (an id) on the data of a stage lie; None without a file."""
    stage = _stage_of(study, info, candidate)
    return None if stage is None else stage.model_path(candidate)


def load_run(study: Study, info: StageInfo, candidate: str) -> Run | None:
    """Return the trained run of `candidate` (an id) on the data of a stage; None where it left no whole file."""
    stage = _stage_of(study, info, candidate)
    return None if stage is None else stage.load_run(candidate)


def _stage_of(study: Study, info: StageInfo, candidate: str) -> Stage | None:
    """Return the stage that `info` is of, if `candidate` left a file there."""
    stages = study.proxy_stages() if info.name == "proxy" else study.target_stages()
    return next((s for s in stages if _name(s.data) == info.data.name and s.model_path(candidate).exists()), None)


def _name(data: DataReference) -> str:
    """Return what the data set calls itself."""
    try:
        return data.load().name
    except SelectdisError:
        return data.name
