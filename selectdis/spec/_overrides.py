"""Values given beside the study file, such as ``training.steps=500``: they take the place of what the file says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from selectdis._redaction import redacted_text
from selectdis.errors import SelectdisError

__all__ = ["Override", "merged", "parse_overrides", "value_at"]

DEEPEST = 16  # keys in a row
# What a study file may write short, written out so that a part of it can be set: the key that the short value is of.
SHORT = {"seeds": "count", "proxy": "name", "target": "name"}


@dataclass(frozen=True)
class Override:
    """A key, as the way to it, and its value; `text` is what was typed."""

    path: tuple[str, ...]
    value: Any
    text: str

    def __str__(self) -> str:
        return redacted_text(self.text)

    def concerns(self, path: Sequence[Any]) -> bool:
        """Return whether `path` leads to what is set here, or into it, or to where it lies."""
        return all(mine == str(other) for mine, other in zip(self.path, path, strict=False))


def parse_overrides(texts: Iterable[str], parse: Callable[[str, str], Any]) -> list[Override]:
    """Read ``KEY=VALUE`` words; `parse` reads a value (YAML), and is told what messages call it.

    Raises
    ------
    SelectdisError
        If a word is none, its value is no YAML, or one takes back what another one before it sets.
    """
    found: list[Override] = []
    for text in texts:
        key, equals, value = text.partition("=")
        path = tuple(key.strip().split("."))
        if not equals or not all(path) or len(path) > DEEPEST:
            raise SelectdisError(
                f"an override reads KEY=VALUE, such as training.steps=500, found {redacted_text(text)!r:.200}"
            )
        for other in found:
            if path == other.path[: len(path)]:
                raise SelectdisError(f"the override {redacted_text(text)} takes back {other}: keep one of the two")
        found.append(Override(path, parse(value, f"the override {redacted_text(text)}"), text))
    return found


def merged(content: Mapping[str, Any], overrides: Iterable[Override]) -> dict[str, Any]:
    """Return `content` with each override's value at its key; what lies on the way is made where it is missing."""
    result = dict(content)
    for override in overrides:
        result = _with(result, override.path, override.value, ())
    return result


def _with(here: Any, path: tuple[str, ...], value: Any, done: tuple[str, ...]) -> Any:
    if not path:
        return value
    key, *rest = path
    here = _written_out(here, ".".join(done))
    if isinstance(here, list) and key.isdecimal() and int(key) < len(here):
        return [_with(one, tuple(rest), value, (*done, key)) if i == int(key) else one for i, one in enumerate(here)]
    if not isinstance(here, Mapping):
        found = f"a list of {len(here)}" if isinstance(here, list) else repr(here)
        raise SelectdisError(f"the study file has {found:.80} at {'.'.join(done)}, which has no {key!r} to set")
    return {**here, key: _with(here.get(key), tuple(rest), value, (*done, key))}


def _written_out(value: Any, key: str) -> Any:
    """Return a value that the study file writes short as the mapping that it stands for."""
    if value is None:
        return {}
    if key in SHORT and not isinstance(value, Mapping | list):
        return {SHORT[key]: value}
    if key in ("search.objective", "tracking") and isinstance(value, str | list):
        return {str(name): {} for name in ([value] if isinstance(value, str) else value)}
    return value


def value_at(content: Any, path: Sequence[str]) -> str:
    """Return what a study's plain `content` holds at `path` (or at the deepest key on the way), as text to compare."""
    for key in path:
        if not isinstance(content, Mapping) or key not in content:
            break
        content = content[key]
    return json.dumps(content, sort_keys=True, default=str)
