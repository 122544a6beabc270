"""Find disentanglement hyperparameters on labelled images, carry them to others, and know how far to trust the pick.

>>> import selectdis as sd
>>> study = sd.Study.from_file("studies/quickstart.yaml").run()       # doctest: +SKIP
>>> best = study.transfer(target="digits").best                        # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from selectdis import _moved

if TYPE_CHECKING:
    from selectdis import criteria, data, metrics, objectives, selection
    from selectdis._progress import set_progress
    from selectdis.data import ImageDataset, load_dataset
    from selectdis.errors import SelectdisError
    from selectdis.execution import train
    from selectdis.scoring import evaluate, rank_codes
    from selectdis.selection import Rule, arena, backtest, evidence
    from selectdis.study import Listener, Study, Transfer, pick
    from selectdis.tracking import MLflowListener
    from selectdis.training import Candidate, Run

# Public name -> its module. Loaded when first used: torch, Optuna and MLflow take seconds to import.
_HOME = {
    "Candidate": "selectdis.training",
    "ImageDataset": "selectdis.data",
    "Listener": "selectdis.study",
    "MLflowListener": "selectdis.tracking",
    "Rule": "selectdis.selection",
    "Run": "selectdis.training",
    "SelectdisError": "selectdis.errors",
    "Study": "selectdis.study",
    "Transfer": "selectdis.study",
    "arena": "selectdis.selection",
    "backtest": "selectdis.selection",
    "evaluate": "selectdis.scoring",
    "evidence": "selectdis.selection",
    "load_dataset": "selectdis.data",
    "pick": "selectdis.study",
    "rank_codes": "selectdis.scoring",
    "set_progress": "selectdis._progress",
    "train": "selectdis.execution",
}
_PACKAGES = ("criteria", "data", "metrics", "objectives", "selection")

__version__ = "0.2.0"
__all__ = [  # noqa: RUF022 - the lazy names and the packages, each in order
    "Candidate", "ImageDataset", "Listener", "MLflowListener", "Rule", "Run", "SelectdisError", "Study", "Transfer",
    "arena", "backtest", "evaluate", "evidence", "load_dataset", "pick", "rank_codes", "set_progress", "train",
    "criteria", "data", "metrics", "objectives", "selection",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    elif name in _PACKAGES:
        value = import_module(f"selectdis.{name}")
    else:
        raise AttributeError(f"module 'selectdis' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


_moved.install()
