"""Straightforward implementations, a loop at a time, to hold the fast ones to."""

import numpy as np
import scipy.stats
from sklearn.linear_model import Lasso
from sklearn.preprocessing import StandardScaler


def lasso_similarity(predictor, other):
    return np.abs(Lasso(alpha=0.1).fit(predictor, other).coef_).T


def spearman_similarity(predictor, other):
    r = np.zeros((predictor.shape[1], other.shape[1]))
    for a in range(len(r)):
        for b in range(r.shape[1]):
            if np.ptp(predictor[:, a]) > 0 and np.ptp(other[:, b]) > 0:
                r[a, b] = abs(scipy.stats.spearmanr(predictor[:, a], other[:, b]).statistic)
    return r


def strength(r):
    with np.errstate(invalid="ignore"):
        columns = np.nan_to_num(r.max(axis=0) ** 2 / r.sum(axis=0))
        rows = np.nan_to_num(r.max(axis=1) ** 2 / r.sum(axis=1))
    return (columns.mean() + rows.mean()) / 2


def udr(codes, kl, similarity):
    """Pair by pair, as in the paper: the run is predicted, the other predicts."""
    active = kl > 0.01
    scaled = [StandardScaler().fit_transform(one.astype(np.float64)) * a for one, a in zip(codes, active, strict=True)]
    compare = lasso_similarity if similarity == "lasso" else spearman_similarity
    scores = []
    for run in range(len(codes)):
        pairs = []
        for other in range(len(codes)):
            if other != run:
                r = compare(scaled[other], scaled[run])[active[other]][:, active[run]]
                pairs.append(strength(r) if r.size else 0.0)
        scores.append(np.median(pairs))
    return np.array(scores)


def model_centrality(codes, n_groups):
    """FactorVAE votes of each run on the quantile groups of each latent of each other run."""
    runs, n, latents = codes.shape
    b = np.zeros((runs, runs))
    for i in range(runs):
        for j in range(runs):
            votes = np.zeros((latents, latents))
            for factor in range(latents):
                groups = np.argsort(np.argsort(codes[j][:, factor], kind="stable"), kind="stable") * n_groups // n
                for group in range(n_groups):
                    inside = codes[i][groups == group]
                    votes[factor, np.argmin(inside.var(axis=0) / codes[i].var(axis=0))] += 1
            b[i, j] = votes.max(axis=0).sum() / votes.sum() if i != j else 0.0
    return (b + b.T).sum(axis=1) / 2 / (runs - 1)
