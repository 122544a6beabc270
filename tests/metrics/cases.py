"""Small representations with known properties, and slow references for the fast paths."""

import numpy as np
from scipy.stats import ortho_group
from sklearn.metrics import mutual_info_score

SIZES = (3, 4, 5)


def factors_grid(sizes=SIZES, repeats=5):
    """Every combination `repeats` times, shuffled, (n, n_factors)."""
    grid = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)
    return np.random.default_rng(0).permutation(np.tile(grid, (repeats, 1)))


def perfect(factors, noise=0.01):
    """One code a factor, in float32, with a little noise of its own."""
    rng = np.random.default_rng(1)
    scaled = factors / np.maximum(factors.max(axis=0), 1)
    return (scaled + noise * rng.standard_normal(factors.shape)).astype(np.float32)


def with_noise_codes(factors):
    rng = np.random.default_rng(2)
    return np.hstack([perfect(factors), rng.standard_normal((len(factors), 3)).astype(np.float32)])


def rotated(factors):
    codes = with_noise_codes(factors)
    return (codes @ ortho_group.rvs(codes.shape[1], random_state=3)).astype(np.float32)


def dead(factors):
    codes = with_noise_codes(factors)
    codes[:, 3:] = np.float32(0.1)
    return codes


def duplicated(factors):
    return np.hstack([perfect(factors), perfect(factors)])


def constant(factors):
    return np.full((len(factors), 4), 0.3, dtype=np.float32)


def noise(factors):
    return np.random.default_rng(4).standard_normal((len(factors), 4)).astype(np.float32)


def one_code(factors):
    return perfect(factors)[:, :1]


REPRESENTATIONS = {
    function.__name__: function
    for function in (perfect, with_noise_codes, rotated, dead, duplicated, constant, noise, one_code)
}


def binned_slowly(codes, n_bins=20):
    """Equal-width bins by numpy.histogram and numpy.digitize, a column at a time."""
    columns = [np.digitize(column, np.histogram(column, n_bins)[1][:-1]) for column in codes.T]
    return np.stack(columns, axis=1)


def information_slowly(columns, factors):
    return np.array([[mutual_info_score(f, c) for f in factors.T] for c in columns.T])
