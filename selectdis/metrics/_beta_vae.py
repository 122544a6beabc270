"""BetaVAE score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from selectdis._arrays import check_batches, check_votes, warn_degenerate
from selectdis.errors import SelectdisError
from selectdis.metrics._logistic import fit_logistic
from selectdis.metrics._registry import Metric, Samples

__all__ = ["BETA_VAE", "BetaVAEScore", "beta_vae_score"]


class BetaVAEScore(NamedTuple):
    """Accuracies of the classifier on the training and on the test votes; the test part is the score."""

    train: float
    test: float


def beta_vae_score(
    first_train: np.ndarray,
    second_train: np.ndarray,
    factor_train: np.ndarray,
    first_test: np.ndarray,
    second_test: np.ndarray,
    factor_test: np.ndarray,
    *,
    seed: int = 0,
) -> BetaVAEScore:
    """Return the BetaVAE score of Higgins et al. 2017, "beta-VAE: Learning Basic Visual Concepts", section 3.

    A vote draws pairs of images that share the value of one factor. A linear classifier (logistic regression) names
    that factor from the mean over the pairs of |z_first - z_second|.

    Parameters
    ----------
    first_train, second_train, first_test, second_test : (n_votes, n_pairs, n_latents) float
        Representations of the drawn pairs (`ImageDataset.draw_pairs`).
    factor_train, factor_test : (n_votes,) int
        The factor that each vote's pairs share.
    seed : int
        Of the logistic regression.

    Returns
    -------
    BetaVAEScore
        Each in [0, 1], higher is better. The features are not scaled, so that the penalty of the regression depends on
        the scale of the codes, as in the reference. With votes for a single factor the classifier is constant, and a
        warning says so.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    x_train = _differences(first_train, second_train, "train")
    x_test = _differences(first_test, second_test, "test")
    factor_train = check_votes(factor_train, len(x_train), "factor_train")
    factor_test = check_votes(factor_test, len(x_test), "factor_test")
    if (factor_train == factor_train[0]).all():
        warn_degenerate("beta_vae", f"all votes share factor {factor_train[0]}, so the classifier is constant")
        return BetaVAEScore(1.0, float(np.mean(factor_test == factor_train[0])))
    model = fit_logistic(x_train, factor_train, random_state=seed)
    return BetaVAEScore(
        float(np.mean(model.predict(x_train) == factor_train)), float(np.mean(model.predict(x_test) == factor_test))
    )


def _differences(first: np.ndarray, second: np.ndarray, part: str) -> np.ndarray:
    """Mean over the pairs of |z_first - z_second|, (n_votes, n_latents)."""
    first = check_batches(first, f"first_{part}")
    second = check_batches(second, f"second_{part}")
    if first.shape != second.shape:
        raise SelectdisError(f"the two codes of a pair need one shape; found {first.shape} and {second.shape} ({part})")
    differences: np.ndarray = np.abs(first - second).mean(axis=1)
    return differences


def _compute(samples: Samples) -> dict[str, float]:
    first, second, factor, *test = samples.votes("pairs")
    return {"beta_vae": beta_vae_score(first, second, factor, test[0], test[1], test[2], seed=samples.seed).test}


BETA_VAE = Metric(
    name="beta_vae",
    produces=("beta_vae",),
    function=beta_vae_score,
    compute=_compute,
    paper="Higgins et al. 2017",
    needs=("pairs",),
    continuous=True,  # one that no two images share is not held
)
