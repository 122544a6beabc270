"""Sentences for a screen, and how a cell is written."""

from __future__ import annotations

import math
import sys
import textwrap
from typing import Any

from rich.console import Console
from rich.markup import escape

__all__ = ["PIPE_WIDTH", "cell", "console", "say"]

PIPE_WIDTH = 120  # of tables that no screen shows
_LEAST = 20  # characters: below, a screen is taken to be that wide


def console() -> Console:
    """Return standard output, as wide as the screen is; a file or a pipe has 120 columns, or what COLUMNS says."""
    made = Console(highlight=False)
    if not made.is_terminal and made._environ.get("COLUMNS") is None:
        made.width = PIPE_WIDTH
    made.width = max(made.width, _LEAST)
    return made


def say(text: str, label: str = "") -> None:
    """Print a sentence: wrapped between words on a screen, in one line into a pipe, where programs read it.

    Parameters
    ----------
    text : str
        Anything; nothing in it is taken for markup.
    label : str
        Words in bold before it.
    """
    where = console()
    lead = f"{label} " if label else ""
    if where.is_terminal:
        text = textwrap.fill(lead + text, where.width, break_long_words=False, break_on_hyphens=False)
        text = text.removeprefix(lead)
    sys.stdout.flush()
    where.print(f"[bold]{escape(lead)}[/]{escape(text)}", soft_wrap=True)


def cell(value: Any) -> str:
    """Return a value as a table shows it: numbers to three digits, a dash where there is nothing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
