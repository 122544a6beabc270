"""The state of a cohort on disk: two generations, so that a damaged file costs an interval and not the training."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selectdis.errors import SelectdisError
from selectdis.training.cohort import Cohort
from selectdis.training.images import fingerprint
from selectdis.training.storage import WRITE_ERRORS, read_file, write_file

__all__ = ["Checkpoint", "CohortState", "remove_checkpoint"]

KIND = "checkpoint"
VERSION = 1

CohortState = tuple[dict[str, np.ndarray], dict[str, Any]]  # arrays by name, description


class Checkpoint:
    """The file of a cohort's state and, beside it, the generation before."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.previous = self.path.with_name(f"{self.path.stem}.previous{self.path.suffix}")

    def save(self, cohort: Cohort, seconds: float) -> bool:
        """Write the state after the last step; a disk that refuses costs a warning, not the training."""
        try:
            self.write(dump(cohort, seconds))
        except WRITE_ERRORS as error:
            warnings.warn(
                f"cannot write the checkpoint {self.path} ({error}); training goes on without it", stacklevel=2
            )
            return False
        return True

    def write(self, state: CohortState) -> None:
        """Write a state; the one before is kept until the new one is safe."""
        fresh = self.path.with_name(f"{self.path.stem}.next{self.path.suffix}")
        write_file(fresh, *state)
        if self.path.exists():
            os.replace(self.path, self.previous)
        os.replace(fresh, self.path)

    def restore(self, cohort: Cohort) -> float | None:
        """Bring `cohort` to the newest good state; the seconds it took so far, or None where there is none.

        Raises
        ------
        SelectdisError
            If the checkpoint belongs to other candidates, other images or another precision.
        """
        state = self.read()
        return None if state is None else restore(cohort, state, self.path)

    def read(self) -> CohortState | None:
        """The newest good state; a damaged one is named in a warning and passed over."""
        for path in (self.path, self.previous):
            if not path.exists():
                continue
            try:
                return read_file(path, KIND)
            except SelectdisError as error:
                warnings.warn(f"{error}; going on from the checkpoint before, or from the start", stacklevel=3)
        return None


def remove_checkpoint(path: str | Path) -> None:
    """Delete the checkpoint that `train_cohort` left at `path`: both generations, and those of a halved cohort."""
    path = Path(path)
    for found in path.parent.glob(f"{path.stem}*{path.suffix}"):
        if found.stem == path.stem or found.stem.startswith((f"{path.stem}.", f"{path.stem}-")):
            found.unlink(missing_ok=True)


def dump(cohort: Cohort, seconds: float) -> CohortState:
    """Everything that the next step depends on, as arrays with a leading axis of candidates."""
    arrays = {name: tensor.cpu().numpy() for name, tensor in cohort.tensors().items()}
    arrays["failed_step"] = cohort.failed_step.cpu().numpy()
    arrays |= cohort.curves.arrays()
    description = _identity(cohort) | {
        "step": cohort.step_count,
        "seconds": seconds,
        "curve_steps": cohort.curves.steps,
        "steps_summed": cohort.curves.steps_summed,
    }
    return arrays, description


def restore(cohort: Cohort, state: CohortState, path: Path) -> float:
    """Bring `cohort` to a state that `dump` gave for the same candidates, images and precision; its seconds."""
    arrays, description = state
    for name, own in _identity(cohort).items():
        if description.get(name) != own:
            raise SelectdisError(
                f"the checkpoint {path} was written for other {name}; remove it or give another checkpoint path"
            )
    for name, tensor in cohort.tensors().items():
        tensor.copy_(torch.from_numpy(arrays[name]))
    cohort.failed_step.copy_(torch.from_numpy(arrays["failed_step"]))
    cohort.curves.restore(arrays, description["curve_steps"], description["steps_summed"])
    cohort.seek(description["step"])
    return float(description["seconds"])


def _identity(cohort: Cohort) -> dict[str, Any]:
    return {
        "kind": KIND,
        "version": VERSION,
        "candidates": [candidate.to_dict() for candidate in cohort.candidates],
        "images": fingerprint(cohort.data),
        "precision": cohort.place.precision,
    }
