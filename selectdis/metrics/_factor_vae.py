"""FactorVAE score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selectdis._arrays import check_batches, check_codes, check_votes, warn_degenerate
from selectdis.errors import SelectdisError
from selectdis.metrics._registry import Metric, Samples

__all__ = ["FACTOR_VAE", "FactorVAEScore", "factor_vae_score"]


class FactorVAEScore(NamedTuple):
    """Accuracies of the majority vote on the training and on the test votes; the test part is the score."""

    train: float
    test: float


def factor_vae_score(
    codes: np.ndarray,
    batches_train: np.ndarray,
    factor_train: np.ndarray,
    batches_test: np.ndarray,
    factor_test: np.ndarray,
    *,
    prune_threshold: float = 0.05,
) -> FactorVAEScore:
    """Return the FactorVAE score of Kim and Mnih 2018, "Disentangling by Factorising", section 4 and algorithm 2.

    A vote draws a batch of images that share the value of one factor, and names the code whose variance within the
    batch, over its variance among all images, is smallest. Each code stands for the factor that it was named for
    most often in training; the score is the share of votes that agree.

    Parameters
    ----------
    codes : (n_samples, n_latents) float
        Representations of images drawn freely, for the variances.
    batches_train, batches_test : (n_votes, batch, n_latents) float
        Representations of the drawn batches (`ImageDataset.draw_fixed_factor`).
    factor_train, factor_test : (n_votes,) int
        The factor that each batch shares.
    prune_threshold : float
        Codes whose standard deviation among all images is below it never win a vote.

    Returns
    -------
    FactorVAEScore
        Each in [0, 1], higher is better. With every code pruned the scores are 0, with a warning. A code that no
        training vote named counts as wrong where a test vote names it.

    Raises
    ------
    SelectdisError
        On codes that are not finite, shapes that do not fit, batches or samples of fewer than 2 images.
    """
    codes = check_codes(codes)
    batches_train = check_batches(batches_train, "batches_train")
    batches_test = check_batches(batches_test, "batches_test")
    factor_train = check_votes(factor_train, len(batches_train), "factor_train")
    factor_test = check_votes(factor_test, len(batches_test), "factor_test")
    if min(len(codes), batches_train.shape[1], batches_test.shape[1]) < 2:
        raise SelectdisError("the FactorVAE score needs variances: give at least 2 samples, and batches of 2 or more")
    variances = codes.var(axis=0, ddof=1)
    active = (np.sqrt(variances) >= prune_threshold) & (variances > 0)
    if not active.any():
        warn_degenerate("factor_vae", f"every code has a deviation below {prune_threshold}, so the score is 0")
        return FactorVAEScore(0.0, 0.0)
    n_factors = int(max(factor_train.max(), factor_test.max())) + 1
    train = _count_votes(batches_train[:, :, active], variances[active], factor_train, n_factors)
    test = _count_votes(batches_test[:, :, active], variances[active], factor_test, n_factors)
    majority = train.argmax(axis=0)  # (n_active,), the factor that each code stands for
    named = np.arange(len(majority))
    known = train.sum(axis=0) > 0
    return FactorVAEScore(
        float(train[majority, named].sum() / train.sum()), float((test[majority, named] * known).sum() / test.sum())
    )


def _count_votes(batches: np.ndarray, variances: np.ndarray, factor: np.ndarray, n_factors: int) -> np.ndarray:
    """Count how often each code was named for each factor, (n_factors, n_active)."""
    winner = (batches.var(axis=1, ddof=1) / variances).argmin(axis=1)  # (n_votes,)
    n_active = len(variances)
    return np.bincount(factor * n_active + winner, minlength=n_factors * n_active).reshape(n_factors, n_active)


def _compute(samples: Samples) -> dict[str, float]:
    return {"factor_vae": factor_vae_score(samples.codes_train, *samples.votes("fixed_factor")).test}


FACTOR_VAE = Metric(
    name="factor_vae",
    produces=("factor_vae",),
    function=factor_vae_score,
    compute=_compute,
    paper="Kim and Mnih 2018",
    needs=("train", "fixed_factor"),
    continuous=True,  # one that no two images share is not held
)
