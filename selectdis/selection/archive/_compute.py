"""A criterion computed on what is published of every run: one of somebody's own, or one that selectdis has."""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from selectdis._arrays import DegenerateWarning
from selectdis.criteria import CRITERIA, TO_TRY, Criterion, HeldOut, Pool, TrainedPool
from selectdis.errors import SelectdisError
from selectdis.selection.archive._codes import trained_pools

__all__ = ["can_compute", "computed", "functions_in"]

Function = Callable[[Any], Any]
TAKES = ("run", "pool")
LIKELIHOOD = ("reconstruction", "elbo")  # they need images, which are not published


def functions_in(path: Path) -> dict[str, Function]:
    """Return the criteria that a Python file defines: its public functions whose one argument is `run` or `pool`.

    Raises
    ------
    SelectdisError
        If the file cannot be run, or defines none.
    """
    if not path.is_file():
        raise SelectdisError(f"{path} is no file: give a Python file with a function of `run` or `pool`")
    spec = importlib.util.spec_from_file_location(f"arena_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise SelectdisError(f"{path} is no Python file: its name ends in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise SelectdisError(f"{path} cannot be run ({type(error).__name__}: {error})") from None
    own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    found = {name: value for name, value in own.items() if not name.startswith("_") and takes(value) is not None}
    if not found:
        raise SelectdisError(f"{path} defines no function of one argument called `run` or `pool`: see docs/evidence.md")
    return found


def takes(function: Any) -> str | None:
    """Return whether a function is one of a `run` or of a `pool`: what its first and only needed argument is called."""
    if not inspect.isfunction(function):
        return None
    needed = [p.name for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    return needed[0] if len(needed) == 1 and needed[0] in TAKES else None


def can_compute(criterion: Criterion) -> bool:
    """Whether a criterion that selectdis has can be made from what is published beside the records."""
    return criterion.needs != "decoder" and criterion.name not in LIKELIHOOD


def computed(
    name: str, what: Function | Criterion, records: pd.DataFrame, part: str, folder: Path | None = None
) -> pd.Series:
    """Return a criterion of each run of `records`, of one part; NaN where nothing is published beside the record.

    Raises
    ------
    SelectdisError
        If the function fails, or gives another thing than a number for each run.
    """
    values = pd.Series(np.nan, index=records.index)
    for rows, pool in trained_pools(records, part, folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DegenerateWarning)
            found = _of_pool(name, what, pool)
        values.loc[rows] = found
    return values


def _of_pool(name: str, what: Function | Criterion, pool: TrainedPool) -> np.ndarray:
    if isinstance(what, Criterion):
        return _of_ours(name, what, pool)
    try:
        raw = what(pool) if takes(what) == "pool" else [what(run) for run in pool]
    except (Exception, SystemExit) as error:
        raise SelectdisError(f"the criterion {name!r} failed ({type(error).__name__}: {error})") from error
    try:
        values = np.asarray(raw, dtype=float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (len(pool),):
        raise SelectdisError(
            f"the criterion {name!r} must give one number for each of {len(pool)} runs, found {_found(raw)}; NaN where "
            "it has none (a function that is no criterion has a name that begins with an underscore)"
        )
    return values


def _found(raw: Any) -> str:
    """Say what a function gave in place of numbers."""
    kinds = sorted({type(value).__name__ for value in raw}) if isinstance(raw, list) else [type(raw).__name__]
    try:
        return f"{' and '.join(kinds)}, in all of shape {np.shape(raw)}"
    except ValueError:
        return f"{' and '.join(kinds)} of several sizes"


def _of_ours(name: str, criterion: Criterion, pool: TrainedPool) -> np.ndarray:
    if criterion.needs == "pool":
        return np.asarray(
            criterion.compute(Pool(pool.mean, pool.kl, pool.active, pool.configurations))[name], dtype=float
        )
    if criterion.needs == "trained":
        return np.array([criterion.compute(run)[name] for run in pool])
    values = []
    for run in pool:
        kl = run.kl[np.newaxis]
        if criterion.needs_kl and np.isnan(kl).any():
            values.append(np.nan)
        else:
            values.append(criterion.compute(HeldOut(run.mean, np.zeros(1), kl, run.active))[name])
    return np.array(values)


def criterion_of(name: str) -> Criterion | None:
    """Return the criterion that gives the score `name`."""
    return next((one for one in (*CRITERIA.values(), *TO_TRY.values()) if name in one.produces), None)
