"""The state of a cohort on disk: two generations, so that a damaged file costs an interval and not the training."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selectdis.errors import SelectdisError, whole_number
from selectdis.training._candidate import Candidate
from selectdis.training._cohort import Cohort
from selectdis.training._images import fingerprint
from selectdis.training._safetensors_file import WRITE_ERRORS, DamagedFileError, read_description, read_file, write_file

__all__ = ["Checkpoint", "CohortState", "descriptions_in", "ids_of", "remove_checkpoint"]

KIND = "checkpoint"
VERSION = 1

CohortState = tuple[dict[str, np.ndarray], dict[str, Any]]  # arrays by name, description


class Checkpoint:
    """The file of a cohort's state and, beside it, the generation before."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.previous = self._beside("previous")

    def save(self, cohort: Cohort, seconds: float) -> bool:
        """Write the state after the last step; a disk that refuses costs a warning, not the training."""
        return self.try_to_write(dump(cohort, seconds))

    def try_to_write(self, state: CohortState) -> bool:
        """`write`, with a warning where the disk refuses."""
        try:
            self.write(state)
        except WRITE_ERRORS as error:
            warnings.warn(
                f"cannot write the checkpoint {self.path} ({error}); training goes on without it", stacklevel=2
            )
            return False
        return True

    def write(self, state: CohortState) -> None:
        """Write a state; the one before is kept until the new one is safe."""
        fresh = self._beside("next")
        write_file(fresh, *state)
        if self.path.exists():
            os.replace(self.path, self.previous)
        os.replace(fresh, self.path)

    def restore(self, cohort: Cohort) -> float | None:
        """Bring `cohort` to the newest good state; the seconds it took so far, or None where there is none.

        Raises
        ------
        SelectdisError
            If the checkpoint belongs to other candidates, other images or another precision, or is no checkpoint.
        """
        state = self.read()
        return None if state is None else restore(cohort, state, self.path)

    def read(self) -> CohortState | None:
        """Return the newest good state. A damaged file is named in a warning, put aside and passed over.

        Raises
        ------
        SelectdisError
            If there is something else in the place of the file, or it cannot be read.
        """
        if self.path.is_dir():
            raise SelectdisError(f"a checkpoint is a file, and {self.path} is a folder; give a path in it")
        for path in (self.path, self.previous):
            if not path.exists():
                continue
            try:
                return read_file(path, KIND)
            except DamagedFileError as error:
                kept = self._put_aside(path)
                warnings.warn(
                    f"{error} (kept as {kept.name}); going on from the checkpoint before, or from the start",
                    stacklevel=3,
                )
        return None

    def half(self, part: str) -> Checkpoint:
        """Return the checkpoint of a half of this cohort, "a" or "b"."""
        return Checkpoint(self._beside(f"half-{part}"))

    def files(self) -> Iterator[Path]:
        """Return the files there are of this checkpoint: generations, halves, and what a killed writer left."""
        stem, suffix = re.escape(self.path.stem), re.escape(self.path.suffix)
        name = re.compile(rf"\.?{stem}(\.half-[ab])*(\.previous|\.next)?{suffix}(\.[0-9a-f]+\.tmp)?")
        if self.path.parent.is_dir():
            yield from (path for path in sorted(self.path.parent.iterdir()) if name.fullmatch(path.name))

    def _beside(self, what: str) -> Path:
        return self.path.with_name(f"{self.path.stem}.{what}{self.path.suffix}")

    def _put_aside(self, path: Path) -> Path:
        number = 1
        while (kept := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
            number += 1
        with contextlib.suppress(OSError):
            os.replace(path, kept)
        return kept if kept.exists() else path


def descriptions_in(folder: Path | None) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Each checkpoint in a folder, the halves of cohorts included, with the description of its newest whole file."""
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.glob("*.safetensors")):
        if path.suffixes[-2:-1] in ([".previous"], [".next"]) or ".damaged-" in path.name:
            continue
        with contextlib.suppress(SelectdisError):  # damaged: whoever reads it whole says so
            yield path, read_description(path, KIND)


def ids_of(description: Mapping[str, Any]) -> list[str]:
    """Ids of the candidates of a checkpoint; none where it does not name them as it should."""
    try:
        return [Candidate.from_dict(content).id for content in description["candidates"]]
    except (KeyError, TypeError, ValueError):
        return []


def remove_checkpoint(path: str | Path) -> None:
    """Delete the checkpoint that `train_cohort` left at `path`: both generations, and those of a halved cohort."""
    for found in list(Checkpoint(path).files()):
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
        "kernels": cohort.kernels,
    }
    return arrays, description


def restore(cohort: Cohort, state: CohortState, path: Path) -> float:
    """Bring `cohort` to a state that `dump` gave for the same candidates, images and precision; its seconds."""
    arrays, description = state
    for name, own in _identity(cohort).items():
        if description.get(name) != own:
            raise SelectdisError(
                f"the checkpoint {path} was written for other {name} ({_shown(description.get(name))}, now "
                f"{_shown(own)}); remove it or give another checkpoint path"
            )
    before = description.get("kernels", cohort.kernels)
    if before != cohort.kernels:
        warnings.warn(
            f"the checkpoint {path} was computed by {before!s:.80}, and training goes on by {cohort.kernels}, which "
            "round otherwise: the results are not to the last digit those of an undisturbed training",
            stacklevel=2,
        )
    try:
        for name, tensor in cohort.tensors().items():
            tensor.copy_(torch.from_numpy(arrays[name]))
        cohort.failed_step.copy_(torch.from_numpy(arrays["failed_step"]))
        cohort.curves.restore(arrays, description["curve_steps"], description["steps_summed"])
        cohort.seek(whole_number("step", description["step"], 0))
        return float(description["seconds"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SelectdisError(
            f"the checkpoint {path} does not hold what it should ({type(error).__name__}: {error!s:.100}); remove it"
        ) from None


def _shown(value: Any) -> str:
    """Return a value of the identity in a few words."""
    if not isinstance(value, list):
        return str(value)
    ids = ids_of({"candidates": value})
    return f"{ids[0]}{f' and {len(ids) - 1} more' if len(ids) > 1 else ''}" if ids else "none"


def _identity(cohort: Cohort) -> dict[str, Any]:
    return {
        "kind": KIND,
        "version": VERSION,
        "candidates": [candidate.to_dict() for candidate in cohort.candidates],
        "images": fingerprint(cohort.data),
        "precision": cohort.compute.precision,
    } | ({} if cohort.pairs is None else {"pairs": cohort.pairs.fingerprint})
