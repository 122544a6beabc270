import numpy as np
import pytest
import scipy.linalg

from selectdis._arrays import DegenerateWarning
from selectdis.criteria import gaussian_total_correlation, gaussian_wasserstein

RNG = np.random.default_rng(0)
INDEPENDENT = RNG.standard_normal((20_000, 4))
MIXED = INDEPENDENT @ RNG.standard_normal((4, 4))


def test_total_correlation_of_two_gaussians_is_known():
    rho = 0.6
    codes = INDEPENDENT[:, :2] @ np.linalg.cholesky(np.array([[1, rho], [rho, 1]])).T
    assert gaussian_total_correlation(codes) == pytest.approx(-0.5 * np.log(1 - rho**2), abs=0.01)


def test_independent_codes_are_near_zero():
    assert 0 <= gaussian_total_correlation(INDEPENDENT) < 1e-3
    assert 0 <= gaussian_wasserstein(INDEPENDENT) < 1e-3


def test_wasserstein_is_the_distance_of_two_gaussians():
    s = np.cov(MIXED.T)
    root = scipy.linalg.sqrtm(np.diag(np.diag(s)))
    expected = 2 * np.trace(s) - 2 * np.trace(scipy.linalg.sqrtm(root @ s @ root)).real
    assert gaussian_wasserstein(MIXED) == pytest.approx(expected, rel=1e-9)
    assert gaussian_wasserstein(3 * MIXED) == pytest.approx(9 * expected, rel=1e-9)
    assert gaussian_wasserstein(3 * MIXED, normalised=True) == pytest.approx(expected / np.trace(s), rel=1e-9)


def test_dead_codes_are_left_out_of_the_total_correlation():
    with_dead = np.column_stack([MIXED, np.full(len(MIXED), 0.1)])
    with pytest.warns(DegenerateWarning, match=r"left out constant code\(s\) 4"):
        assert gaussian_total_correlation(with_dead) == pytest.approx(gaussian_total_correlation(MIXED))
    assert gaussian_wasserstein(with_dead) == pytest.approx(gaussian_wasserstein(MIXED))


@pytest.mark.parametrize("copies", [MIXED, np.zeros_like(MIXED) + MIXED[:, :1]])
def test_equal_codes_give_a_large_finite_number_and_a_warning(copies):
    doubled = np.hstack([MIXED, copies])
    with pytest.warns(DegenerateWarning, match="depend linearly"):
        value = gaussian_total_correlation(doubled)
    assert np.isfinite(value)
    assert value > 10
    assert np.isfinite(gaussian_wasserstein(doubled))
    assert gaussian_wasserstein(doubled) > 1


def test_nothing_to_correlate():
    with pytest.warns(DegenerateWarning):
        assert gaussian_total_correlation(np.ones((5, 3))) == 0.0
    assert gaussian_wasserstein(np.ones((5, 3))) == 0.0
    assert gaussian_wasserstein(np.ones((1, 3)), normalised=True) == 0.0
    assert gaussian_total_correlation(MIXED[:, :1]) == 0.0
    assert gaussian_wasserstein(MIXED[:, :1]) == pytest.approx(0.0, abs=1e-12)
