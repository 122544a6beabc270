import numpy as np
import pytest

from selectdis._arrays import DegenerateWarning
from selectdis.errors import SelectdisError
from selectdis.metrics import _downstream, downstream, fairness
from selectdis.metrics._downstream import sample_efficiency
from selectdis.metrics._fairness import fairness_of_trees
from selectdis.metrics._trees import FittedTrees
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=6)
HALF = 240


def split(codes, factors=FACTORS):
    return codes[:HALF], factors[:HALF], codes[HALF:], factors[HALF:]


@pytest.mark.parametrize("predictor", ["lr", "gbt"])
def test_more_labels_help(predictor):
    result = downstream(*split(cases.perfect(FACTORS)), predictor=predictor, sizes=(10, 100, 200, 10_000))
    assert list(result.accuracy) == [10, 100, 200]
    assert result.accuracy[10] < result.accuracy[200]
    assert result.accuracy[200] > 0.85
    assert result.efficiency == result.accuracy[100] / result.accuracy[200]


def test_sample_efficiency_where_it_is_not_defined():
    assert sample_efficiency({10: 0.5}) == 0.0
    assert sample_efficiency({100: 0.5}) == 0.0
    assert sample_efficiency({}) == 0.0


@pytest.mark.parametrize("predictor", ["lr", "gbt"])
def test_one_class_among_the_labels_is_what_is_predicted(predictor):
    factors = FACTORS.copy()
    factors[:10, 0], factors[10:HALF, 0] = 1, 0  # the first ten are the labelled ones
    factors[HALF : HALF + 20, 0] = 1
    result = downstream(*split(cases.constant(FACTORS), factors[:, :1]), predictor=predictor, sizes=(10,))
    assert result.accuracy[10] == np.mean(factors[HALF:, 0] == 1)


def test_no_factor_left():
    with pytest.warns(DegenerateWarning):
        assert downstream(*split(cases.noise(FACTORS), np.zeros_like(FACTORS)), sizes=(10,)).accuracy == {10: 1.0}


def test_an_unknown_predictor():
    with pytest.raises(SelectdisError, match="did you mean 'gbt'"):
        downstream(*split(cases.noise(FACTORS)), predictor="gbtt")


def test_codes_that_leak_nothing_are_fair():
    assert fairness(*split(cases.perfect(FACTORS))) > 0.9


def test_predictions_that_follow_another_factor_are_unfair():
    factors = FACTORS[:, :2].copy()
    factors[:, 1] = factors[:, 0]  # the target is the sensitive variable
    assert fairness(*split(cases.perfect(FACTORS)[:, :1], factors)) == pytest.approx(1 / 3, abs=0.05)


def test_fairness_of_a_single_factor():
    with pytest.warns(DegenerateWarning, match="fewer than two"):
        assert fairness(*split(cases.perfect(FACTORS), FACTORS[:, :1])) == 1.0


def test_groups_of_different_size_weigh_by_their_size():
    predicted, nothing = np.array([0, 0, 0, 1]), np.zeros(4, int)
    trees = {k: FittedTrees(np.ones(1), 1.0, 1.0, p) for k, p in enumerate((predicted, nothing))}
    factors = np.column_stack([predicted, predicted])
    # Predictions given 0 are a quarter off, those given 1 three quarters: three and one sample of four.
    assert fairness_of_trees(trees, factors) == pytest.approx(1 - (0.75 * 0.25 + 0.25 * 0.75) / 2)


def test_the_penalty_is_chosen_in_three_folds(monkeypatch):
    sizes = []
    real = _downstream._logistic
    monkeypatch.setattr(_downstream, "_logistic", lambda c, x, y: sizes.append(len(x)) or real(c, x, y))
    downstream(*split(cases.rotated(FACTORS), FACTORS[:, :1]), sizes=(30,))
    assert sizes == [20] * 15 + [30]
