"""Stacked codes of many runs on the same images."""

from __future__ import annotations

import numpy as np

from selectdis._arrays import as_numpy, check_codes, check_stack, warn_degenerate
from selectdis.errors import SelectdisError

__all__ = ["check_pool", "groups_of", "standardise"]


def check_pool(
    codes: np.ndarray, kl: np.ndarray | None, active: np.ndarray | None, threshold: float, score: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return codes (n_runs, n_samples, n_latents) as float64, and which of their latents are active, bool.

    These are `active`, or those with a KL above `threshold`; runs that have none are warned of.
    """
    codes = check_stack(codes).astype(np.float64)
    if (kl is None) == (active is None):
        raise SelectdisError(f"{score} needs either kl or active, found {'neither' if kl is None else 'both'}")
    name, given = ("kl", check_codes(kl, "kl")) if active is None else ("active", np.asarray(active))
    wanted = (codes.shape[0], codes.shape[2])
    if given.shape != wanted:
        raise SelectdisError(f"{name} must be (n_runs, n_latents), here {wanted}; found {given.shape}")
    mask: np.ndarray = given > threshold if active is None else given.astype(bool)
    if len(dead := np.flatnonzero(~mask.any(axis=1))):
        what = f"no latent has a KL above {threshold}" if active is None else "no latent is active"
        warn_degenerate(score, f"{what} in run(s) {', '.join(map(str, dead))}: 0 there")
    return codes, mask


def groups_of(configurations: np.ndarray | None, n_runs: int, score: str) -> list[np.ndarray]:
    """Return the indices of the runs that are compared with one another; warn of runs that stand alone."""
    labels = np.zeros(n_runs) if configurations is None else as_numpy(configurations)
    if labels.shape != (n_runs,):
        raise SelectdisError(f"configurations must hold one label per run ({n_runs}); found shape {labels.shape}")
    inverse = np.unique(labels, return_inverse=True)[1]
    groups = [np.flatnonzero(inverse == label) for label in range(inverse.max() + 1)]
    alone = [str(group[0]) for group in groups if len(group) == 1]
    if alone:
        warn_degenerate(score, f"run(s) {', '.join(alone)} have no other to compare with: 0 there")
    return groups


def standardise(codes: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and deviation 1 (ddof 0); a constant column becomes 0."""
    centred = codes - codes.mean(axis=0)
    live = codes.max(axis=0) > codes.min(axis=0)
    deviation = np.where(live, centred.std(axis=0), 1.0)
    return np.where(live & (deviation > 0), centred / np.where(deviation > 0, deviation, 1.0), 0.0)
