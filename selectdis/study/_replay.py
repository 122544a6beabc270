"""What a study has recorded, read again: for views of it (MLflow, the report) that are made afterwards."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selectdis.data import ImageDataset
from selectdis.errors import SelectdisError
from selectdis.study._listener import StageInfo
from selectdis.training import Run

if TYPE_CHECKING:
    from selectdis.study._stage import Stage
    from selectdis.study._study import Study
    from selectdis.study._transfer import Transfer

__all__ = ["StageView", "recorded_stages", "stage_info", "stage_views"]


class StageView(NamedTuple):
    """A stage as it was recorded; `transfer` is what was made of it where it is a target."""

    info: StageInfo
    stage: Stage
    transfer: Transfer | None

    def load_run(self, candidate: str) -> Run | None:
        """Return the trained run of `candidate` (an id); None where it left no whole file."""
        return self.stage.load_run(candidate)

    def kl_per_latent(self, candidate: str) -> list[float] | None:
        """Return the KL of each latent of `candidate` (an id) in nats, as its record has it; None where it has none."""
        return self.stage.kl_per_latent(candidate)


def recorded_stages(study: Study) -> Iterator[tuple[Stage, Transfer | None]]:
    """Yield each proxy, then each target with what was made of it, as far as they have runs; no image is loaded."""
    proxies = [stage for stage in study.proxy_stages() if stage.raw_records()]
    yield from ((proxy, None) for proxy in proxies)
    yield from ((transfer.stage, transfer) for transfer in (study.transfers() if proxies or study.evidence else ()))


def stage_views(study: Study) -> Iterator[StageView]:
    """Yield the recorded stages with their images; those that are gone are said in a warning."""
    return (StageView(stage_info(stage), stage, transfer) for stage, transfer in recorded_stages(study))


def stage_info(stage: Stage) -> StageInfo:
    """Return what listeners are told of a stage, with a stand-in for images that cannot be loaded any more."""
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
