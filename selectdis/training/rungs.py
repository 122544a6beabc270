"""Training by successive halving: from one rung to the next, with the states of the survivors packed anew."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from selectdis.errors import SelectdisError
from selectdis.training.candidate import Candidate
from selectdis.training.checkpoint import Checkpoint, ids_of
from selectdis.training.halving import Halving
from selectdis.training.loop import Progress
from selectdis.training.repack import repack, sorted_candidates
from selectdis.training.run import Run
from selectdis.training.runtime import TrainingInterrupted

if TYPE_CHECKING:
    from selectdis.training.trainer import Trainer

__all__ = ["Rungs"]


class Rungs:
    """Candidates that are trained to the first rung, the better ones of them to the next, and so on."""

    def __init__(
        self,
        trainer: Trainer,
        candidates: list[Candidate],
        steps: int,
        halving: Halving,
        on_progress: Progress | None,
    ) -> None:
        self.trainer, self.candidates, self.steps, self.halving = trainer, candidates, steps, halving
        self.on_progress = on_progress
        at = {max(1, round(share * steps)) for share in halving.at}
        self.rungs = [*sorted(rung for rung in at if rung < steps), steps]

    def run(self, folder: Path | None) -> list[Run]:
        """All runs, in the order of the candidates; `folder` holds the states of each rung."""
        saved = "nothing was saved; give a checkpoint_dir to be able to go on"
        if folder is not None:
            saved = f"saved in {folder}; call again with the same arguments to go on from there"
        with ExitStack() as stack:
            place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="selectdis-")))
            try:
                return self._run(place)
            except KeyboardInterrupt as error:
                if folder is not None and isinstance(error, TrainingInterrupted):
                    raise
                raise TrainingInterrupted(f"training stopped before its end: {saved}") from None

    def _run(self, folder: Path) -> list[Run]:
        runs: dict[int, Run] = {}
        active = list(range(len(self.candidates)))
        for rung, following in zip(self.rungs, [*self.rungs[1:], None], strict=True):
            own = self.trainer.to_step(
                [self.candidates[i] for i in active], rung, _folder(folder, rung), self._progress(len(active))
            )
            runs |= dict(zip(active, own, strict=True))
            if following is None:
                break
            kept = [active[i] for i in self.halving.survivors(own)]
            runs |= {i: _stopped(runs[i]) for i in active if i not in kept}
            self._carry_over(
                [self.candidates[i] for i in kept], rung, _folder(folder, rung), _folder(folder, following)
            )
            active = kept
        return [runs[i] for i in range(len(self.candidates))]

    def _progress(self, active: int) -> Progress | None:
        """Those that were given up count as done."""
        on_progress, count = self.on_progress, len(self.candidates)
        if on_progress is None:
            return None
        given_up = (count - active) * self.steps
        return lambda done, _: on_progress(given_up + done, count * self.steps)

    def _carry_over(self, survivors: list[Candidate], rung: int, source: Path, target: Path) -> None:
        """Pack the states of the survivors into new cohorts, as checkpoints from which the next rung goes on.

        Where a state is lost (a full disk, a damaged file) its cohort is trained from the start: the result is the
        same.
        """
        there = {name for _, description in self.trainer.states(target) for name in ids_of(description)}
        left = [candidate for candidate in survivors if candidate.id not in there]
        where = {
            name: path
            for path, description in self.trainer.states(source)
            if description.get("step") == rung
            for name in ids_of(description)
        }
        for indices in self.trainer.cohorts(left, None) if left else []:
            cohort = sorted_candidates([left[i] for i in indices])
            path = self.trainer.checkpoint(target, cohort)
            assert path is not None
            if not _pack(cohort, [where.get(candidate.id) for candidate in cohort], Checkpoint(path)):
                warnings.warn("a state was lost between two rungs; its cohort is trained from the start", stacklevel=2)


def _pack(cohort: list[Candidate], sources: Sequence[Path | None], target: Checkpoint) -> bool:
    """Write the state of a cohort, taken from the files that hold its candidates; false where one is lost."""
    states = [None if path is None else Checkpoint(path).read() for path in dict.fromkeys(sources)]
    if any(state is None for state in states):
        return False
    try:
        return target.try_to_write(repack([state for state in states if state is not None], cohort))
    except (SelectdisError, KeyError, TypeError, ValueError):  # a file that was damaged and fell back to an older state
        return False


def _folder(folder: Path, rung: int) -> Path:
    return folder / f"to-{rung}"


def _stopped(run: Run) -> Run:
    return run if run.status == "diverged" else replace(run, status="stopped")
