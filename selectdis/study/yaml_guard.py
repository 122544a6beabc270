"""YAML whose aliases unfold into more than any study needs ("billion laughs") is refused before it is built."""

from __future__ import annotations

from typing import Any

import yaml

from selectdis.errors import SelectdisError

__all__ = ["refuse_bombs"]

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
