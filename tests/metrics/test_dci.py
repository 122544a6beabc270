import numpy as np
import pytest
from scipy.stats import entropy

from selectdis._arrays import DegenerateWarning
from selectdis.errors import SelectdisError
from selectdis.metrics import dci
from selectdis.metrics._dci import disentanglement
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=5)
HALF = 2 * len(FACTORS) // 3


def of(codes, factors=FACTORS, **options):
    return dci(codes[:HALF], factors[:HALF], codes[HALF:], factors[HALF:], **options)


def test_importances_of_an_identity_and_of_a_flat_matrix():
    assert disentanglement(np.eye(4)) == pytest.approx(1.0)
    assert disentanglement(np.full((4, 4), 0.25)) == pytest.approx(0.0, abs=1e-9)
    assert disentanglement(np.zeros((4, 2))) == 0.0


def test_against_scipy_entropy():
    r = np.random.default_rng(0).dirichlet(np.ones(6), size=4).T  # (codes, factors)
    per_code = 1 - entropy(r.T + 1e-11, base=4)
    assert disentanglement(r) == pytest.approx(np.sum(per_code * r.sum(axis=1) / r.sum()), rel=1e-12)


def test_perfect_and_duplicated_codes():
    assert of(cases.perfect(FACTORS)) == pytest.approx((1.0, 1.0, 1.0, 1.0), abs=0.02)
    twice = of(cases.duplicated(FACTORS))
    assert twice.disentanglement > 0.98
    # Two equal codes share a factor about evenly: the entropy of one bit, out of log2(6).
    assert twice.completeness == pytest.approx(1 - 1 / np.log2(6), abs=0.05)


def test_constant_codes_know_nothing():
    scores = of(cases.constant(FACTORS))
    assert scores[:2] == (0.0, 0.0)
    assert scores.informativeness_test < 0.5


def test_the_number_of_threads_does_not_matter():
    codes = cases.rotated(FACTORS)
    assert of(codes, n_jobs=3) == of(codes, n_jobs=1)


def test_a_single_factor_and_a_single_code():
    assert of(cases.with_noise_codes(FACTORS), FACTORS[:, :1]).disentanglement == 1.0
    assert of(cases.perfect(FACTORS)[:, :1]).completeness == 1.0


def test_a_constant_factor_is_left_out():
    factors = FACTORS.copy()
    factors[:, 1] = 2
    with pytest.warns(DegenerateWarning, match=r"dci: left out constant factor\(s\) 1"):
        scores = of(cases.perfect(FACTORS), factors)
    assert scores.informativeness_test > 0.98


def test_an_unknown_estimator_is_answered_with_the_nearest():
    with pytest.raises(SelectdisError, match="did you mean 'sklearn'"):
        of(cases.perfect(FACTORS), estimator="skleanr")


def test_the_seed_decides_how_equal_codes_share():
    scores = [of(cases.duplicated(FACTORS), seed=seed) for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]
