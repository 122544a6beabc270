"""What YAML allows and a study file must not hold: aliases without end ("billion laughs"), and a key twice."""

from __future__ import annotations

from typing import Any

import yaml

from selectdis.errors import SelectdisError

__all__ = ["refuse_bombs", "refuse_doubles"]

LARGEST_TEXT = 1_000_000  # characters
LARGEST = 100_000  # values, with aliases unfolded


def refuse_bombs(text: str, *, source: str) -> None:
    """Check the size of what `text` describes.

    Raises
    ------
    SelectdisError
        If the text is too long, unfolds into too many values, or holds itself.
    yaml.YAMLError, RecursionError
        If the text is not YAML, or nested too deeply.
    """
    if len(text) > LARGEST_TEXT:
        raise SelectdisError(f"{source}: a study file has at most {LARGEST_TEXT:,} characters, found {len(text):,}")
    size = _size(yaml.compose(text, Loader=yaml.SafeLoader), {}, source)
    if size > LARGEST:
        raise SelectdisError(
            f"{source}: a study file holds at most {LARGEST:,} values with its aliases unfolded, found {size:,}"
        )


def refuse_doubles(text: str, *, source: str) -> None:
    """Check that no mapping has a key twice: YAML would keep the last value, and say nothing of the others.

    Raises
    ------
    SelectdisError
        With the key and both lines.
    """
    seen: set[int] = set()
    left = [yaml.compose(text, Loader=yaml.SafeLoader)]
    while left:
        node = left.pop()
        if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _refuse_doubles_in(node, source)
        left += [child for pair in node.value for child in (pair if isinstance(pair, tuple) else (pair,))]


def _refuse_doubles_in(node: yaml.MappingNode, source: str) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        line, name = key.start_mark.line + 1, (key.tag, str(key.value))
        if name in lines and key.tag != "tag:yaml.org,2002:merge":
            raise SelectdisError(
                f"{source}, line {line}: the key {key.value!r:.80} comes twice (before in line {lines[name]}); keep one"
            )
        lines[name] = line


def _size(node: Any, sizes: dict[int, int | None], source: str) -> int:
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in sizes:
        sizes[id(node)] = None  # under way: to meet it again below itself is a circle
        pairs = node.value if isinstance(node, yaml.MappingNode) else [(child,) for child in node.value]
        sizes[id(node)] = 1 + sum(_size(child, sizes, source) for pair in pairs for child in pair)
    size = sizes[id(node)]
    if size is None:
        raise SelectdisError(f"{source} line {node.start_mark.line + 1}: an alias holds itself; write its values out")
    return size
