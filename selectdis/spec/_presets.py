"""Presets: defaults for several keys of a study file at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["PRESETS", "with_preset"]

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {
        "training": {"steps": 3_000},
        "seeds": {"count": 3},
        "evaluation": {"metrics": ["fast"], "n_train": 2_000, "n_test": 1_000},
    },
    "good": {
        "training": {"steps": 50_000},
        "seeds": {"count": 5},
        "evaluation": {"metrics": ["paper"]},
    },
    "paper": {
        "training": {"steps": 300_000},
        "seeds": {"count": 50},
        "evaluation": {"metrics": ["all"]},
    },
}


def with_preset(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return `content` completed by the preset that it names; its own keys win, one level down as well."""
    preset, completed = content.get("preset"), dict(content)
    for key, values in PRESETS.get(preset, {}).items() if isinstance(preset, str) else ():
        own = content.get(key, {})
        completed[key] = {**values, **own} if isinstance(own, dict) else own
    return completed
