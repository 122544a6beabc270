"""Training of any candidates: sorted into cohorts, shared among processes."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from selectdis._progress import hidden, progress_bar
from selectdis.data import ImageDataset
from selectdis.errors import renamed
from selectdis.execution._plan import plan_cohorts, worker_count
from selectdis.execution._pool import run_tasks
from selectdis.execution._stop import PoolInterrupted, StopSignal, stop_on_interrupt
from selectdis.objectives import takes_pairs
from selectdis.training._arguments import checked
from selectdis.training._candidate import Candidate, sorted_candidates
from selectdis.training._checkpoint import descriptions_in, ids_of
from selectdis.training._images import fingerprint, image_shape, in_memory, pairs_of
from selectdis.training._loop import POINTS, Progress, train_cohort
from selectdis.training._run import Run
from selectdis.training._runtime import TrainingInterrupted, compute_settings

__all__ = ["train"]

REPORT_SECONDS = 0.2


@dataclass(frozen=True)
class TrainingImages:
    """What training needs of a data set; an array of images travels to other processes as a memory-map."""

    name: str
    images: Any
    fresh: Any = None
    pairs: Any = None
    image_fit: str = ""
    scaling: Any = "type"


@dataclass(frozen=True)
class CohortTask:
    """One cohort to train."""

    number: int
    candidates: tuple[Candidate, ...]
    checkpoint: Path | None


@renamed(jobs="n_jobs")
def train(
    candidates: Sequence[Candidate],
    data: Any,
    *,
    steps: int,
    device: str = "auto",
    precision: str = "float32",
    compile: bool = False,
    n_jobs: int = 1,
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
        Send the passes of a step through torch.compile on CPU; on a CUDA device a step is one CUDA graph in any case.
        Where compiling does not work, training goes on without it and says so in a warning.
    n_jobs
        Processes of one thread each, on CPU; -1 for one per core.
    checkpoint_dir
        Folder for the states of the cohorts. A training that was killed goes on from them when it is called again with
        the same candidates. The files stay; remove the folder when the runs are saved.
    checkpoint_every
        Steps between checkpoints; by default every five minutes.
    curve_every
        Steps between two points of a curve; by default a hundredth of the steps.
    on_progress
        ``(done, total)`` in steps of candidates, in place of the progress bar; with several processes it is called from
        a thread.

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
    compute = compute_settings(device, precision, compile)
    workers = worker_count(n_jobs) if compute.device.type == "cpu" else 1
    if not candidates:
        return []
    if isinstance(data, ImageDataset):
        data.draw_once()
    options = {
        "steps": steps,
        "device": str(compute.device),
        "precision": precision,
        "compile": compile,
        "checkpoint_every": checkpoint_every,
        "curve_every": curve_every or max(1, steps // POINTS),
    }
    states = None if checkpoint_dir is None else States(Path(checkpoint_dir), (fingerprint(data), precision))
    cohorts = plan_cohorts(
        candidates,
        image_shape(data),
        device=compute.device,
        n_jobs=workers,
        interrupted=states.cohorts() if states else (),
        precision=precision,
        n_images=len(data.images),
    )
    tasks = [
        CohortTask(number, own, None if states is None else states.path(own))
        for number, own in enumerate(tuple(candidates[i] for i in cohort) for cohort in cohorts)
    ]
    with progress_bar("steps") if on_progress is None else nullcontext(hidden) as show:
        if show is not hidden:
            on_progress = partial(show, f"training {len(candidates)} candidates")
        runs = _run_tasks(tasks, data, options, workers, on_progress)
    placed = {i: run for cohort, own in zip(cohorts, runs, strict=True) for i, run in zip(cohort, own, strict=True)}
    return [placed[i] for i in range(len(candidates))]


class States:
    """The checkpoints in a folder that belong to one data set and precision (`identity`: fingerprint, precision)."""

    def __init__(self, folder: Path, identity: tuple[str, str]) -> None:
        self.folder, self.identity = folder, identity

    def cohorts(self) -> Iterator[list[str]]:
        """Ids of the candidates of each cohort with a checkpoint of its own."""
        for path, description in descriptions_in(self.folder):
            ids = ids_of(description)
            own = (description.get("images"), description.get("precision")) == self.identity
            if own and path.name == self._name(ids):
                yield ids

    def path(self, cohort: Sequence[Candidate]) -> Path:
        """Return the file for the state of a cohort: one name for the same candidates, images and precision."""
        return self.folder / self._name([candidate.id for candidate in sorted_candidates(cohort)])

    def _name(self, ids: Sequence[str]) -> str:
        name = "\n".join((*self.identity, *ids))
        return f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.safetensors"


def _run_tasks(
    tasks: Sequence[CohortTask], data: Any, options: dict[str, Any], n_jobs: int, on_progress: Progress | None
) -> list[list[Run]]:
    """Return the runs of each cohort, trained in this process or in `n_jobs` others."""
    total = options["steps"] * sum(len(task.candidates) for task in tasks)
    fresh = getattr(data, "fresh", None)
    if fresh is not None:  # then nobody looks at all of the images, but at what they are drawn on
        fresh = replace(fresh, base=in_memory(fresh.base))
    paired = any(takes_pairs(candidate.objective) for task in tasks for candidate in task.candidates)
    images = TrainingImages(
        str(getattr(data, "name", "")),
        data.images if fresh is not None else in_memory(data.images),
        fresh,
        pairs_of(data) if paired else None,
        str(getattr(data, "image_fit", "")),
        getattr(data, "scaling", "type"),
    )
    with tempfile.TemporaryDirectory(prefix="selectdis-") as folder:
        # Candidate-steps done by each cohort, in a file that all processes see.
        done = np.memmap(f"{folder}/done", dtype=np.int64, mode="w+", shape=(len(tasks),))
        here = n_jobs == 1 or len(tasks) == 1
        report = None if on_progress is None else lambda: on_progress(int(done.sum()), total)
        work = partial(_train_cohort, data=images, options=options, done=done, report=report if here else None)
        results: dict[int, list[Run]] = {}
        try:
            with nullcontext() if here or report is None else _regularly(report), stop_on_interrupt(folder) as stop:
                for task, runs in run_tasks(tasks, work, stop, n_jobs=n_jobs):
                    results[task.number] = runs
        except PoolInterrupted:
            raise TrainingInterrupted(_interrupted_message(tasks, len(results))) from None
    return [results[task.number] for task in tasks]


def _train_cohort(
    task: CohortTask,
    stop: StopSignal,
    *,
    data: TrainingImages,
    options: dict[str, Any],
    done: np.ndarray,
    report: Callable[[], None] | None,
) -> list[Run]:
    def note(steps: int, _: int) -> None:
        done[task.number] = steps
        if report is not None:
            report()

    return train_cohort(
        task.candidates, data, checkpoint=task.checkpoint, on_progress=note, should_stop=stop, **options
    )


def _interrupted_message(tasks: Sequence[CohortTask], done: int) -> str:
    message = f"training stopped with {done} of {len(tasks)} cohorts complete: "
    if tasks[0].checkpoint is None:
        return message + "nothing was saved; give a checkpoint_dir to be able to go on"
    return message + f"saved in {tasks[0].checkpoint.parent}; call again with the same arguments to go on from there"


@contextmanager
def _regularly(report: Callable[[], None]) -> Iterator[None]:
    """Call `report` from a thread while the main one waits for results, and once at a good end."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(REPORT_SECONDS):
            report()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    report()
