"""The study file read: its text is parsed once, and checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from selectdis import _plugins
from selectdis._files import open_file
from selectdis.errors import SelectdisError
from selectdis.spec._checks import SpecError, check_scores
from selectdis.spec._evidence import with_evidence
from selectdis.spec._messages import first_problem
from selectdis.spec._model import StudySpec
from selectdis.spec._overrides import Override, merged, parse_overrides
from selectdis.spec._presets import with_preset
from selectdis.spec._ready import ready_studies

__all__ = ["check_spec", "parse_spec", "read_spec"]

LARGEST_TEXT = 1_000_000  # characters
LARGEST = 100_000  # values, with aliases unfolded


def read_spec(path: str | Path, overrides: Iterable[str] = (), *, plugins: bool = True) -> StudySpec:
    """Read the study file at `path`, and check it.

    Parameters
    ----------
    path : path
        Of a YAML file.
    overrides : iterable of str
        ``"KEY=VALUE"``, such as ``"training.steps=500"``: what takes the place of the file's values.
    plugins : bool
        Whether to import the modules that the file names under `plugins`, those that lie beside it first. Without, the
        names of their parts are taken as they are: nothing can be trained or scored with them.

    Returns
    -------
    StudySpec

    Raises
    ------
    SelectdisError
        If the file cannot be read, is not YAML, or holds an unknown key or a wrong value: with the key, its line and
        the nearest right word.
    """
    path = Path(path)
    try:
        with open_file(path) as file:
            text = file.read().decode("utf-8")
    except (OSError, ValueError) as error:  # such as a name that no file can have
        raise SelectdisError(f"cannot read the study file {path}: {error}; {_where_from(path)}") from None
    if not plugins:
        _plugins.remember(text)
    return parse_spec(text, source=str(path), overrides=overrides, plugins=str(path.parent) if plugins else None)


def _where_from(path: Path) -> str:
    ready = path.stem in ready_studies()
    return f"`selectdis studies copy {path.stem}` puts it here" if ready else "give the path of a YAML file"


def parse_spec(
    text: str, *, source: str = "study file", overrides: Iterable[str] = (), plugins: str | None = ""
) -> StudySpec:
    """Read a study description (YAML), and check it; see `read_spec`.

    Parameters
    ----------
    text : str
        What the study file holds.
    source : str
        What messages call it.
    overrides : iterable of str
        As of `read_spec`.
    plugins : str, optional
        The folder in which the modules under `plugins` are looked for first; None to import none.
    """
    if len(text) > LARGEST_TEXT:
        raise SelectdisError(f"{source}: a study file has at most {LARGEST_TEXT:,} characters, found {len(text):,}")
    tree, content = _parsed(text, source)
    if not isinstance(content, dict):
        raise SelectdisError(f"{source}: a study file holds `key: value` lines, found {type(content).__name__}")
    instead = parse_overrides(overrides, lambda value, name: _parsed(value, name)[1])
    if instead:
        return _overridden(content, tree, source, instead, plugins)
    return _checked(content, tree, source, plugins)


def check_spec(content: StudySpec | dict[str, Any], *, source: str = "study") -> StudySpec:
    """Check the study that a plain dict describes.

    Parameters
    ----------
    content : StudySpec or dict
        As of a study file.
    source : str
        What messages call it.
    """
    return _checked(content, None, source, "")


def _overridden(
    content: dict[str, Any], tree: yaml.Node | None, source: str, overrides: list[Override], plugins: str | None
) -> StudySpec:
    """Check the file with `overrides`: what is wrong is theirs, unless it is elsewhere and the file is wrong alone."""
    found = _problem(merged(content, overrides), plugins)
    if isinstance(found, StudySpec):
        return found
    path, message = found
    guilty = [one for one in overrides if one.concerns(path)]
    if not guilty and not isinstance(_problem(content, plugins), StudySpec):
        raise _refusal(tree, source, path, message)
    raise SelectdisError(f"{source} with {' '.join(map(str, guilty or overrides))}: {message}")


def _checked(
    content: StudySpec | dict[str, Any], tree: yaml.Node | None, source: str, plugins: str | None
) -> StudySpec:
    found = _problem(content, plugins)
    if isinstance(found, StudySpec):
        return found
    raise _refusal(tree, source, *found)


def _problem(content: StudySpec | dict[str, Any], plugins: str | None) -> StudySpec | tuple[tuple[Any, ...], str]:
    """Return the study that `content` describes, or the way to what is wrong with it and a sentence for that."""
    try:
        if isinstance(content, StudySpec):
            spec = content
        else:
            missing = _plugins_absent(content.get("plugins"), plugins)
            spec = StudySpec.model_validate(with_evidence(with_preset(content)), context={"plugins_absent": missing})
        if not _plugins.absent(spec.plugins):
            check_scores(spec)
    except ValidationError as error:
        return first_problem(error, StudySpec)
    except SpecError as error:
        return error.path, f"{'.'.join(error.path)}: {error}"
    return spec


def _plugins_absent(named: Any, folder: str | None) -> list[str]:
    """Load the modules that a study names; without leave to do so, return those that this process does not know."""
    modules = [] if named is None else named if isinstance(named, list | tuple) else [named]
    if folder is None:
        _plugins.installed()
        return _plugins.absent(str(module) for module in modules)
    try:
        _plugins.load((module, folder) for module in modules)
    except SelectdisError as error:
        raise SpecError(str(error), ("plugins",)) from None
    return []


def _refusal(tree: yaml.Node | None, source: str, path: Sequence[Any], message: str) -> SelectdisError:
    line = _line_of(tree, tuple(path))
    return SelectdisError(f"{source}, line {line}: {message}" if line else f"{source}: {message}")


def _parsed(text: str, source: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of `text`, which know their lines, and the plain values that they make."""
    try:
        loader = yaml.SafeLoader(text)
        tree = loader.get_single_node()
        size = _count_values(tree, {}, source)
        if size > LARGEST:
            raise SelectdisError(
                f"{source}: a study file holds at most {LARGEST:,} values with its aliases unfolded, found {size:,}"
            )
        return tree, None if tree is None else loader.construct_document(tree)
    except SelectdisError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or str(error) or type(error).__name__
        raise SelectdisError(f"{source}{line}: not valid YAML: {problem}") from None


def _count_values(node: Any, counted: dict[int, int | None], source: str) -> int:
    """Count the values below `node` with aliases unfolded, since a few lines can hold billions of them.

    On the way, what YAML allows and a study file must not hold is refused: an alias of itself, and a key twice.
    """
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) not in counted:
        counted[id(node)] = None  # under way: to meet it again below itself is a circle
        if isinstance(node, yaml.MappingNode):
            _refuse_doubled_keys(node, source)
        pairs = node.value if isinstance(node, yaml.MappingNode) else [(child,) for child in node.value]
        counted[id(node)] = 1 + sum(_count_values(child, counted, source) for pair in pairs for child in pair)
    size = counted[id(node)]
    if size is None:
        raise SelectdisError(f"{source} line {node.start_mark.line + 1}: an alias holds itself; write its values out")
    return size


def _refuse_doubled_keys(node: yaml.MappingNode, source: str) -> None:
    """Refuse a key that comes twice: YAML would keep the last value, and say nothing of the others."""
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        line, name = key.start_mark.line + 1, (key.tag, str(key.value))
        if name in lines and key.tag != "tag:yaml.org,2002:merge":
            raise SelectdisError(
                f"{source}, line {line}: the key {key.value!r:.80} comes twice (before in line {lines[name]}); keep one"
            )
        lines[name] = line


def _line_of(node: Any, path: tuple[Any, ...]) -> int | None:
    """Return the 1-based line of the deepest part of `path` that the tree below `node` holds."""
    line = None
    for part in path:
        found = _child(node, part) or _named_below(node, part)
        if found is not None:
            key, node = found
            line = key.start_mark.line + 1
    return line


def _named_below(node: Any, name: Any) -> tuple[Any, Any] | None:
    """Find the key `name` at any depth: a rule over several keys complains at their common parent."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return _child(node, name) or next((hit for _, value in node.value if (hit := _named_below(value, name))), None)


def _child(node: Any, part: Any) -> tuple[Any, Any] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in reversed(node.value) if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None
