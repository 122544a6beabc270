"""The passes of a step through torch.compile, on CPU, and what to do where that does not work."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from selectdis.training._program import Program

__all__ = ["CompiledProgram", "compiled_or_plain", "give_up", "room_for_programs"]

PROGRAMS = 256  # kept compiled in one process; torch's 8 are fewer than the kinds of candidates of a study

# Shapes are those of the cohort, for good; a graph break would cost what compiling gains.
OPTIONS: dict[str, Any] = {"fullgraph": True, "dynamic": False}

_unusable: set[str] = set()  # types of devices for which compiling failed in this process


class CompiledProgram:
    """The passes of a program, compiled when they are first called; see `Program` for their arguments.

    Programs of one structure share what was compiled: seeds, strengths and learning rates are its inputs.
    """

    def __init__(self, program: Program) -> None:
        self.losses = torch.compile(program.losses, **OPTIONS)
        self.permuted_codes = torch.compile(program.permuted_codes, **OPTIONS)
        self.discriminator_losses = torch.compile(program.discriminator_losses, **OPTIONS)


def compiled_or_plain(program: Program, device: torch.device) -> CompiledProgram | Program:
    """Return the compiled passes of `program`, or itself where compiling is known not to work."""
    if device.type in _unusable:
        return program
    try:
        return CompiledProgram(program)
    except Exception as error:  # torch.compile refuses some systems and versions of Python at once
        give_up(device, error)
        return program


def give_up(device: torch.device, error: Exception) -> None:
    """Do without compiled passes on this type of device from now on, and say so once a process."""
    if device.type in _unusable:
        return
    _unusable.add(device.type)
    reason = " ".join(str(error).split("\n")[:2])[:200].strip()  # torch names the backend first, then its error
    warnings.warn(
        f"torch.compile does not work here, so training goes on without it ({type(error).__name__}: {reason})",
        RuntimeWarning,
        stacklevel=2,
    )


@contextmanager
def room_for_programs(wanted: bool) -> Iterator[None]:
    """Let torch keep more compiled programs than its default."""
    if not wanted:
        yield
        return
    try:
        from torch._dynamo import config

        patch = config.patch(recompile_limit=PROGRAMS, accumulated_recompile_limit=PROGRAMS)
    except (ImportError, AttributeError):  # another version of torch: its own limits hold
        yield
        return
    with patch:
        yield
