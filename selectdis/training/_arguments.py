"""Checks of the arguments of training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from selectdis.errors import SelectdisError, whole_number
from selectdis.models import ARCHITECTURES
from selectdis.training._candidate import Candidate, program_key
from selectdis.training._images import image_shape

__all__ = ["check_one_program", "checked"]


def checked(
    candidates: Sequence[Candidate], data: Any, steps: int, checkpoint_every: int | None, curve_every: int | None
) -> tuple[list[Candidate], int, int | None, int | None]:
    """Return the arguments that `train` and `train_cohort` share, checked."""
    if isinstance(candidates, Candidate):
        candidates = [candidates]
    candidates = list(candidates)
    for candidate in candidates:
        if not isinstance(candidate, Candidate):
            raise SelectdisError(f"candidates must be a list of Candidate, found {type(candidate).__name__} in it")
    image_shape(data)
    return (
        candidates,
        whole_number("steps", steps, 1),
        None if checkpoint_every is None else whole_number("checkpoint_every", checkpoint_every, 1),
        None if curve_every is None else whole_number("curve_every", curve_every, 1),
    )


def check_one_program(candidates: Sequence[Candidate]) -> None:
    """Refuse candidates that cannot train as one program."""
    if not candidates:
        raise SelectdisError("training needs at least one candidate, found none")
    if len({program_key(candidate) for candidate in candidates}) > 1:
        raise SelectdisError(
            "candidates of a cohort must share architecture, latents, batch_size, width, discriminator_width and "
            "likelihood; "
            "use train(), which sorts them into cohorts"
        )
    if len(candidates) > 1 and not ARCHITECTURES[candidates[0].architecture].stacks:
        raise SelectdisError(
            f"candidates of the architecture {candidates[0].architecture!r} train one by one, found {len(candidates)}; "
            "use train(), which sorts them into cohorts"
        )
