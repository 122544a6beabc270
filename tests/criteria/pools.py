"""Pools of runs with known agreement."""

import numpy as np
from scipy.stats import ortho_group


def sources(n=400, latents=5):
    return np.random.default_rng(0).uniform(-1, 1, (n, latents))


def agreeing(runs=4, noise=0.05):
    """Runs that found the same latents, up to order and sign."""
    rng = np.random.default_rng(1)
    z = sources()
    return np.stack(
        [
            (z + noise * rng.standard_normal(z.shape))[:, rng.permutation(5)] * rng.choice([-1, 1], size=5)
            for _ in range(runs)
        ]
    )


def turned(runs=4):
    """Runs that found the same space, each in axes of its own."""
    z = sources()
    return np.stack([z @ ortho_group.rvs(5, random_state=seed) for seed in range(runs)])


def all_active(codes):
    return np.ones((codes.shape[0], codes.shape[2]))
