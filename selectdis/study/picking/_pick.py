"""A pick for somebody who has only pictures: the evidence takes the place of a proxy of one's own."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from selectdis._files import own_file
from selectdis.data import ImageDataset, load_dataset
from selectdis.data._label_table import Labels, labels_of_frame, read_labels
from selectdis.data._load import options_of
from selectdis.data.reading._pictures import MixedChannelsError
from selectdis.errors import SelectdisError
from selectdis.spec import EVIDENCE, KEPT, check_spec, default_part, parse_spec, read_spec
from selectdis.study._listener import Listener
from selectdis.study._study import Study
from selectdis.study._transfer import Transfer
from selectdis.study.picking._evidence import EvidenceProxy
from selectdis.training._runtime import slow_in_bf16

__all__ = ["labels_for", "pick", "pick_study"]

FEWEST = 20  # pictures: those that are held out, and a batch


def pick(
    data: str | Path | ImageDataset | np.ndarray,
    *,
    minutes: float = 60,
    labels: str | Path | pd.DataFrame | None = None,
    part: str | None = None,
    folder: str | Path | None = None,
    n_jobs: int | None = None,
    overrides: Sequence[str] = (),
    listeners: Sequence[Listener] = (),
    **options: Any,
) -> Transfer:
    """Train what the evidence says on images without labels, pick a run, and say how far to trust it.

    Parameters
    ----------
    data
        ``"folder:PATH"`` or another data set as `load_dataset` takes it.
    minutes
        For all of it on this machine; how many runs that is, is measured on a few steps. The same call again goes on
        where it stopped.
    labels
        A few labelled images, as `selectdis label` writes the table: then they pick.
    part
        Of the evidence: ``"dense16"``, ``"conv32"``; by default the one that was tried on the most families.
    folder
        Where everything is kept; by default ``runs/pick-NAME``.
    n_jobs
        Processes on this machine; by default one per core, or one on a GPU.
    overrides
        ``"KEY=VALUE"`` of a study file. What is then trained otherwise than the evidence has no number.
    listeners
        Told of what happens, beside MLflow.
    **options
        Of the loader of `data`.

    Returns
    -------
    Transfer
        ``.best`` is the picked run, ``.trust`` what is known of the rule that picked.

    Raises
    ------
    SelectdisError
        If the data cannot be used (fewer than 20 images), or no run can be picked.
    """
    study = pick_study(
        data, minutes=minutes, part=part, folder=folder, n_jobs=n_jobs, overrides=overrides, options=options
    )
    if labels is not None:
        labels_for(study, labels)  # what is wrong with them is said before anything is trained
    transfer = study.transfer(listeners=listeners)
    return transfer if labels is None else study.label(labels, target=transfer.target)


def pick_study(
    data: Any,
    *,
    minutes: float,
    part: str | None = None,
    folder: str | Path | None = None,
    n_jobs: int | None = None,
    overrides: Sequence[str] = (),
    options: dict[str, Any] | None = None,
) -> Study:
    """Return the study that `pick` trains; see there."""
    if not (isinstance(minutes, int | float) and 0 < minutes < float("inf")):
        raise SelectdisError(f"minutes must be a number above 0, found {minutes!r}")
    data = f"folder:{data}" if isinstance(data, Path) and data.is_dir() else data
    proxy = {"name": EVIDENCE, "part": part or default_part()}
    size = EvidenceProxy(check_spec({"name": "size", "proxy": proxy})).image_size
    name, target = _target(data, size, dict(options or {}))
    content = {"name": f"pick-{name}", "proxy": proxy, "target": target, "time_budget": float(minutes)}
    study = Study(content, folder=folder, n_jobs=n_jobs)
    if precision := _precision(study):
        study = Study({**content, "training": {"precision": precision}}, folder=folder, n_jobs=n_jobs)
    if overrides:  # of the text, so that what is wrong is named as it was given
        text = study.spec.model_dump_json(exclude_unset=True)
        spec = parse_spec(text, source="this pick", overrides=overrides)
        study = Study(spec, folder=study.folder, n_jobs=n_jobs)
        study.overrides = tuple(overrides)
    return study


def _precision(study: Study) -> str | None:
    """Return the precision of a pick where it is not that of the evidence: what its folder was begun with, or float32.

    The latter where the processor has bfloat16 in name only, and would take several times as long.
    """
    try:
        return read_spec(own_file(study.folder, KEPT), plugins=False).training.precision
    except SelectdisError:  # none is there, or it is damaged and is written anew
        slow = study.spec.training.precision == "bf16" and slow_in_bf16(study.spec.training.device)
        return "float32" if slow else None


def _target(data: Any, size: int, options: dict[str, Any]) -> tuple[str, Any]:
    """Return a name for the study, and its target: by name and options, or as an object; it is loaded to see."""
    if not isinstance(data, str):
        loaded = data if isinstance(data, ImageDataset) else load_dataset(data, **{"image_size": size, **options})
        _check_enough(loaded)
        return _plain(loaded.name), loaded
    if "image_size" in options_of(data):
        options = {"image_size": size, **options}
    try:
        loaded = load_dataset(data, **options)
    except MixedChannelsError:
        if "gray" in options:
            raise
        said = f"{data} holds pictures in grey and in colour: all are taken in colour (for grey: the option gray=true)"
        warnings.warn(said, stacklevel=3)
        options |= {"gray": False}
        loaded = load_dataset(data, **options)
    _check_enough(loaded)
    return _plain(data), {"name": data, **options}


def _check_enough(data: ImageDataset) -> None:
    if len(data) < FEWEST:
        raise SelectdisError(
            f"{data.name} has {len(data)} images that can be read: a pick needs at least {FEWEST}, and means little "
            "below some hundreds"
        )


def _plain(name: str) -> str:
    """Return a name for a study, from that of its data."""
    last = Path(name.partition(":")[2] or name).name
    return re.sub(r"[^A-Za-z0-9]+", "-", last).strip("-")[:60] or "images"


def labels_for(study: Study, labels: str | Path | pd.DataFrame) -> Labels:
    """Read labels of the target, so that a wrong one is said before anything is trained."""
    count = len(study.data.target().load())
    return labels_of_frame(labels, count) if isinstance(labels, pd.DataFrame) else read_labels(Path(labels), count)
