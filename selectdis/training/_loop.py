"""The training of one cohort: steps, curves, checkpoints, and what to do when something goes wrong."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from selectdis._signals import interruptible
from selectdis.errors import SelectdisError
from selectdis.training._arguments import check_one_program, checked
from selectdis.training._candidate import Candidate, objective_rank
from selectdis.training._checkpoint import Checkpoint
from selectdis.training._cohort import Cohort, ComputeSettings
from selectdis.training._images import image_shape
from selectdis.training._memory import is_out_of_memory
from selectdis.training._program import CODEBOOK
from selectdis.training._run import Run
from selectdis.training._runtime import TrainingInterrupted, compute_settings, torch_settings, trim_heap

__all__ = ["Progress", "TrainingOptions", "train_cohort"]

Progress = Callable[[int, int], None]

SETTLE_EVERY = 50  # steps between looks at the losses, which on a GPU wait for the device
CHECKPOINT_SECONDS = 300.0
PROGRESS_SECONDS = 0.2
POINTS = 100  # on a curve, by default
COMMON_TERMS = ("loss", "reconstruction")
KL_TERMS = ("kl", "kl_per_latent")


@dataclass(frozen=True)
class TrainingOptions:
    """How a cohort is trained, apart from what it trains on."""

    steps: int
    compute: ComputeSettings
    checkpoint_every: int | None = None
    curve_every: int | None = None
    on_progress: Progress | None = None
    should_stop: Callable[[], bool] | None = None
    at: Sequence[int] = ()
    on_the_way: Callable[[list[Run]], None] | None = None

    @property
    def points_every(self) -> int:
        """Steps between two points of a curve."""
        return self.curve_every or max(1, self.steps // POINTS)


def train_cohort(
    candidates: Sequence[Candidate],
    data: Any,
    *,
    steps: int,
    device: str = "auto",
    precision: str = "float32",
    compile: bool = False,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    curve_every: int | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
    at: Sequence[int] = (),
    on_the_way: Callable[[list[Run]], None] | None = None,
) -> list[Run]:
    """Train candidates of one architecture as one program, in this process; see `train`.

    Parameters
    ----------
    candidates, data, steps, device, precision, compile, checkpoint_every, curve_every, on_progress
        As there.
    checkpoint
        File of the state. Where it exists, training goes on from it; the file stays when training is complete, so
        that a second call returns at once.
    should_stop
        Asked after every step; true ends the training as Ctrl-C does.
    at, on_the_way
        After each of these steps the callable is given the runs as they are then, of the cohort or of each half.

    Raises
    ------
    SelectdisError
        If the candidates do not fit together, or one candidate alone needs too much memory.
    TrainingInterrupted
        On Ctrl-C, once the step is done and saved.
    """
    candidates, steps, checkpoint_every, curve_every = checked(candidates, data, steps, checkpoint_every, curve_every)
    check_one_program(candidates)
    compute = compute_settings(device, precision, compile)
    options = TrainingOptions(steps, compute, checkpoint_every, curve_every, on_progress, should_stop, at, on_the_way)
    file = None if checkpoint is None else Path(checkpoint)
    with torch_settings(options.compute):
        return _train_or_halve(candidates, data, options, file)


def _train_or_halve(candidates: list[Candidate], data: Any, options: TrainingOptions, file: Path | None) -> list[Run]:
    """Train; where memory runs out, train each half alone, from its own checkpoint or from the start."""
    try:
        return _train_sorted(candidates, data, options, file)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        if len(candidates) == 1:
            raise SelectdisError(
                f"there is not enough memory to train one candidate, {candidates[0].id} ({_first_line(error)}); "
                "use a smaller batch_size or width, or another device"
            ) from error
    _give_back_memory(options.compute)
    middle = (len(candidates) + 1) // 2
    runs: list[Run] = []
    for part, half in (("a", candidates[:middle]), ("b", candidates[middle:])):
        own = None if file is None else Checkpoint(file).half(part).path
        runs += _train_or_halve(half, data, options, own)
    return runs


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).split("\n")[0][:200]


def _give_back_memory(compute: ComputeSettings) -> None:
    """Give back what a failed cohort held: its tensors, and on a device the memory of its CUDA graphs."""
    gc.collect()
    if compute.device.type == "cpu":
        trim_heap()
        return
    torch.cuda.empty_cache()


def _train_sorted(candidates: list[Candidate], data: Any, options: TrainingOptions, file: Path | None) -> list[Run]:
    order = sorted(range(len(candidates)), key=lambda i: objective_rank(candidates[i]))
    training = Training([candidates[i] for i in order], data, options, file)
    with interruptible() as flag:
        training.go(lambda: flag.requested)
    runs = dict(zip(order, training.runs(), strict=True))
    return [runs[i] for i in range(len(candidates))]


class Training:
    """A cohort on its way to its last step."""

    def __init__(self, candidates: list[Candidate], data: Any, options: TrainingOptions, file: Path | None) -> None:
        self.cohort = Cohort(candidates, data, options.compute)
        self.options = options
        self.checkpoint = None if file is None else Checkpoint(file)
        self._before = self._restored()
        self._started = self._saved = self._reported = time.monotonic()

    def _restored(self) -> float:
        """Return the seconds that were spent before, where there is a state to go on from."""
        if self.checkpoint is None:
            return 0.0
        seconds = self.checkpoint.restore(self.cohort) or 0.0
        if self.cohort.step_count > self.options.steps:
            raise SelectdisError(
                f"the checkpoint {self.checkpoint.path} is at step {self.cohort.step_count}, beyond the "
                f"{self.options.steps} asked for; ask for at least as many, or give another checkpoint path"
            )
        return seconds

    @property
    def seconds(self) -> float:
        """Time spent on this cohort, earlier sittings included."""
        return self._before + time.monotonic() - self._started

    def go(self, interrupted: Callable[[], bool]) -> None:
        """Step to the end, or to the step during which somebody asked to stop."""
        steps, cohort = self.options.steps, self.cohort
        done_before = cohort.step_count
        while cohort.step_count < steps and bool(cohort.alive_count):
            cohort.step()
            self._after_step()
            if interrupted() or (self.options.should_stop is not None and self.options.should_stop()):
                self._interrupt()
        cohort.settle_failures()
        cohort.settle_broken_weights()
        if self.checkpoint and cohort.step_count > done_before:
            self.checkpoint.save(cohort, self.seconds)
        self._report(force=True)

    def _after_step(self) -> None:
        cohort, step = self.cohort, self.cohort.step_count
        last = step == self.options.steps
        if step % SETTLE_EVERY == 0 or last:
            cohort.settle_failures()
        if step % self.options.points_every == 0 or last:
            cohort.curves.close_point(step)
        if step in self.options.at and self.options.on_the_way is not None:
            cohort.settle_failures()
            self.options.on_the_way(self.runs())
        if self.checkpoint and not last and self._checkpoint_due(step):
            self.checkpoint.save(cohort, self.seconds)
            self._saved = time.monotonic()
        self._report()

    def _checkpoint_due(self, step: int) -> bool:
        if self.options.checkpoint_every:
            return step % self.options.checkpoint_every == 0
        return time.monotonic() - self._saved > CHECKPOINT_SECONDS

    def _report(self, *, force: bool = False) -> None:
        if self.options.on_progress is None or not (force or time.monotonic() - self._reported > PROGRESS_SECONDS):
            return
        self._reported = time.monotonic()
        count = len(self.cohort.candidates)
        done = self.options.steps if force else self.cohort.step_count
        self.options.on_progress(done * count, self.options.steps * count)

    def _interrupt(self) -> None:
        step, steps = self.cohort.step_count, self.options.steps
        if self.checkpoint is None:
            how = "nothing was saved; give a checkpoint (train: checkpoint_dir) to be able to go on"
        elif self.checkpoint.save(self.cohort, self.seconds):
            how = f"saved in {self.checkpoint.path}; call again with the same arguments to go on from there"
        else:
            how = f"this step could not be saved in {self.checkpoint.path}; a call goes on from what is there"
        raise TrainingInterrupted(f"training stopped after step {step} of {steps}: {how}")

    def runs(self) -> list[Run]:
        """Return the trained candidates, in the order of the cohort."""
        failed = [int(step) if step >= 0 else None for step in self.cohort.failed_step.tolist()]
        share = self.seconds / len(failed)
        return [self._run(row, failed[row], share) for row in range(len(failed))]

    def _run(self, row: int, failed: int | None, seconds: float) -> Run:
        cohort = self.cohort
        candidate = cohort.candidates[row]
        status: Literal["complete", "diverged"] = "complete" if failed is None else "diverged"
        objective = candidate.specification
        terms = (*COMMON_TERMS, *(KL_TERMS if objective.has_kl else ()), *objective.terms)
        terms += ("discriminator",) if objective.adversary else ()
        return Run(
            candidate=candidate,
            dataset=str(getattr(cohort.data, "name", "")),
            image_shape=image_shape(cohort.data),
            steps=cohort.step_count if failed is None else failed,
            status=status,
            failed_step=failed,
            curves=cohort.curves.of(row, terms, failed),
            seconds=seconds,
            image_fit=str(getattr(cohort.data, "image_fit", "")),
            image_scaling=getattr(cohort.data, "scaling", "type"),
            parameters={
                name: weight[row].detach().cpu().clone()
                for name, weight in (cohort.weights | cohort.buffers).items()
                if name != CODEBOOK or objective.codebook is not None  # a neighbour's, else
            },
        )
