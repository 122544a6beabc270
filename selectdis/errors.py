"""The one error that a user is meant to read, and checks that many arguments share."""

from __future__ import annotations

import difflib
import functools
import warnings
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

__all__ = ["OldNameWarning", "SelectdisError", "check_choice", "nearest", "renamed", "warn_renamed", "whole_number"]

P = ParamSpec("P")
T = TypeVar("T")


class SelectdisError(ValueError):
    """A mistake in what the user gave: one sentence with the rule, what was found, and what to do.

    The command line prints it without a traceback and exits with 2.
    """

    def __str__(self) -> str:
        """Return the sentence on one line; what it quotes of a file may hold anything, a terminal's commands too."""
        return "".join(c if c.isprintable() else " " for c in super().__str__())


class OldNameWarning(FutureWarning):
    """A name from before the last release was used; it works until the next one."""


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word closest to `word`, or ``""`` where none is close."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""


def check_choice(option: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value`; raise SelectdisError, naming the nearest, where it is none of `choices`."""
    known = tuple(choices)
    if value not in known:
        raise SelectdisError(f"{option} must be one of {', '.join(known)}; found {value!r}{nearest(str(value), known)}")
    return str(value)


def warn_renamed(old: str, new: str, *, stacklevel: int = 3) -> None:
    """Hint that `old` is now called `new`; it still works in this release."""
    warnings.warn(f"{old} is now {new}; the old name works for one release", OldNameWarning, stacklevel=stacklevel)


def renamed(**names: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a function take keyword arguments by their old names (``old="new"``) too, with a hint."""

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            for old in names.keys() & kwargs.keys():
                warn_renamed(f"{old}=", f"{names[old]}=")
                kwargs[names[old]] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


def whole_number(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` as an int, whatever kind of whole number it is.

    Parameters
    ----------
    name : str
        What the value is called in the error.
    value : Any
        What was given.
    low, high : int
        The range, both ends in it; no upper end where `high` is None.

    Returns
    -------
    int

    Raises
    ------
    SelectdisError
        If it is none, or out of its range.
    """
    try:
        number = int(value)
        whole = number == value and not isinstance(value, bool | str)
    except (TypeError, ValueError, OverflowError):
        number, whole = 0, False
    if not (whole and low <= number and (high is None or number <= high)):
        limits = f"of at least {low}" if high is None else f"from {low} to {high}"
        raise SelectdisError(f"{name} must be a whole number {limits}, found {value!r:.80}")
    return number
