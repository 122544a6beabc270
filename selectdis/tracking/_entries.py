"""From records and runs to what MLflow holds: parameters, metrics, curves and tags. Plain dicts, fit for JSON."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from selectdis._redaction import redacted_text
from selectdis.data import ImageDataset
from selectdis.records import STRENGTH, is_score, objective_label

__all__ = [
    "CURVE_POINTS",
    "CurvePoint",
    "curve_points",
    "dataset_entry",
    "digest_of",
    "metric_key",
    "number_or_zero",
    "parameters",
    "run_tags",
    "scores",
    "status_of",
]

Record = Mapping[str, Any]

CURVE_POINTS = 100  # a curve of a chart is no smoother with more, and each costs a row in the database
# What a run ended with, and who it is: no settings that runs are compared by.
_NO_PARAMETERS = (
    *("status", "failed_step", "seconds", "error", "candidate", "configuration", "trial"),
    *("scores_version", "protocol", "n.criteria", "n.held_out", "n.probe", "n.train", "n.test"),
)
_STATUS = {"complete": "FINISHED", "stopped": "KILLED", "diverged": "FAILED", "failed": "FAILED"}
_FORBIDDEN = re.compile(r"[^\w\-. /:]", re.ASCII)
_MAX_TAG, _MAX_PARAMETER = 5_000, 6_000  # characters that MLflow takes


class CurvePoint(NamedTuple):
    """One value of a training curve."""

    key: str
    value: float
    step: int


def parameters(record: Record, strengths: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the parameters of a run, by the same names for every run: a strength that it lacks is ``NaN``.

    MLflow's compare, chart and parallel-coordinates views leave out runs that lack a parameter of the others. The
    configuration is a tag: as a parameter it would be the first axis of each of them, and say nothing.
    """
    names = [name for name, value in record.items() if _is_parameter(name, value)]
    every = dict.fromkeys([*names, *(f"strength.{name}" for name in strengths)])
    return {_key(name): _text(record.get(name, math.nan))[:_MAX_PARAMETER] for name in every}


def scores(record: Record) -> dict[str, float]:
    """Metrics and criteria, finite ones only, as ``metric/mig``: the slash makes MLflow group its charts."""
    found = {metric_key(name): float(value) for name, value in record.items() if is_score(name) and _is_finite(value)}
    for name in ("seconds", "failed_step"):
        if _is_finite(record.get(name)):
            found[f"run/{name}"] = float(record[name])
    return found


def metric_key(column: str) -> str:
    """``criterion.udr_lasso`` -> ``criterion/udr_lasso``."""
    return _key(column.replace(".", "/", 1))


def curve_points(curves: Mapping[str, np.ndarray], *, points: int = CURVE_POINTS) -> list[CurvePoint]:
    """Return some values of each curve, evenly spread and with the last one; what is not finite is left out.

    Parameters
    ----------
    curves : mapping
        ``step`` (k,) and curves of the same length; those of more than one dimension are skipped.
    points : int
        How many of each, at most.

    Returns
    -------
    list of CurvePoint
    """
    steps = np.asarray(curves.get("step", ()))
    if steps.size == 0:
        return []
    picked = np.unique(np.linspace(0, len(steps) - 1, min(points, len(steps))).round().astype(int))
    return [
        CurvePoint(f"curve/{_key(name)}", float(values[i]), int(steps[i]))
        for name, values in sorted(curves.items())  # a file gives them in any order
        if name != "step" and np.shape(values) == steps.shape
        for i in picked
        if np.isfinite(values[i])
    ]


def run_tags(record: Record, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a candidate's run: who it is, how it ended, and where it ran."""
    tags = {f"selectdis.{name}": _text(record[name]) for name in ("candidate", "configuration") if name in record}
    for name in ("status", "error"):
        if record.get(name) and not _is_nan(record[name]):
            tags[f"selectdis.{name}"] = redacted_text(_text(record[name]))[:_MAX_TAG]
    return {**environment, **tags, "mlflow.note.content": _note(record)}


def status_of(record: Record) -> str:
    """Return MLflow's word for how a run ended."""
    return _STATUS.get(str(record.get("status")), "FINISHED")


def dataset_entry(data: ImageDataset, context: str) -> dict[str, str]:
    """Return a data set as MLflow's input: name, digest, source, and the shape in the form that its pages show."""
    c, h, w = data.image_shape
    spec = {"name": "images", "type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, c, h, w]}}
    factors = dict(zip(data.factor_names, data.factor_sizes, strict=True))
    profile = {"images": len(data), "image_shape": [c, h, w], "labelled": data.labelled, "factors": factors}
    return {
        "name": data.name[:500],
        "digest": data.fingerprint[:36],
        "source_type": "selectdis",
        "source": redacted_text(json.dumps({"name": data.name, "source": data.source or data.name})),
        "schema": json.dumps({"mlflow_tensorspec": {"features": json.dumps([spec]), "targets": None}}),
        "profile": json.dumps(profile),
        "context": context,
    }


def number_or_zero(value: Any) -> float:
    """Return `value` as a number; 0 where it is none."""
    return float(value) if _is_finite(value) else 0.0


def digest_of(content: Any) -> str:
    """Return a short hex digest of JSON-able `content`: equal for equal content."""
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_parameter(name: str, value: Any) -> bool:
    scalar = value is None or isinstance(value, str | int | float | np.generic)
    return scalar and name not in _NO_PARAMETERS and not is_score(name)


def _note(record: Record) -> str:
    strengths = ", ".join(
        f"{name.removeprefix(STRENGTH)} {value:g}"
        for name, value in record.items()
        if name.startswith(STRENGTH) and _is_finite(value)
    )
    state = str(record.get("status", "complete"))
    if state == "diverged" and _is_finite(record.get("failed_step")):
        state += f" at step {int(record['failed_step'])}"
    objective = objective_label(str(record.get("objective", "run")))
    return (
        f"**{objective}** ({strengths or 'no strength'}), seed {record.get('seed')}, "
        f"on {record.get('dataset')}: {state}."
    )


def _key(name: str) -> str:
    return _FORBIDDEN.sub("_", name)[:250]


def _text(value: Any) -> str:
    if value is None or _is_nan(value):
        return "NaN"
    if isinstance(value, np.generic):
        value = value.item()
    return format(value, ".12g") if isinstance(value, float) else str(value)


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool) and bool(np.isfinite(value))


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))
