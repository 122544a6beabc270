"""What a study's folder says of the study: its study file with the overrides in it, left there by whatever runs it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import yaml

from selectdis import _plugins
from selectdis._files import atomic_write, own_file
from selectdis._redaction import redacted_text
from selectdis.errors import SelectdisError
from selectdis.spec._model import StudySpec
from selectdis.spec._overrides import Override, parse_overrides, value_at
from selectdis.spec._reader import read_spec

__all__ = ["KEPT", "check_keepable", "forgotten_overrides", "keep_spec"]

KEPT = "study.yaml"
FIRST_LINE = "# What the study file said when this study last ran; written by selectdis.\n"
OVERRIDES = "# With: "


def keep_spec(spec: StudySpec, folder: Path, overrides: Sequence[str] = ()) -> None:
    """Write what the study file says, with the `overrides` that are in it, into the study's folder.

    A study file of the user's own that lies there under the same name is left alone.
    """
    path = own_file(folder, KEPT)
    if _is_users_own(path):
        return
    # Without the storage: its URL may hold a password.
    said = spec.model_dump(mode="json", exclude_unset=True, exclude={"storage"})
    told = [*_earlier(spec, folder, overrides, holds=True), *map(redacted_text, overrides)]
    told = [text for text in told if not text.startswith("storage=")]
    line = f"{OVERRIDES}{json.dumps(told)}\n" if told else ""
    with atomic_write(path) as file:
        text = FIRST_LINE + line + _plugins.noted() + yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
        file.write_text(text, encoding="utf-8")


def check_keepable(folder: Path, overrides: Sequence[str]) -> None:
    """Refuse overrides where a study file of the user's own would go on saying something else.

    Raises
    ------
    SelectdisError
        If such a file lies in `folder`.
    """
    if overrides and _is_users_own(own_file(folder, KEPT)):
        raise SelectdisError(
            f"{folder / KEPT} is a study file of yours, in which overrides cannot be kept: write them there, or take "
            "another --folder"
        )


def forgotten_overrides(spec: StudySpec, folder: Path, overrides: Sequence[str] = ()) -> list[str]:
    """Return the overrides that the study in `folder` last ran with and that `spec` goes against."""
    return _earlier(spec, folder, overrides, holds=False)


def _earlier(spec: StudySpec, folder: Path, overrides: Sequence[str], *, holds: bool) -> list[str]:
    """Return the overrides of before, save those that are given anew: those that `spec` holds, or those it does not."""
    given = {text.partition("=")[0] for text in overrides}
    kept = [one for one in _kept_overrides(own_file(folder, KEPT)) if ".".join(one.path) not in given]
    if not kept:
        return []
    try:
        then, now = (
            read_spec(own_file(folder, KEPT), plugins=False).model_dump(mode="json"),
            spec.model_dump(mode="json"),
        )
    except SelectdisError:  # damaged: it is written anew
        return []
    return [str(one) for one in kept if (value_at(then, one.path) == value_at(now, one.path)) == holds]


def _kept_overrides(path: Path) -> list[Override]:
    """Return what the file says that it holds beside the study file; nothing where that cannot be read."""
    try:
        told = json.loads(path.read_text(encoding="utf-8").splitlines()[1].removeprefix(OVERRIDES))
        # They are shown, and the folder may come from anybody.
        texts = [text for text in told if isinstance(text, str) and text.isprintable()]
        return parse_overrides(texts, lambda value, _: value)
    except (OSError, ValueError, TypeError, IndexError, RecursionError):
        return []


def _is_users_own(path: Path) -> bool:
    return path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(FIRST_LINE)
