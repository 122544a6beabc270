"""From a pydantic error to the key that is wrong, and one sentence with the nearest right word."""

from __future__ import annotations

from datetime import date
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from selectdis.errors import nearest

__all__ = ["first_problem"]


def first_problem(error: ValidationError, model: type[BaseModel]) -> tuple[tuple[Any, ...], str]:
    """Return the way to what is wrong, and one sentence for it with the number of the other problems."""
    problems = error.errors()
    # A misspelt key also leaves the right one missing, and a value that may be a list or a range fails as both: the
    # misspelt key, the broken rule and what is missing say more than the wrong type.
    telling = {"extra_forbidden": 0, "value_error": 1, "missing": 2}
    problems.sort(key=lambda problem: telling.get(problem["type"], 3))
    first = problems[0]
    more = f" ({len(problems) - 1} more after this one)" if len(problems) > 1 else ""
    return (*first["loc"], *_path(first)), _sentence(first, model) + more


def _path(problem: Any) -> tuple[str, ...]:
    """Return the keys from the place that pydantic names to the culprit, where our own rule says so."""
    return getattr(problem.get("ctx", {}).get("error"), "path", ())


def _sentence(problem: Any, model: type[BaseModel]) -> str:
    parts = [str(part) for part in (*problem["loc"], *_path(problem))]
    key = ".".join(part for part in parts if part.isidentifier() and part != "Range") or "the study"
    if problem["type"] == "extra_forbidden":
        known = _keys_at(model, problem["loc"][:-1])
        hint = nearest(str(problem["loc"][-1]), known) or f"; known keys: {', '.join(sorted(known))}"
        return f"unknown key {key!r}{hint}"
    if problem["type"] == "missing":
        return f"the key {key!r} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    if _path(problem):
        return f"{key}: {message}"
    return f"{key}: {message[0].lower()}{message[1:]}, found {_shown(problem['input'])}"


def _shown(value: Any) -> str:
    if isinstance(value, date):
        return f"{value}, which YAML reads as a date: put text in quotes"
    return f"{value!r:.80}"


def _keys_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Return the keys that `model` knows at the nested `location`."""
    current: Any = model
    for part in location:
        fields = getattr(current, "model_fields", {})
        if part in fields:
            current = _model_in(fields[part].annotation) or current
        elif isinstance(part, str) and (by_name := _named_model(current, part)):
            current = by_name
    return list(getattr(current, "model_fields", {}))


def _model_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _named_model(current: Any, name: str) -> Any:
    for field in getattr(current, "model_fields", {}).values():
        found = _model_in(field.annotation)
        if found is not None and found.__name__ == name:
            return found
    return None
