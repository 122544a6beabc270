"""Jobs anywhere: in this process, on this machine's processes, or on Dask."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from selectdis.execution._plan import cohort_size
    from selectdis.execution._train import train

__all__ = ["cohort_size", "train"]

# Public name -> its module, loaded when first used: torch takes seconds to import.
_HOME = {"cohort_size": "_plan", "train": "_train"}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
