"""What a worker is told to do, where it leaves its files, and how it hears that it should stop."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from selectdis.data._reference import DataReference
from selectdis.spec import EvaluationSpec, TrainingSpec
from selectdis.training import Candidate

__all__ = ["CohortJob", "ignore_interrupts", "stop_asked"]

STOP_SECONDS = 0.5


@dataclass(frozen=True)
class CohortJob:
    """Candidates to train together on one data set, how, and the study's folder for the files."""

    candidates: tuple[Candidate, ...]
    data: DataReference
    stage: str
    training: TrainingSpec
    evaluation: EvaluationSpec
    folder: str
    stop: str = ""  # a file that the driver makes to ask for the end
    parent: int = 0  # the driver's process, where the worker is a child that must not outlive it

    @property
    def checkpoint(self) -> Path:
        digest = hashlib.sha256(" ".join(candidate.id for candidate in self.candidates).encode()).hexdigest()[:16]
        return Path(self.folder) / "checkpoints" / self.data.slug / f"{digest}.safetensors"


def stop_asked(job: CohortJob) -> Callable[[], bool]:
    """Whether the driver left word to stop, or is no longer there; looked up once in a while."""
    last, stopped = 0.0, False

    def asked() -> bool:
        nonlocal last, stopped
        if not stopped and time.monotonic() - last > STOP_SECONDS:
            last = time.monotonic()
            stopped = os.path.exists(job.stop) or job.parent not in (0, os.getppid())
        return stopped

    return asked


def ignore_interrupts() -> None:
    """In a worker process: Ctrl-C reaches every process of a terminal; the driver decides, and leaves a stop file."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
