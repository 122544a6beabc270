"""From a pydantic error to one sentence with the key, its line and the nearest right word."""

from __future__ import annotations

from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from selectdis.errors import nearest

__all__ = ["at_line", "describe_problem"]


def describe_problem(error: ValidationError, model: type[BaseModel], text: str, source: str) -> str:
    """One sentence for the first problem in `error`, and the number of the others."""
    problems = error.errors()
    # A misspelt key also leaves the right one missing, and a value that may be a list or a range fails as both: the
    # misspelt key, the broken rule and what is missing say more than the wrong type.
    telling = {"extra_forbidden": 0, "value_error": 1, "missing": 2}
    problems.sort(key=lambda problem: telling.get(problem["type"], 3))
    first = problems[0]
    more = f" ({len(problems) - 1} more after this one)" if len(problems) > 1 else ""
    return f"{_where((*first['loc'], *_path(first)), text, source)}: {_sentence(first, model)}{more}"


def at_line(path: tuple[str, ...], message: str, text: str, source: str) -> str:
    """One sentence for what is wrong with the value at `path`, a key and those below it."""
    return f"{_where(path, text, source)}: {'.'.join(path)}: {message}"


def _where(location: tuple[Any, ...], text: str, source: str) -> str:
    line = line_of(text, location)
    return f"{source}, line {line}" if line else source


def _path(problem: Any) -> tuple[str, ...]:
    """The keys from the place that pydantic names to the culprit, where our own rule says so."""
    return getattr(problem.get("ctx", {}).get("error"), "path", ())


def _sentence(problem: Any, model: type[BaseModel]) -> str:
    parts = [str(part) for part in (*problem["loc"], *_path(problem))]
    key = ".".join(part for part in parts if part.isidentifier() and part != "Range") or "the study"
    if problem["type"] == "extra_forbidden":
        known = fields_at(model, problem["loc"][:-1])
        hint = nearest(str(problem["loc"][-1]), known) or f"; known keys: {', '.join(sorted(known))}"
        return f"unknown key {key!r}{hint}"
    if problem["type"] == "missing":
        return f"the key {key!r} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    if _path(problem):
        return f"{key}: {message}"
    return f"{key}: {message[0].lower()}{message[1:]}, found {problem['input']!r:.80}"


def fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """The keys that `model` knows at the nested `location`."""
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


def line_of(text: str, location: tuple[Any, ...]) -> int | None:
    """The 1-based line of the deepest part of `location` that `text` (YAML) holds."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line = None
    for part in location:
        found = _child(node, part) or _named_below(node, part)
        if found is not None:
            key, node = found
            line = key.start_mark.line + 1
    return line


def _named_below(node: Any, name: Any) -> tuple[Any, Any] | None:
    """The key `name` at any depth: a rule over several keys complains at their common parent."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return _child(node, name) or next((hit for _, value in node.value if (hit := _named_below(value, name))), None)


def _child(node: Any, part: Any) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
