"""Parts from other packages: by entry points, and by the modules that a study file names under `plugins`.

Each room says which registry it has; whoever reads a study file, or works on one in another process, loads the parts.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from selectdis.errors import SelectdisError

__all__ = [
    "DIRECTIONS",
    "LISTENERS",
    "LiveView",
    "absent",
    "installed",
    "load",
    "loaded",
    "noted",
    "register",
    "remember",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Registry:
    """The parts of one kind by name, and what each of them is."""

    parts: dict[str, Any]
    descriptor: Any  # a class


class LiveView(Mapping[str, T]):
    """What `make` derives from a registry, as it is now."""

    def __init__(self, make: Callable[[], Mapping[str, T]]) -> None:
        self._make = make

    def __getitem__(self, name: str) -> T:
        return self._make()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._make())

    def __len__(self) -> int:
        return len(self._make())


LISTENERS: dict[str, Any] = {}  # classes; those of entry points are not in it, since a study loads the one it names
DIRECTIONS: dict[str, bool] = {}  # of scores whose parts are not known here: whether higher is better, as was noted
NOTE = "# Higher is better: "
_REGISTRIES = {"listeners": Registry(LISTENERS, type)}
_OWNERS: dict[tuple[str, str], str] = {}  # (kind, name) -> who brought the part
_MODULES: dict[str, str] = {}  # module -> the folder beside whose study file it was found, or ""
_INSTALLED: set[str] = {"listeners"}  # kinds whose entry points were looked at
_LOCK = threading.RLock()


def register(kind: str, parts: dict[str, Any], descriptor: type) -> None:
    """Say where the parts of a kind are kept (such as "metrics"), and what each of them is."""
    _REGISTRIES[kind] = Registry(parts, descriptor)


def installed(*kinds: str) -> None:
    """Add the parts that installed packages have as entry points ``selectdis.<kind>``, once; of all kinds by default.

    A package that cannot be used costs a warning: it may be nothing that this user asked for.
    """
    with _LOCK:
        for kind in kinds or tuple(_REGISTRIES):
            if kind in _INSTALLED:
                continue
            _INSTALLED.add(kind)
            for point in sorted(entry_points(group=f"selectdis.{kind}"), key=lambda point: point.name):
                try:
                    _add(kind, {point.name: _loaded(point.load, point.value)}, f"the entry point {point.value}")
                except SelectdisError as error:
                    warnings.warn(f"{error}; it is left out", stacklevel=3)


def load(modules: Iterable[tuple[str, str]]) -> None:
    """Import modules, and add the parts in their dicts METRICS, CRITERIA, OBJECTIVES, ARCHITECTURES, and so on.

    Parameters
    ----------
    modules : iterable of (str, str)
        Name and folder: a module that lies in the folder is taken from there, any other one from Python's path.

    Raises
    ------
    SelectdisError
        If a module cannot be imported, or brings what is no part or has a name that is taken.
    """
    installed()
    with _LOCK:
        for name, folder in modules:
            if not (isinstance(name, str) and re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name)):
                raise SelectdisError(f"a plugin is the name of a module, such as my_parts, found {name!r:.80}")
            module, beside = _imported(name, folder)
            found = {kind: getattr(module, kind.upper(), {}) for kind in _REGISTRIES}
            for kind, parts in found.items():
                if not isinstance(parts, Mapping):
                    raise SelectdisError(
                        f"{kind.upper()} of the plugin {name} must map names to parts, found {parts!r:.80}"
                    )
            if not any(found.values()):
                dicts = ", ".join(kind.upper() for kind in _REGISTRIES)
                raise SelectdisError(
                    f"the plugin {name} ({_file(module)}) brings no part: it needs a dict, one of {dicts}"
                )
            for check_only in (True, False):  # all of a module or nothing
                for kind, parts in found.items():
                    _add(kind, parts, f"the plugin {name}", check_only=check_only)
            _MODULES[name] = beside


def loaded() -> tuple[tuple[str, str], ...]:
    """Return the modules that were loaded in this process, as `load` takes them in another one."""
    return tuple(_MODULES.items())


def absent(modules: Iterable[str]) -> list[str]:
    """Return those of `modules` whose parts are not known here."""
    return [name for name in modules if name not in _MODULES]


def noted() -> str:
    """Return a line for a study's folder: which way is better of the scores that other packages brought."""
    added = [_REGISTRIES[kind].parts[name] for kind, name in _OWNERS if kind in ("metrics", "criteria")]
    better = {score: part.higher_is_better for part in added for score in part.produces}
    told = {score: up for score, up in better.items() if up is not None}
    return f"{NOTE}{json.dumps(told)}\n" if told else ""


def remember(text: str) -> None:
    """Take up what `noted` left in a file of a study, which may come from anybody."""
    for line in text.splitlines()[:3]:
        with contextlib.suppress(ValueError, AttributeError, RecursionError):
            told = json.loads(line.removeprefix(NOTE)) if line.startswith(NOTE) else {}
            DIRECTIONS.update({str(score): up for score, up in told.items() if isinstance(up, bool)})


def _imported(name: str, folder: str) -> tuple[ModuleType, str]:
    """Return a module, and the folder that it lies in where that is the given one."""
    first = name.partition(".")[0]
    beside = str(Path(folder).resolve()) if folder else ""
    if not beside or PathFinder.find_spec(first, [beside]) is None:
        return _loaded(lambda: import_module(name), name), ""
    sys.path.insert(0, beside)  # for what the module itself imports from there
    try:
        module = _loaded(lambda: import_module(name), name)
    finally:
        sys.path.remove(beside)
    if not Path(_file(module)).is_relative_to(beside):
        raise SelectdisError(
            f"the plugin {name} beside the study file cannot be used, since another module of that name is loaded "
            f"({_file(module)}): give it a name of its own"
        )
    return module, beside


def _file(module: ModuleType) -> str:
    return str(Path(file).resolve()) if (file := getattr(module, "__file__", None)) else "built in"


def _loaded(get: Callable[[], T], name: str) -> T:
    try:
        return get()
    except (Exception, SystemExit) as error:
        reason = " ".join(str(error).split())[:200]
        raise SelectdisError(f"the plugin {name} cannot be imported ({type(error).__name__}: {reason})") from None


def _add(kind: str, parts: Mapping[Any, Any], owner: str, *, check_only: bool = False) -> None:
    registry = _REGISTRIES[kind]
    for name, part in parts.items():
        if registry.parts.get(name) is part and (kind, name) in _OWNERS:
            continue
        _check(kind, name, part, owner)
        if not check_only:
            registry.parts[name] = part
            _OWNERS[kind, name] = owner


def _check(kind: str, name: Any, part: Any, owner: str) -> None:
    registry = _REGISTRIES[kind]
    if not isinstance(name, str) or not isinstance(part, registry.descriptor):
        raise SelectdisError(
            f"{owner}: {name!r:.80} among {kind} must be a {registry.descriptor.__name__}, found {part!r:.80}"
        )
    if getattr(part, "name", name) != name and kind != "listeners":
        raise SelectdisError(f"{owner}: {name!r} of {kind} calls itself {part.name!r}; give it one name")
    if name in registry.parts:
        holder = _OWNERS.get((kind, name), "selectdis itself")
        raise SelectdisError(
            f"{owner}: the name {name!r} among {kind} is taken by {holder}; give the part another name"
        )
    scores = [(kind, registry.parts) for kind, registry in _REGISTRIES.items() if kind in ("metrics", "criteria")]
    for other, known in scores:
        for holder in known.values() if kind in ("metrics", "criteria") else ():
            if taken := sorted({*part.produces} & {*holder.produces}):
                raise SelectdisError(
                    f"{owner}: the score {taken[0]!r} of {name!r} is taken by {holder.name!r} of {other}; "
                    "give it another name"
                )
