"""The one error that a user is meant to read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["SelectdisError", "nearest"]


class SelectdisError(ValueError):
    """A mistake in what the user gave: one sentence with the rule, what was found, and what to do.

    The command line prints it without a traceback and exits with 2.
    """


def nearest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'x'?"`` for the known word closest to `word`, or ``""`` where none is close."""
    match = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {match[0]!r}?" if match else ""
