"""Training of any candidates: sorted into cohorts, shared among processes, halved on the way if asked to."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from selectdis.errors import SelectdisError
from selectdis.objectives import OBJECTIVES
from selectdis.training.candidate import Candidate
from selectdis.training.checkpoint import Checkpoint
from selectdis.training.halving import Halving
from selectdis.training.images import fingerprint, image_shape
from selectdis.training.loop import POINTS, Progress
from selectdis.training.plan import plan_cohorts, worker_count
from selectdis.training.repack import repack
from selectdis.training.run import Run
from selectdis.training.runtime import place_of
from selectdis.training.workers import CohortTask, run_tasks

__all__ = ["train"]


def train(
    candidates: Sequence[Candidate],
    data: Any,
    *,
    steps: int,
    device: str = "auto",
    precision: str = "float32",
    compile: bool = False,
    jobs: int = 1,
    checkpoint_dir: str | Path | None = None,
    checkpoint_every: int | None = None,
    curve_every: int | None = None,
    on_progress: Progress | None = None,
    halving: Halving | None = None,
) -> list[Run]:
    """Train candidates on the images of a data set.

    Candidates that share architecture, latents, batch size and widths may train as one program; how many do is a rule
    from measurements. A candidate's result does not depend on the others.

    Parameters
    ----------
    candidates
        What to train; any mixture.
    data
        An `ImageDataset` (its labels are not looked at).
    steps
        Optimiser steps of each candidate.
    device
        "auto" (a CUDA device where there is one), "cpu", "cuda", "cuda:1", ...
    precision
        "float32", "tf32" (CUDA), "bf16" (matrix products in bfloat16) or "float64".
    compile
        Send the passes of a step through torch.compile: with CUDA graphs on a CUDA device, with its default mode on
        CPU. Where that does not work, training goes on without it and says so in a warning.
    jobs
        Processes of one thread each, on CPU; -1 for one on each core. One process uses one thread.
    checkpoint_dir
        Folder for the states of the cohorts. A training that was killed goes on from them when it is called again with
        the same candidates and jobs. The files stay; remove the folder when the runs are saved.
    checkpoint_every
        Steps between checkpoints; by default every five minutes.
    curve_every
        Steps between two points of a curve; by default a hundredth of the steps.
    on_progress
        ``(done, total)`` in steps of candidates; with several jobs it is called from a thread.
    halving
        Give up the worse candidates on the way; their runs have the status "stopped".

    Returns
    -------
    runs : list of Run
        In the order of `candidates`. A candidate that diverged has the status "diverged" and its `failed_step`.

    Raises
    ------
    SelectdisError
        If an argument is out of its range.
    TrainingInterrupted
        On Ctrl-C (a KeyboardInterrupt), once the step is done and the state saved; the message says how to go on.
    """
    candidates = list(candidates)
    image_shape(data)
    place = place_of(device, precision, compile)
    if not (isinstance(steps, int) and steps >= 1):
        raise SelectdisError(f"steps must be a whole number of at least 1, found {steps!r}")
    options = {
        "device": str(place.device),
        "precision": precision,
        "compile": compile,
        "checkpoint_every": checkpoint_every,
        "curve_every": curve_every or max(1, steps // POINTS),
    }
    workers = worker_count(jobs) if place.device.type == "cpu" else 1
    trainer = Trainer(data, options, workers, on_progress)
    folder = None if checkpoint_dir is None else Path(checkpoint_dir)
    if halving is None:
        return trainer.to_step(candidates, steps, folder)
    return trainer.by_halving(candidates, steps, folder, halving)


class Trainer:
    """Trains lists of candidates with one set of options."""

    def __init__(self, data: Any, options: dict[str, Any], workers: int, on_progress: Progress | None) -> None:
        self.data, self.options, self.workers = data, options, workers
        self.on_progress = on_progress
        self.identity = (fingerprint(data), str(options["precision"]))

    def to_step(self, candidates: list[Candidate], steps: int, folder: Path | None) -> list[Run]:
        """All candidates trained to `steps`, or from their checkpoints in `folder` on."""
        if not candidates:
            return []
        cohorts = self.plan(candidates)
        tasks = [
            CohortTask(tuple(cohort), steps, self.checkpoint(folder, cohort), self.options)
            for cohort in ([candidates[i] for i in indices] for indices in cohorts)
        ]
        results = run_tasks(tasks, self.data, jobs=self.workers, on_progress=self.on_progress)
        runs = {
            i: run for indices, own in zip(cohorts, results, strict=True) for i, run in zip(indices, own, strict=True)
        }
        return [runs[i] for i in range(len(candidates))]

    def by_halving(self, candidates: list[Candidate], steps: int, folder: Path | None, halving: Halving) -> list[Run]:
        """All candidates to the first rung, the better ones to the next, and so on."""
        with ExitStack() as stack:
            if folder is None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="selectdis-")))
            runs: dict[int, Run] = {}
            active = list(range(len(candidates)))
            rungs = [max(1, round(share * steps)) for share in halving.at]
            for rung in (*rungs, steps):
                own = self.to_step([candidates[i] for i in active], rung, folder / f"to-{rung}")
                runs |= dict(zip(active, own, strict=True))
                if rung == steps:
                    break
                kept = [active[i] for i in halving.survivors(own)]
                runs |= {i: _stopped(runs[i]) for i in active if i not in kept}
                following = next(later for later in (*rungs, steps) if later > rung)
                self.carry_over(candidates, active, kept, folder / f"to-{rung}", folder / f"to-{following}")
                active = kept
        return [runs[i] for i in range(len(candidates))]

    def carry_over(
        self, candidates: list[Candidate], active: list[int], kept: list[int], source: Path, target: Path
    ) -> None:
        """Pack the states of the survivors into new cohorts, as checkpoints from which the next rung goes on."""
        paths = [path for path in sorted(source.glob("*.safetensors")) if path.suffixes[0] == path.suffix]
        found = [state for path in paths if (state := Checkpoint(path).read()) is not None]
        survivors = [candidates[i] for i in kept]
        for indices in self.plan(survivors) if survivors else []:
            cohort = [survivors[i] for i in indices]
            path = self.checkpoint(target, cohort)
            if path is not None and not path.exists():
                Checkpoint(path).write(repack(found, _sorted(cohort)))

    def plan(self, candidates: list[Candidate]) -> list[list[int]]:
        """The cohorts of a list of candidates, as indices."""
        return plan_cohorts(candidates, image_shape(self.data), device=self.options["device"], jobs=self.workers)

    def checkpoint(self, folder: Path | None, cohort: Sequence[Candidate]) -> Path | None:
        """The file for the state of a cohort: one name for the same candidates, images and precision."""
        if folder is None:
            return None
        name = "\n".join((*self.identity, *(candidate.id for candidate in _sorted(cohort))))
        return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.safetensors"


def _sorted(cohort: Sequence[Candidate]) -> list[Candidate]:
    return sorted(cohort, key=lambda candidate: list(OBJECTIVES).index(candidate.objective))


def _stopped(run: Run) -> Run:
    return run if run.status == "diverged" else replace(run, status="stopped")
