"""What one run says of itself on held-out images: reconstruction, KL, ELBO, active units."""

from __future__ import annotations

import numpy as np

from selectdis._arrays import ACTIVE_NATS, as_numpy, check_codes
from selectdis.criteria._registry import Criterion, HeldOut
from selectdis.errors import SelectdisError

__all__ = ["ACTIVE_UNITS", "ELBO", "KL", "RECONSTRUCTION", "active_units", "gaussian_kl", "held_out"]


def gaussian_kl(mean: np.ndarray, log_variance: np.ndarray) -> np.ndarray:
    """Return KL(N(mean, exp(log_variance)) || N(0, 1)) of each image and latent, (n_samples, n_latents), in nats.

    Kingma and Welling 2014, "Auto-Encoding Variational Bayes", appendix B.

    Parameters
    ----------
    mean, log_variance : (n_samples, n_latents) float
        Of the posterior.

    Raises
    ------
    SelectdisError
        On values that are not finite or shapes that do not fit.
    """
    mean, log_variance = check_codes(mean, "mean"), check_codes(log_variance, "log_variance")
    if mean.shape != log_variance.shape:
        raise SelectdisError(f"mean and log_variance need one shape; found {mean.shape} and {log_variance.shape}")
    mean, log_variance = mean.astype(np.float64), log_variance.astype(np.float64)
    with np.errstate(over="ignore"):
        kl: np.ndarray = 0.5 * (np.square(mean) + np.exp(log_variance) - log_variance - 1)
    return kl


def active_units(kl: np.ndarray, *, threshold: float = ACTIVE_NATS) -> int:
    """Count the latents that are used: those with a mean KL above `threshold` nats (0.01 exactly is not active).

    By KL as in the UDR (Duan et al. 2020), where Burda et al. 2016 take the variance of the mean.

    Parameters
    ----------
    kl : (n_latents,) or (n_samples, n_latents) float
        Mean KL of each latent, in nats; or KLs to be averaged over the samples.
    threshold : float
        In nats.

    Returns
    -------
    int
        In 0 .. n_latents; higher is held to be better (none: collapsed). By KL as in the UDR (Duan et al. 2020),
        where Burda et al. 2016 take the variance of the mean.

    Raises
    ------
    SelectdisError
        On another number of axes, NaN or infinity.
    """
    kl = check_codes(np.atleast_2d(as_numpy(kl)), "kl")
    return int((kl.mean(axis=0) > threshold).sum())


def held_out(reconstruction_error: np.ndarray, kl: np.ndarray) -> dict[str, float]:
    """Return reconstruction, KL, ELBO and active units of one run, from images that it was not trained on.

    Parameters
    ----------
    reconstruction_error : (n_samples,) float
        Nats per image, summed over pixels.
    kl : (n_samples, n_latents) or (n_latents,) float
        In nats (`gaussian_kl`); or averaged over images.

    Returns
    -------
    dict
        "reconstruction", "kl", "elbo", "active_units": mean nats per image (lower is better), KL summed over latents,
        ELBO = -(reconstruction + KL) (higher is better), number of active latents.

    Raises
    ------
    SelectdisError
        On values that are not finite or shapes that do not fit.
    """
    error = check_codes(as_numpy(reconstruction_error).reshape(-1, 1), "reconstruction_error")
    kl = check_codes(np.atleast_2d(as_numpy(kl)), "kl")
    if len(kl) not in (1, len(error)):
        raise SelectdisError(f"kl needs one row per image ({len(error)}), or one row of means; found {len(kl)} rows")
    reconstruction, total = float(error.mean()), float(kl.mean(axis=0).sum())
    return {
        "reconstruction": reconstruction,
        "kl": total,
        "elbo": -(reconstruction + total),
        "active_units": float(active_units(kl)),
    }


def _describe(name: str, paper: str, low: float, high: float, better: bool | None) -> Criterion:
    function = active_units if name == "active_units" else held_out
    return Criterion(
        name=name,
        produces=(name,),
        function=function,
        compute=lambda run: {name: _score(name, run)},
        needs="run",
        paper=paper,
        range=(low, high),
        higher_is_better=better,
        needs_kl=name in ("kl", "elbo"),
    )


def _score(name: str, run: HeldOut) -> float:
    if name == "active_units":
        return float(run.active.sum())
    if name == "reconstruction":
        return float(check_codes(np.asarray(run.reconstruction_error).reshape(-1, 1), "reconstruction_error").mean())
    return held_out(run.reconstruction_error, np.asarray(run.kl))[name]


INFINITY = float("inf")
RECONSTRUCTION = _describe("reconstruction", "Kingma and Welling 2014", 0.0, INFINITY, False)
KL = _describe("kl", "Kingma and Welling 2014", 0.0, INFINITY, False)  # less is closer to the prior
ELBO = _describe("elbo", "Kingma and Welling 2014", -INFINITY, 0.0, True)
ACTIVE_UNITS = _describe("active_units", "Burda et al. 2016", 0.0, INFINITY, True)  # fewer may have collapsed
