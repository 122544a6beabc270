"""Mistakes in a study file that a rule finds below the key that pydantic names: they carry the way to the culprit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from selectdis.errors import SelectdisError, nearest

__all__ = ["Mistake", "check_name", "check_values"]


class Mistake(ValueError):
    """A broken rule; `path` holds the keys that lead to it from where it is raised."""

    def __init__(self, message: str, path: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


def check_name(what: str, name: str, known: Iterable[str], path: tuple[str, ...]) -> None:
    """Refuse a `name` that is not `known`, and offer the nearest."""
    if name not in (names := tuple(known)):
        hint = nearest(name, names) or f"; known: {', '.join(names)}"
        raise Mistake(f"unknown {what} {name!r}{hint}", path)


def check_values(values: Iterable[Any], accept: Callable[[Any], Any], path: tuple[str, ...]) -> None:
    """Refuse the first of `values` that `accept` refuses, in its words."""
    for value in values:
        try:
            accept(value)
        except SelectdisError as error:
            raise Mistake(str(error), path) from None
