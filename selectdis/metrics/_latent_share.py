"""How much of each factor one latent explains: a score for as few as five labelled images."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import rankdata

from selectdis._arrays import DegenerateWarning, check_codes, warn_degenerate
from selectdis._factors import MISSING, factor_table, read_values
from selectdis.errors import SelectdisError, whole_number
from selectdis.metrics._registry import Metric, Samples

__all__ = ["LATENT_SHARE", "bootstrap_latent_share", "latent_share"]

NUMBERS = (5, 10, 20, 30, 100)
TINY = 1e-9  # variances of standardised ranks below it are rounding


class _Factor(NamedTuple):
    """A labelled factor: which images have a value, and their classes (m,) in ascending order."""

    rows: np.ndarray
    classes: np.ndarray
    ordered: bool


def latent_share(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    ordered: bool | Sequence[bool] = True,
    n_permutations: int = 200,
    seed: int = 0,
) -> float:
    """Return the mean over factors of the largest share of a factor that one latent explains, corrected for chance.

    With r the ranks of a latent and s those of a factor, the share is the squared Spearman correlation of r and s where
    the factor is ordered, and otherwise the share of the variance of r that lies between the factor's classes (that is
    the epsilon of Kruskal and Wallis: their H over n - 1). Both are what one latent explains alone, so that codes which
    spread a factor over latents score low. With S the mean over factors of the largest share over latents, and E its
    mean over permutations of the labels, the score is (S - E) / (1 - E), the adjustment for chance of Hubert and
    Arabie 1985, "Comparing partitions", equation 4.

    It is made for choosing among runs by 5 to 100 labelled images, and sees neither whether a second latent explains
    the same factor, nor whether a latent explains two: take the MIG or DCI where there are thousands of labels.

    Parameters
    ----------
    codes : (n_labels, n_latents) float
        Representations of the labelled images.
    factors : (n_labels, n_factors) int, float or str
        Their labels; NaN or an empty word where there is none. Factors without two values are left out, with a warning.
    ordered : bool, or (n_factors,) of bool
        Which factors have an order: by value, and words by the alphabet.
    n_permutations : int
        From how many permutations chance is estimated. The same for every run of the same labels and seed, so that its
        error (about 0.01 at 5 labels) hardly touches their order.
    seed : int
        Of the permutations.

    Returns
    -------
    float
        1 where each factor is a monotone function of one latent, 0 on average for codes that are independent of the
        labels (with 5 labels, down to about -1), 0 for constant codes and where no labelled factor varies. Higher is
        better. It does not depend on the order, sign or scale of the latents.

    Raises
    ------
    SelectdisError
        On codes that are not finite, shapes that do not fit, or no permutation.
    """
    codes, labels = _check(codes, factors, ordered)
    return float(_scores(codes, labels, np.ones((1, len(codes))), n_permutations, seed)[0])


def bootstrap_latent_share(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    ordered: bool | Sequence[bool] = True,
    n_resamples: int = 200,
    n_permutations: int = 50,
    seed: int = 0,
) -> np.ndarray:
    """Return `latent_share` of images drawn with replacement: how far it depends on which images are labelled.

    Ranks are those among all the labelled images. Chance is taken for each resample with its repeated images, which
    would otherwise pass for agreement. Of the same number of images and seed, every run gets the same resamples, so
    that the share of resamples in which a run scores best is its bootstrap probability of being the best.

    Parameters
    ----------
    codes : (n_labels, n_latents) float
        As for `latent_share`.
    factors : (n_labels, n_factors) int, float or str
        As for `latent_share`.
    ordered : bool, or (n_factors,) of bool
        As for `latent_share`.
    n_resamples : int
        How many times images are drawn.
    n_permutations : int
        From how many permutations chance is estimated in each.
    seed : int
        Of the images and permutations.

    Returns
    -------
    (n_resamples,) float
        Scores; their standard deviation estimates the standard error of `latent_share`, and is low by some with fewer
        than 20 labels, as that of any bootstrap is.

    Raises
    ------
    SelectdisError
        As `latent_share` does, and on no resample.
    """
    codes, labels = _check(codes, factors, ordered)
    n, rng = len(codes), np.random.default_rng([seed, 1])
    weights = rng.multinomial(n, np.full(n, 1 / n), size=whole_number("n_resamples", n_resamples, 1))
    return _scores(codes, labels, weights.astype(np.float64), n_permutations, seed)


def _check(codes: Any, factors: Any, ordered: bool | Sequence[bool]) -> tuple[np.ndarray, list[_Factor]]:
    """Return the codes and the factors that have at least two values."""
    codes = check_codes(codes)
    table = factor_table(factors, len(codes), "factors")
    n_factors = table.shape[1]
    order = [bool(ordered)] * n_factors if np.ndim(ordered) == 0 else list(ordered)  # type: ignore[arg-type]
    if len(order) != n_factors:
        raise SelectdisError(f"ordered must say yes or no for each of the {n_factors} factors; found {len(order)}")
    labels, constant = [], []
    for k in range(n_factors):
        classes = read_values(table[:, k], f"column {k} of factors").classes
        rows = np.flatnonzero(classes != MISSING)
        labels.append(_Factor(rows, classes[rows], order[k]))
        constant += [k] if classes.max() < 1 else []
    if constant:
        warn_degenerate("latent share", f"left out constant factor(s) {', '.join(map(str, constant))}")
    return codes, [label for k, label in enumerate(labels) if k not in constant]


def _scores(
    codes: np.ndarray, labels: list[_Factor], weights: np.ndarray, n_permutations: int, seed: int
) -> np.ndarray:
    """Return the score (b,) for each row of `weights` (b, n_labels), which say how often each image counts."""
    whole_number("n_permutations", n_permutations, 1)
    if not labels:
        return np.zeros(len(weights))
    shares, chances = np.zeros((2, len(labels), len(weights)))
    for k, (rows, classes, ordered) in enumerate(labels):
        ranks = _standard(rankdata(codes[rows], axis=0))
        tiled = np.tile(classes, (n_permutations, 1))
        shuffled = np.random.default_rng([seed, len(rows)]).permuted(tiled, axis=1)
        shares[k] = _largest_share(ranks, classes[np.newaxis], ordered, weights[:, rows])[:, 0]
        chances[k] = _largest_share(ranks, shuffled, ordered, weights[:, rows]).mean(axis=1)
    varies = np.array([[_varies(label.classes, w[label.rows]) for w in weights] for label in labels])
    share, chance = ((part * varies).sum(axis=0) / np.maximum(varies.sum(axis=0), 1) for part in (shares, chances))
    return np.where(chance < 1 - TINY, (share - chance) / np.maximum(1 - chance, TINY), 0.0)


def _varies(classes: np.ndarray, weights: np.ndarray) -> bool:
    drawn = classes[weights > 0]
    return drawn.size > 0 and bool((drawn != drawn[0]).any())


def _standard(ranks: np.ndarray) -> np.ndarray:
    """Bring columns (m, k) to mean 0 and variance 1; constant ones become 0."""
    centred = ranks - ranks.mean(axis=0)
    deviation = centred.std(axis=0)
    return centred / np.where(deviation > 0, deviation, 1)


def _largest_share(ranks: np.ndarray, classes: np.ndarray, ordered: bool, weights: np.ndarray) -> np.ndarray:
    """Return the largest share over latents, (b, v).

    Parameters
    ----------
    ranks : (m, latents) float
        Standardised.
    classes : (v, m) int
        The factor, in v orders of the images.
    ordered : bool
        Which share.
    weights : (b, m) float
        How often each image counts.
    """
    w = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    mean = w @ ranks  # (b, latents)
    variance = (w @ ranks**2 - mean**2)[..., np.newaxis]
    weighted = w[:, np.newaxis] * ranks.T  # (b, latents, m)
    if ordered:
        rank_of = np.zeros(int(classes.max()) + 1)
        rank_of[classes[0]] = rankdata(classes[0])
        s = _standard(rank_of[classes].T)  # (m, v)
        mean_s = (w @ s)[:, np.newaxis]  # (b, 1, v)
        variance = variance * ((w @ s**2)[:, np.newaxis] - mean_s**2)
        explained = (weighted @ s - mean[..., np.newaxis] * mean_s) ** 2
    else:
        explained = -(mean[..., np.newaxis] ** 2)
        for one in range(int(classes.max()) + 1):
            member = (classes == one).T.astype(np.float64)  # (m, v)
            size = (w @ member)[:, np.newaxis]
            explained = explained + np.where(size > 0, (weighted @ member) ** 2 / np.where(size > 0, size, 1), 0)
    share = np.where(variance > TINY, explained / np.where(variance > TINY, variance, 1), 0)
    largest: np.ndarray = np.clip(share, 0, 1).max(axis=1)
    return largest


def _compute(samples: Samples) -> dict[str, float]:
    """Score labelled samples of the training part: one draw of each number, that of the other few-label scores."""
    scores = {}
    for number in NUMBERS:
        if number <= len(samples.codes_train):
            rng = np.random.default_rng([samples.seed, number])
            rows = rng.permutation(len(samples.codes_train))[:number]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DegenerateWarning)  # factors that do not vary among so few
                score = latent_share(samples.codes_train[rows], samples.factors_train[rows])
            scores[f"latent_share.few{number}"] = score
    return scores


LATENT_SHARE = Metric(
    name="latent_share",
    produces=tuple(f"latent_share.few{number}" for number in NUMBERS),
    function=latent_share,
    compute=_compute,
    paper="Hubert and Arabie 1985",
    range=(-np.inf, 1.0),
    continuous=True,
)
