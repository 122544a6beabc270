"""Successive halving: at some steps the worse candidates are given up, and the others are packed into new cohorts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from selectdis.errors import SelectdisError
from selectdis.training.run import Run

__all__ = ["EARLIEST", "Halving", "elbo"]

EARLIEST = 0.25  # of the steps: before, ranks had little to do with the final ones


def elbo(runs: Sequence[Run]) -> np.ndarray:
    """The last evidence lower bound of each run's curves, nats per image; (n,), higher is better, no labels needed."""
    return np.array([-(run.curves["reconstruction"][-1] + run.curves["kl"][-1]) for run in runs])


@dataclass(frozen=True)
class Halving:
    """When to give up which candidates.

    Parameters
    ----------
    at
        Shares of the steps, rising, from 0.25 on and below 1.
    keep
        Share of the candidates that goes on each time; at least one does.
    score
        ``runs -> (n,)`` numbers, higher is better. The default is the ELBO, which needs no labels and says little
        about disentanglement (Locatello et al. 2019, section 5.4): give a score of your own where there is one.

    Raises
    ------
    SelectdisError
        If a share is out of its range.
    """

    at: tuple[float, ...] = (0.25, 0.5)
    keep: float = 0.5
    score: Callable[[Sequence[Run]], Sequence[float] | np.ndarray] = elbo

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", tuple(float(share) for share in self.at))
        rising = list(self.at) == sorted(set(self.at))
        if not self.at or not rising or not (self.at[0] >= EARLIEST and self.at[-1] < 1):
            raise SelectdisError(f"halving.at must rise from {EARLIEST} or later to below 1, found {self.at}")
        if not 0 < self.keep < 1:
            raise SelectdisError(f"halving.keep must be between 0 and 1, found {self.keep!r}")

    def survivors(self, runs: Sequence[Run]) -> list[int]:
        """Positions of the runs that go on, in order; runs that diverged never do."""
        sound = [i for i, run in enumerate(runs) if run.status != "diverged"]
        if not sound:
            return []
        scores = np.asarray(self.score([runs[i] for i in sound]), dtype=float)
        if scores.shape != (len(sound),):
            raise SelectdisError(f"halving.score must give one number a run ({len(sound)}), found {scores.shape}")
        best = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")[: max(1, round(self.keep * len(runs)))]
        return sorted(sound[i] for i in best)
