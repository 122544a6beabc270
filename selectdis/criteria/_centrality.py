"""ModelCentrality."""

from __future__ import annotations

import numpy as np

from selectdis._arrays import ACTIVE_NATS
from selectdis.criteria._pool import check_pool, groups_of
from selectdis.criteria._registry import Criterion

__all__ = ["MODEL_CENTRALITY", "model_centrality"]


def model_centrality(
    codes: np.ndarray,
    kl: np.ndarray | None = None,
    *,
    active: np.ndarray | None = None,
    configurations: np.ndarray | None = None,
    n_groups: int = 20,
    threshold: float = ACTIVE_NATS,
) -> np.ndarray:
    """Return ModelCentrality of Lin et al. 2020, "InfoGAN-CR and ModelCentrality", section 5.

    Well disentangled runs agree, so that they lie in the centre of the pool. The similarity of run i to run j is the
    FactorVAE score of i with the latents of j as factors; it is made symmetric, and a run's score is its mean over
    the other runs (their equation 9).

    Parameters
    ----------
    codes : (n_runs, n_samples, n_latents) float
        Mean codes of the same images.
    kl : (n_runs, n_latents) float, optional
        Mean KL of each latent, in nats.
    active : (n_runs, n_latents) bool, optional
        In its place: which latents are in use, as of codes that have no posterior.
    configurations : (n_runs,), optional
        Labels; where given, runs are compared within their configuration only.
    n_groups : int
        The authors fix a latent of j and generate images; here a batch is the images of one of that many quantile
        groups of the latent.
    threshold : float
        Latents with a KL (nats) not above it are neither factors nor candidates.

    Returns
    -------
    (n_runs,) float
        In [0, 1], higher is better. A run without active latents, or with no other to compare with, scores 0, with a
        warning.

    Raises
    ------
    SelectdisError
        On codes that are not finite or shapes that do not fit.
    """
    codes, active = check_pool(codes, kl, active, threshold, "model_centrality")
    active &= codes.max(axis=1) > codes.min(axis=1)
    scores = np.zeros(len(codes))
    for members in groups_of(configurations, len(codes), "model_centrality"):
        if len(members) > 1:
            b = _similarities(codes[members], active[members], n_groups)
            scores[members] = (0.5 * (b + b.T)).sum(axis=1) / (len(members) - 1)
    return scores


def _similarities(codes: np.ndarray, active: np.ndarray, n_groups: int) -> np.ndarray:
    """Return FactorVAE scores of run i with the latents of run j as factors, (i, j); 0 on the diagonal."""
    runs, n, latents = codes.shape
    spread = codes.var(axis=1, keepdims=True)
    scaled = (codes - codes.mean(axis=1, keepdims=True)) / np.sqrt(np.where(spread > 0, spread, 1.0))
    together = scaled.transpose(1, 0, 2).reshape(n, runs * latents)
    b = np.zeros((runs, runs))
    for j in range(runs):
        factors = np.flatnonzero(active[j])
        if len(factors):
            variances = _group_variances(together, _groups(codes[j][:, factors], n_groups), n_groups)
            votes = np.where(active.ravel(), variances, np.inf).reshape(len(factors), -1, runs, latents)
            b[:, j] = _agreement(votes.argmin(axis=3), latents) * active.any(axis=1)
            b[j, j] = 0.0
    return b


def _groups(codes: np.ndarray, n_groups: int) -> np.ndarray:
    """Quantile group 0 .. n_groups - 1 of each sample, column by column."""
    ranks = codes.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    return ranks * n_groups // len(codes)


def _group_variances(z: np.ndarray, groups: np.ndarray, n_groups: int) -> np.ndarray:
    """Variance of each column of z (n, c) within each group of each factor (n, f): (f, n_groups, c)."""
    member = (groups.T[:, np.newaxis, :] == np.arange(n_groups)[:, np.newaxis]).astype(np.float64)  # (f, groups, n)
    member = member.reshape(-1, len(z))
    count = np.maximum(member.sum(axis=1, keepdims=True), 1.0)
    variance = (member @ z**2) / count - ((member @ z) / count) ** 2
    return variance.reshape(groups.shape[1], n_groups, z.shape[1])


def _agreement(winners: np.ndarray, latents: int) -> np.ndarray:
    """Share of the votes (f, groups, runs) that agree with the majority factor of the latent they name, (runs,)."""
    counts = (winners[..., np.newaxis] == np.arange(latents)).sum(axis=1)  # (f, runs, latents)
    share: np.ndarray = counts.max(axis=0).sum(axis=1) / (winners.shape[0] * winners.shape[1])
    return share


MODEL_CENTRALITY = Criterion(
    name="model_centrality",
    produces=("model_centrality",),
    function=model_centrality,
    compute=lambda pool: {
        "model_centrality": model_centrality(pool.codes, active=pool.active, configurations=pool.blocks)
    },
    needs="pool",
    paper="Lin et al. 2020",
    range=(0.0, 1.0),
    higher_is_better=True,
)
