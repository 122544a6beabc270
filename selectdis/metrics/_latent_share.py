"""How much of each factor one latent explains: a score for as few as five labelled images."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy

from selectdis._arrays import DegenerateWarning, check_codes, warn_degenerate
from selectdis._factors import MISSING, factor_table, read_values, warn_of_minus_one
from selectdis.errors import SelectdisError, whole_number
from selectdis.metrics._registry import Metric, Samples

__all__ = ["LATENT_SHARE", "bootstrap_latent_share", "latent_share", "latent_shares"]

NUMBERS = (5, 10, 20, 30, 100)
LARGEST = 4_000_000  # numbers in memory at once, for each factor
TINY = 1e-9  # variances of standardised ranks below it are rounding


On = Literal["ranks", "values", "both"]


def _ranks(columns: np.ndarray) -> np.ndarray:
    ranks: np.ndarray = scipy.stats.rankdata(columns, axis=0)
    return ranks


def _values(columns: np.ndarray) -> np.ndarray:
    return columns


KINDS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], ...]] = {
    "ranks": (_ranks,),
    "values": (_values,),
    "both": (_ranks, _values),
}


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
    on: On = "ranks",
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
    on : str
        What of a latent counts: its ``"ranks"``; its ``"values"``, with which the shares are the squared Pearson
        correlation with s, and the share of the variance of the values (eta squared); or ``"both"``, the mean of the
        two for each latent. With few labels ranks tie often, and values tell such runs apart: labels that pick a run
        go by both. What is recorded as ``latent_share.few10`` goes by ranks.
    n_permutations : int
        From how many permutations chance is estimated. The same for every run of the same labels and seed, so that its
        error (about 0.01 at 5 labels) hardly touches their order.
    seed : int
        Of the permutations.

    Returns
    -------
    float
        1 where each factor is a monotone (by values: linear) function of one latent, 0 on average for codes that are
        independent of the labels (with 5 labels, down to about -1), 0 for constant codes and where no labelled factor
        varies. Higher is better. It does not depend on the order, sign or scale of the latents.

    Raises
    ------
    SelectdisError
        On codes that are not finite, shapes that do not fit, or no permutation.
    """
    codes = check_codes(codes)
    return float(
        latent_shares(codes[np.newaxis], factors, ordered=ordered, on=on, n_permutations=n_permutations, seed=seed)[0]
    )


def bootstrap_latent_share(
    codes: np.ndarray,
    factors: np.ndarray,
    *,
    ordered: bool | Sequence[bool] = True,
    on: On = "ranks",
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
    on : str
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
    codes, n_resamples = check_codes(codes), whole_number("n_resamples", n_resamples, 1)
    options: dict[str, Any] = {"ordered": ordered, "on": on, "n_permutations": n_permutations, "seed": seed}
    return latent_shares(codes[np.newaxis], factors, n_resamples=n_resamples, **options)[0]


def latent_shares(
    codes: np.ndarray,
    factors: Any,
    *,
    ordered: bool | Sequence[bool] = True,
    on: On = "ranks",
    n_permutations: int = 200,
    n_resamples: int = 0,
    seed: int = 0,
) -> np.ndarray:
    """Return `latent_share` of many runs at once, or with `n_resamples` the scores of `bootstrap_latent_share`.

    Parameters
    ----------
    codes : (n_runs, n_labels, n_latents) float
        Finite; a run with fewer latents than others has constant ones besides, which explain nothing.
    factors, ordered, on, n_permutations, n_resamples, seed
        As there.

    Returns
    -------
    (n_runs,) or (n_runs, n_resamples) float
    """
    n, n_permutations = codes.shape[1], whole_number("n_permutations", n_permutations, 1)
    if on not in KINDS:
        raise SelectdisError(f"on is one of {', '.join(KINDS)}; found {on!r}")
    labels = _labels(factors, n, ordered)
    if not n_resamples:
        weights = np.ones((1, n))
    else:
        rng = np.random.default_rng([seed, 1])
        weights = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64)
    at_once = max(1, LARGEST // (len(weights) * n_permutations * codes.shape[2]))  # runs
    blocks = [codes[first : first + at_once] for first in range(0, len(codes), at_once)]
    scores = np.concatenate([_scores(block, labels, weights, KINDS[on], n_permutations, seed) for block in blocks])
    return scores if n_resamples else scores[:, 0]


def _labels(factors: Any, n: int, ordered: bool | Sequence[bool]) -> list[_Factor]:
    """Return the factors that have at least two values."""
    table = factor_table(factors, n, "factors")
    n_factors = table.shape[1]
    order = [bool(ordered)] * n_factors if np.ndim(ordered) == 0 else list(ordered)  # type: ignore[arg-type]
    if len(order) != n_factors:
        raise SelectdisError(f"ordered must say yes or no for each of the {n_factors} factors; found {len(order)}")
    labels, constant = [], []
    for k in range(n_factors):
        column = read_values(table[:, k], f"column {k} of factors")
        warn_of_minus_one(column, f"column {k} of factors")
        classes = column.classes
        rows = np.flatnonzero(classes != MISSING)
        labels.append(_Factor(rows, classes[rows], order[k]))
        constant += [k] if classes.max() < 1 else []
    if constant:
        warn_degenerate("latent share", f"left out constant factor(s) {', '.join(map(str, constant))}")
    return [label for k, label in enumerate(labels) if k not in constant]


def _scores(
    codes: np.ndarray,
    labels: list[_Factor],
    weights: np.ndarray,
    kinds: Sequence[Callable[[np.ndarray], np.ndarray]],
    n_permutations: int,
    seed: int,
) -> np.ndarray:
    """Return the scores (runs, b) for each row of `weights` (b, n_labels), which say how often each image counts."""
    runs, n, latents = codes.shape
    if not labels:
        return np.zeros((runs, len(weights)))
    columns = (
        codes.astype(np.float64).transpose(1, 0, 2).reshape(n, runs * latents)
    )  # those of a run stand side by side
    shares, chances = np.zeros((2, len(labels), runs, len(weights)))
    for k, (rows, classes, ordered) in enumerate(labels):
        values = [_standard(kind(columns[rows])) for kind in kinds]
        tiled = np.tile(classes, (n_permutations, 1))
        shuffled = np.random.default_rng([seed, len(rows)]).permuted(tiled, axis=1)
        shares[k] = _largest_share(values, classes[np.newaxis], ordered, weights[:, rows], latents)[..., 0].T
        chances[k] = _largest_share(values, shuffled, ordered, weights[:, rows], latents).mean(axis=-1).T
    varies = np.array([[_varies(label.classes, w[label.rows]) for w in weights] for label in labels])[:, np.newaxis]
    share, chance = ((part * varies).sum(axis=0) / np.maximum(varies.sum(axis=0), 1) for part in (shares, chances))
    return np.where(chance < 1 - TINY, (share - chance) / np.maximum(1 - chance, TINY), 0.0)


def _varies(classes: np.ndarray, weights: np.ndarray) -> bool:
    drawn = classes[weights > 0]
    return drawn.size > 0 and bool((drawn != drawn[0]).any())


def _standard(columns: np.ndarray) -> np.ndarray:
    """Bring columns (m, k) to mean 0 and variance 1; constant ones become 0."""
    centred = columns - columns.mean(axis=0)
    deviation = centred.std(axis=0)
    return centred / np.where(deviation > 0, deviation, 1)


def _largest_share(
    values: list[np.ndarray], classes: np.ndarray, ordered: bool, weights: np.ndarray, latents: int
) -> np.ndarray:
    """Return the largest share over the latents of each run, (b, runs, v), of the mean over kinds of `values`."""
    shares: np.ndarray = np.mean([_shares(one, classes, ordered, weights) for one in values], axis=0)
    b, columns, v = shares.shape
    largest: np.ndarray = shares.reshape(b, columns // latents, latents, v).max(axis=2)
    return largest


def _shares(ranks: np.ndarray, classes: np.ndarray, ordered: bool, weights: np.ndarray) -> np.ndarray:
    """Return the share of each column, (b, columns, v).

    Parameters
    ----------
    ranks : (m, columns) float
        Ranks or values, standardised.
    classes : (v, m) int
        The factor, in v orders of the images.
    ordered : bool
        Which share.
    weights : (b, m) float
        How often each image counts.
    """
    w = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)
    mean = w @ ranks  # (b, columns)
    variance = (w @ ranks**2 - mean**2)[..., np.newaxis]
    weighted = w[:, np.newaxis] * ranks.T  # (b, columns, m)
    if ordered:
        rank_of = np.zeros(int(classes.max()) + 1)
        rank_of[classes[0]] = scipy.stats.rankdata(classes[0])
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
    clipped: np.ndarray = np.clip(share, 0, 1)
    return clipped


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
