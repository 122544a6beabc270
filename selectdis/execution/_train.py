"""Training of any candidates: sorted into cohorts, shared among processes, halved on the way if asked to."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from selectdis.execution._plan import plan_cohorts, worker_count
from selectdis.execution._training_pool import CohortTask, run_tasks
from selectdis.training._arguments import checked
from selectdis.training._candidate import Candidate, sorted_candidates
from selectdis.training._checkpoint import descriptions_in, ids_of
from selectdis.training._images import fingerprint, image_shape
from selectdis.training._loop import POINTS, Progress
from selectdis.training._run import Run
from selectdis.training._runtime import place_of

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
        the same candidates. The files stay; remove the folder when the runs are saved.
    checkpoint_every
        Steps between checkpoints; by default every five minutes.
    curve_every
        Steps between two points of a curve; by default a hundredth of the steps.
    on_progress
        ``(done, total)`` in steps of candidates; with several jobs it is called from a thread.

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
    candidates, steps, checkpoint_every, curve_every = checked(candidates, data, steps, checkpoint_every, curve_every)
    place = place_of(device, precision, compile)
    options = {
        "device": str(place.device),
        "precision": precision,
        "compile": compile,
        "checkpoint_every": checkpoint_every,
        "curve_every": curve_every or max(1, steps // POINTS),
    }
    workers = worker_count(jobs)
    trainer = Trainer(data, options, workers if place.device.type == "cpu" else 1)
    folder = None if checkpoint_dir is None else Path(checkpoint_dir)
    return trainer.to_step(candidates, steps, folder, on_progress)


class Trainer:
    """Trains lists of candidates with one set of options."""

    def __init__(self, data: Any, options: dict[str, Any], workers: int) -> None:
        self.data, self.options, self.workers = data, options, workers
        self.identity = (fingerprint(data), str(options["precision"]))

    def to_step(
        self, candidates: list[Candidate], steps: int, folder: Path | None, on_progress: Progress | None = None
    ) -> list[Run]:
        """All candidates trained to `steps`, or from their checkpoints in `folder` on."""
        if not candidates:
            return []
        cohorts = self.cohorts(candidates, folder)
        tasks = [
            CohortTask(tuple(cohort), steps, self.checkpoint(folder, cohort), self.options)
            for cohort in ([candidates[i] for i in indices] for indices in cohorts)
        ]
        results = run_tasks(tasks, self.data, jobs=self.workers, on_progress=on_progress)
        runs = {
            i: run for indices, own in zip(cohorts, results, strict=True) for i, run in zip(indices, own, strict=True)
        }
        return [runs[i] for i in range(len(candidates))]

    def cohorts(self, candidates: list[Candidate], folder: Path | None) -> list[list[int]]:
        """Indices of the candidates of each cohort: those that a checkpoint waits for as they were, then new ones."""
        waiting: dict[str, list[int]] = {}
        for i, candidate in enumerate(candidates):
            waiting.setdefault(candidate.id, []).append(i)
        cohorts = []
        for ids in self._interrupted(folder):
            if all(len(waiting.get(name, ())) >= count for name, count in Counter(ids).items()):
                cohorts.append([waiting[name].pop(0) for name in ids])
        rest = sorted(i for indices in waiting.values() for i in indices)
        new = plan_cohorts(
            [candidates[i] for i in rest], image_shape(self.data), device=self.options["device"], jobs=self.workers
        )
        return cohorts + [[rest[i] for i in indices] for indices in new]

    def _interrupted(self, folder: Path | None) -> Iterator[list[str]]:
        """Ids of the candidates of each cohort with a checkpoint of its own."""
        for path, description in self.states(folder):
            ids = ids_of(description)
            if path.name == self._name(ids):
                yield ids

    def states(self, folder: Path | None) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The checkpoints in a folder that belong to these images and this precision, with their descriptions."""
        for path, description in descriptions_in(folder):
            if (description.get("images"), description.get("precision")) == self.identity:
                yield path, description

    def checkpoint(self, folder: Path | None, cohort: Sequence[Candidate]) -> Path | None:
        """The file for the state of a cohort: one name for the same candidates, images and precision."""
        return (
            None if folder is None else folder / self._name([candidate.id for candidate in sorted_candidates(cohort)])
        )

    def _name(self, ids: Sequence[str]) -> str:
        name = "\n".join((*self.identity, *ids))
        return f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.safetensors"
