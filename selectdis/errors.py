"""The one error that a user is meant to read, and checks that many arguments share."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable
from typing import Any

__all__ = ["SelectdisError", "nearest", "renamed_argument", "whole_number"]


class SelectdisError(ValueError):
    """A mistake in what the user gave: one sentence with the rule, what was found, and what to do.

    The command line prints it without a traceback and exits with 2.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the known word closest to `word`, or ``""`` where none is close."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""


def whole_number(name: str, value: Any, low: int, high: int | None = None) -> int:
    """`value` as an int, whatever kind of whole number it is.

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


def renamed_argument(old: str, new: str) -> None:
    """Say that an argument of the caller's has a new name; the old one goes with the next release."""
    warnings.warn(f"the argument {old}= is now {new}=: rename it in this call", FutureWarning, stacklevel=3)
