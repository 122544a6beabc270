"""Training: candidates in, runs out. Importing this package does not load torch; using its functions does."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from selectdis.training.candidate import Candidate, program_key

if TYPE_CHECKING:
    from selectdis.training.checkpoint import remove_checkpoint
    from selectdis.training.halving import Halving
    from selectdis.training.loop import train_cohort
    from selectdis.training.plan import cohort_size
    from selectdis.training.run import Run
    from selectdis.training.runtime import TrainingInterrupted
    from selectdis.training.trainer import train

__all__ = [
    "Candidate",
    "Halving",
    "Run",
    "TrainingInterrupted",
    "cohort_size",
    "program_key",
    "remove_checkpoint",
    "train",
    "train_cohort",
]

# Public name -> its module, loaded when first used: describing candidates must not cost the import of torch.
_HOME = {
    "Halving": "halving",
    "Run": "run",
    "TrainingInterrupted": "runtime",
    "cohort_size": "plan",
    "remove_checkpoint": "checkpoint",
    "train": "trainer",
    "train_cohort": "loop",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
