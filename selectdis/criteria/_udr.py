"""Unsupervised disentanglement ranking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import scipy

from selectdis._arrays import ACTIVE_NATS
from selectdis.criteria._lasso import lasso_coefficients
from selectdis.criteria._pool import check_pool, groups_of, standardise
from selectdis.criteria._registry import Criterion, Pool
from selectdis.errors import check_choice

__all__ = ["UDR_LASSO", "UDR_SPEARMAN", "udr"]

ALPHA = 0.1  # of the lasso, on standardised codes
# Codes of the predictor (n, a) and of the others (n, others * b) -> similarities (a, others * b), all >= 0.
Similarity = Callable[[np.ndarray, np.ndarray], np.ndarray]


def udr(
    codes: np.ndarray,
    kl: np.ndarray | None = None,
    *,
    active: np.ndarray | None = None,
    similarity: Literal["lasso", "spearman"] = "lasso",
    configurations: np.ndarray | None = None,
    threshold: float = ACTIVE_NATS,
) -> np.ndarray:
    """Return the UDR of Duan et al. 2020.

    "Unsupervised Model Selection for Variational Disentangled Representation Learning".
    Disentangled runs of one configuration agree up to permutation and sign. With R(a, b) >= 0 the similarity of latent
    a of a run to latent b of another, the score of the pair is (their equation 3)
    1/2 [mean_b max_a R^2 / sum_a R + mean_a max_b R^2 / sum_b R], over active latents; a run's score is the median of
    its pairs, the run being the one that is predicted.

    Parameters
    ----------
    codes : (n_runs, n_samples, n_latents) float
        Mean codes of the same images (the authors take 1,000).
    kl : (n_runs, n_latents) float, optional
        Mean KL of each latent, in nats.
    active : (n_runs, n_latents) bool, optional
        In its place: which latents are in use, as of codes that have no posterior.
    similarity : {"lasso", "spearman"}
        Absolute coefficients at alpha 0.1 on standardised codes; or absolute rank correlations.
    configurations : (n_runs,), optional
        Labels; where given, runs are compared within their configuration only.
    threshold : float
        Latents with a KL (nats) not above it are left out: they are 0 before the regression or the ranks are compared.

    Returns
    -------
    (n_runs,) float
        In [0, 1], higher is better (the lasso coefficients of strongly correlated latents, and with them the score, may
        exceed 1). A pair where a run has no active latent scores 0, and so does a run with no other to compare with,
        each with a warning. A constant latent is similar to none.

    Raises
    ------
    SelectdisError
        On codes that are not finite, shapes that do not fit, or an unknown similarity.
    """
    check_choice("similarity", similarity, SIMILARITIES)
    codes, active = check_pool(codes, kl, active, threshold, f"udr_{similarity}")
    scores = np.zeros(len(codes))
    for members in groups_of(configurations, len(codes), f"udr_{similarity}"):
        scores[members] = _median_of_others(_pairs(codes[members], active[members], similarity))
    return scores


def _pairs(codes: np.ndarray, active: np.ndarray, similarity: str) -> np.ndarray:
    """Score ordered pairs, (predictor, predicted)."""
    prepare, compare = SIMILARITIES[similarity]
    # Inactive latents are 0 before they are compared, as in the reference: they neither predict nor are predicted.
    prepared = np.stack([prepare(one) for one in codes]) * active[:, np.newaxis]  # (runs, n, latents)
    runs, n, latents = prepared.shape
    together = prepared.transpose(1, 0, 2).reshape(n, runs * latents)
    return np.stack(
        [
            relative_strength(
                compare(prepared[j], together).reshape(latents, runs, latents).transpose(1, 0, 2), active[j], active
            )
            for j in range(runs)
        ]
    )


def relative_strength(r: np.ndarray, active_a: np.ndarray, active_b: np.ndarray) -> np.ndarray:
    """Score each of (runs,) similarity matrices over the active latents of both sides.

    Parameters
    ----------
    r : (runs, a, b) float
        Similarities, at least 0, and 0 for latents that are not active.
    active_a : (a,) bool
        Of the run that all are compared with.
    active_b : (runs, b) bool
        Of the others.
    """
    per_b = _strength(r, axis=1) / np.maximum(active_b.sum(axis=1), 1)
    per_a = _strength(r, axis=2) / max(active_a.sum(), 1)
    return 0.5 * (per_b + per_a)


def _strength(r: np.ndarray, axis: int) -> np.ndarray:
    """Sum over the other latents max^2 / sum along `axis`; a row of zeros counts 0."""
    total = r.sum(axis=axis)
    strength: np.ndarray = (r.max(axis=axis) ** 2 / np.where(total > 0, total, 1.0)).sum(axis=1)
    return strength


def _median_of_others(pairs: np.ndarray) -> np.ndarray:
    """Return the median over the other runs j of pairs[j, run]; 0 for a lone run."""
    if len(pairs) < 2:
        return np.zeros(len(pairs))
    others = ~np.eye(len(pairs), dtype=bool)
    return np.array([np.median(pairs[others[:, run], run]) for run in range(len(pairs))])


def _ranks(codes: np.ndarray) -> np.ndarray:
    return standardise(scipy.stats.rankdata(codes, axis=0))


def _spearman(predictor: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.abs(predictor.T @ others) / len(predictor)


def _lasso(predictor: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.abs(lasso_coefficients(predictor, others, alpha=ALPHA))


SIMILARITIES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], Similarity]] = {
    "lasso": (standardise, _lasso),
    "spearman": (_ranks, _spearman),
}


def _describe(similarity: Literal["lasso", "spearman"]) -> Criterion:
    def compute(pool: Pool) -> dict[str, np.ndarray]:
        within = udr(pool.codes, active=pool.active, similarity=similarity, configurations=pool.configurations)
        over_all = udr(pool.codes, active=pool.active, similarity=similarity, configurations=pool.blocks)
        return {f"udr_{similarity}": within, f"udr_{similarity}_pool": over_all}

    return Criterion(
        name=f"udr_{similarity}",
        produces=(f"udr_{similarity}", f"udr_{similarity}_pool"),
        function=udr,
        compute=compute,
        needs="pool",
        paper="Duan et al. 2020",
        range=(0.0, 1.0 if similarity == "spearman" else float("inf")),
        higher_is_better=True,
    )


UDR_LASSO = _describe("lasso")
UDR_SPEARMAN = _describe("spearman")
