import numpy as np
import pytest
from sklearn.feature_selection import mutual_info_classif

from selectdis._arrays import DegenerateWarning
from selectdis.metrics import infomec
from selectdis.metrics._neighbours import neighbour_information
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=10)


def test_perfect_codes():
    scores = infomec(cases.perfect(FACTORS), FACTORS)
    assert scores == pytest.approx((1.0, 1.0, 1.0), abs=0.06)


def test_rotation_costs_modularity_and_compactness_but_little_explicitness():
    straight, turned = (infomec(cases.REPRESENTATIONS[name](FACTORS), FACTORS) for name in ("perfect", "rotated"))
    assert turned.infom < straight.infom - 0.15
    assert turned.infoc < straight.infoc - 0.3
    assert turned.infoe > 0.9


def test_duplicated_codes_are_modular_and_half_compact():
    scores = infomec(cases.duplicated(FACTORS), FACTORS)
    assert scores.infom > 0.95
    assert scores.infoc == pytest.approx((1 / 2 - 1 / 6) / (1 - 1 / 6), abs=0.02)


def test_inactive_codes_are_left_out():
    codes = cases.perfect(FACTORS)
    small = 0.005 * np.random.default_rng(0).standard_normal((len(codes), 4))
    with_small = infomec(np.column_stack([codes, small]), FACTORS)
    without = infomec(codes, FACTORS)
    assert (with_small.infom, with_small.infoc) == (without.infom, without.infoc)


def test_constant_codes_are_zero():
    with pytest.warns(DegenerateWarning, match="every code is constant"):
        assert infomec(cases.constant(FACTORS), FACTORS) == (0.0, 0.0, 0.0)


def test_information_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    classes = np.concatenate([rng.integers(0, 4, 400), np.full(4, 4), [5]])  # few of a class, and a single one
    x = 0.3 * classes + rng.standard_normal(len(classes))
    ours = neighbour_information(x, classes)
    assert ours == pytest.approx(mutual_info_classif(x[:, None], classes, n_neighbors=10, random_state=0)[0], abs=1e-6)
    assert neighbour_information(rng.standard_normal(50), np.arange(50) % 2) == pytest.approx(0.0, abs=0.1)


def test_common_classes_do_not_drown_rare_ones():
    factor = (np.arange(400) % 20 == 0).astype(int)
    assert infomec(np.random.default_rng(0).standard_normal((400, 2)), factor).infoe < 0.05
