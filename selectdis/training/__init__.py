"""Training: candidates in, runs out. Importing this package does not load torch; using its functions does."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from selectdis.training._candidate import Candidate, program_key

if TYPE_CHECKING:
    from selectdis.training._checkpoint import remove_checkpoint
    from selectdis.training._loop import train_cohort
    from selectdis.training._run import Run
    from selectdis.training._runtime import TrainingInterrupted

__all__ = [
    "Candidate",
    "Run",
    "TrainingInterrupted",
    "program_key",
    "remove_checkpoint",
    "train_cohort",
]

# Public name -> its module, loaded when first used: describing candidates must not cost the import of torch.
_HOME = {
    "Run": "_run",
    "TrainingInterrupted": "_runtime",
    "remove_checkpoint": "_checkpoint",
    "train_cohort": "_loop",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
