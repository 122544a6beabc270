"""Who labels what in a backtest: which images and factors, how many cells wrongly, among which runs is chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy

from selectdis.errors import SelectdisError, nearest
from selectdis.selection.few_labels._probe_codes import ProbeCodes

__all__ = ["CHOICES", "Drawn", "LabelDraw", "draw_images"]


class Drawn(NamedTuple):
    """One draw: indices of images, their labels (n_labels, n_factors), which factors these are, and of which runs."""

    images: np.ndarray
    labels: np.ndarray
    factors: np.ndarray
    runs: np.ndarray


@dataclass(frozen=True)
class LabelDraw:
    """How labels are drawn, beside their number.

    Attributes
    ----------
    choice : str
        Which images: ``"random"``, ``"cover"`` (farthest points of all runs' codes) or ``"disagreement"`` (those whose
        distances to the images before the runs disagree on most).
    wrong : float
        Share of cells that get another value of the factor, in [0, 1].
    n_factors : int, optional
        How many factors are named, drawn at random; by default all.
    n_runs : int, optional
        Among how many runs, drawn at random, is chosen; by default all.
    n_configurations : int, optional
        Of how many configurations these are.
    """

    choice: str = "random"
    wrong: float = 0.0
    n_factors: int | None = None
    n_runs: int | None = None
    n_configurations: int | None = None

    def draw(self, probe: ProbeCodes, n_labels: int, rng: np.random.Generator) -> Drawn:
        """Draw `n_labels` images of those that have a label.

        Raises
        ------
        SelectdisError
            On fewer such images.
        """
        runs = self._runs(probe.configurations, rng)
        labelled = np.flatnonzero(~np.isnan(probe.factors.astype(float)).all(axis=1))
        if len(labelled) < n_labels:
            raise SelectdisError(
                f"{probe.dataset} has {len(labelled)} labelled images among those that its runs left codes of, and "
                f"{n_labels} are to be drawn: ask for fewer"
            )
        images = labelled[draw_images(probe.codes[np.ix_(runs, labelled)], n_labels, rng, self.choice)]
        n_factors = probe.factors.shape[1]
        factors = np.sort(rng.permutation(n_factors)[: self.n_factors])
        labels = probe.factors[np.ix_(images, factors)].astype(float)
        for k in range(labels.shape[1]):
            column = probe.factors[:, factors[k]].astype(float)
            values = np.unique(column[~np.isnan(column)])
            for row in np.flatnonzero((rng.random(len(images)) < self.wrong) & ~np.isnan(labels[:, k])):
                others = values[values != labels[row, k]]
                labels[row, k] = rng.choice(others) if len(others) else labels[row, k]
        return Drawn(images, labels, factors, runs)

    def _runs(self, configurations: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows = np.arange(len(configurations))
        if self.n_configurations is not None:
            chosen = rng.permutation(configurations.max() + 1)[: self.n_configurations]
            rows = rows[np.isin(configurations, chosen)]
        return rows if self.n_runs is None else np.sort(rng.permutation(rows)[: self.n_runs])


def draw_images(codes: np.ndarray, n: int, rng: np.random.Generator, choice: str = "random") -> np.ndarray:
    """Choose which images are labelled, from what all runs make of them.

    Parameters
    ----------
    codes : (n_runs, n_images, n_latents) float
        Of the candidates for labels.
    n : int
        How many.
    rng : numpy.random.Generator
        Where chance decides.
    choice : str
        As of `LabelDraw`.

    Returns
    -------
    (n,) int
    """
    if choice not in CHOICES:
        raise SelectdisError(f"images are chosen by {', '.join(CHOICES)}; found {choice!r}{nearest(choice, CHOICES)}")
    return CHOICES[choice](codes, min(n, codes.shape[1]), rng)


def _at_random(codes: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return rng.permutation(codes.shape[1])[:n]


def _cover(codes: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take one at random, then the image whose nearest one so far is farthest, over all runs' ranks together."""
    points = _ranks(codes)
    chosen = [int(rng.integers(points.shape[1]))]
    nearest_so_far = np.full(points.shape[1], np.inf)
    while len(chosen) < n:
        distance = ((points - points[:, chosen[-1:]]) ** 2).sum(axis=(0, 2))
        nearest_so_far = np.minimum(nearest_so_far, distance)
        chosen.append(int(nearest_so_far.argmax()))
    return np.array(chosen)


def _disagreement(codes: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Take one at random, then the image on whose distances to those so far the runs disagree most."""
    points = _ranks(codes)
    chosen = [int(rng.integers(points.shape[1]))]
    disagreement = np.zeros(points.shape[1])
    while len(chosen) < n:
        distance = np.sqrt(((points - points[:, chosen[-1:]]) ** 2).sum(axis=2))  # (runs, images)
        distance /= np.maximum(distance.mean(axis=1, keepdims=True), 1e-9)
        disagreement += distance.var(axis=0)
        disagreement[chosen] = -np.inf
        chosen.append(int(disagreement.argmax()))
    return np.array(chosen)


def _ranks(codes: np.ndarray) -> np.ndarray:
    """Return each latent's ranks in [0, 1]; those of a constant latent are all the same."""
    ranks: np.ndarray = (scipy.stats.rankdata(codes, axis=1) / codes.shape[1]).astype(np.float32)
    return ranks


CHOICES: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "random": _at_random,
    "cover": _cover,
    "disagreement": _disagreement,
}
