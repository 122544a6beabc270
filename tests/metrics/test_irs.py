import numpy as np
import pytest

from selectdis._arrays import DegenerateWarning
from selectdis.metrics import irs
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=10)


def slowly(z, factors, quantile=0.99):
    z = z.astype(np.float64)
    top = np.abs(z - z.mean(axis=0)).max(axis=0)
    scores = np.zeros((z.shape[1], factors.shape[1]))
    for i in range(factors.shape[1]):
        values = np.unique(factors[:, i])
        for value in values:
            inside = z[factors[:, i] == value]
            scores[:, i] += np.percentile(np.abs(inside - inside.mean(axis=0)), 100 * quantile, axis=0) / len(values)
    return np.average((1 - scores / top[:, None]).max(axis=1), weights=top)


@pytest.mark.parametrize("representation", ["rotated", "with_noise_codes", "noise"])
def test_against_loops(representation):
    codes = cases.REPRESENTATIONS[representation](FACTORS)
    assert irs(codes, FACTORS) == pytest.approx(slowly(codes, FACTORS), rel=1e-12)


def test_exact_codes_are_robust():
    assert irs(FACTORS.astype(float), FACTORS) == pytest.approx(1.0)


def test_dead_codes_weigh_nothing():
    codes = cases.perfect(FACTORS)
    with_dead = np.column_stack([codes, np.full(len(codes), 0.1, dtype=np.float32)])
    assert irs(with_dead, FACTORS) == irs(codes, FACTORS)


def test_all_codes_dead_is_zero():
    with pytest.warns(DegenerateWarning, match="every code is constant"):
        assert irs(cases.constant(FACTORS), FACTORS) == 0.0


def test_many_values_are_merged():
    factor = np.arange(400) % 40
    codes = factor[:, None].astype(float)
    assert irs(codes, factor) < 1.0  # two neighbouring values a bin
    assert irs(codes, factor, n_bins=40) == pytest.approx(1.0)
