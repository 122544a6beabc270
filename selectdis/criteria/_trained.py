"""What is published of every run: codes, how sure they are, and how its decoder bends space."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from selectdis.criteria._registry import Criterion

__all__ = ["TrainedPool", "TrainedRun", "criterion_to_try"]


@dataclass(frozen=True)
class TrainedRun:
    """One run on 1,000 images of its data set, as a criterion that is tried in the arena sees it.

    Attributes
    ----------
    mean, log_variance : (n, latents) float
        Of the posterior. Quantised codes are certain: their `log_variance` says nothing.
    kl : (latents,) float
        Mean KL of each latent, in nats; NaN in a run whose codes have no posterior.
    active : (latents,) bool
        Which latents are in use, as the run's objective says it.
    gram : (places, latents, latents) float
        J^T J of the decoded image at the codes of the first images, J being the decoder's Jacobian.
    """

    mean: np.ndarray
    log_variance: np.ndarray
    kl: np.ndarray
    active: np.ndarray
    gram: np.ndarray


@dataclass(frozen=True)
class TrainedPool:
    """All runs of a data set on the same images: the arrays of `TrainedRun` with an axis of runs before the others.

    Attributes
    ----------
    mean, log_variance, kl, active, gram
        (runs, ...).
    configurations : (runs,) str
        Labels: the runs of one differ by their seed.
    """

    mean: np.ndarray
    log_variance: np.ndarray
    kl: np.ndarray
    active: np.ndarray
    gram: np.ndarray
    configurations: np.ndarray

    def __len__(self) -> int:
        return len(self.mean)

    def __iter__(self) -> Iterator[TrainedRun]:
        for arrays in zip(self.mean, self.log_variance, self.kl, self.active, self.gram, strict=True):
            yield TrainedRun(*arrays)


def criterion_to_try(
    name: str,
    function: Callable[..., float],
    of_run: Callable[[TrainedRun], float],
    paper: str,
    high: float = float("inf"),
) -> Criterion:
    """Describe a `function` of at least two active latents, at least 0, where lower is better."""
    compute = partial(_score, name, of_run)
    return Criterion(name, (name,), function, compute, "trained", paper, (0.0, high), False)


def _score(name: str, of_run: Callable[[TrainedRun], float], run: TrainedRun) -> dict[str, float]:
    """NaN, which no rule picks, for a run with fewer than two active latents: it has nothing to be entangled."""
    return {name: of_run(run) if run.active.sum() > 1 else np.nan}
