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


def trees_that_predict(*columns):
    return {k: FittedTrees(np.ones(1), 1.0, 1.0, np.asarray(column)) for k, column in enumerate(columns)}


def test_right_predictions_are_exactly_fair_however_the_factors_are_mixed():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 5, 97)
    factors = np.column_stack(
        [first, (first + rng.integers(0, 3, 97)) % 5, rng.integers(0, 7, 97)]
    )  # 0 and 1 go together
    assert fairness_of_trees(trees_that_predict(*factors.T), factors, None) == 1.0
    values = [np.zeros((size, 11, 1)) for size in (5, 5, 7)]
    base = [rng.integers(0, (5, 5, 7), (11, 3)) for _ in values]
    changed = []  # predictions of the test samples, and of each factor set to each value, which its own alone follows
    for target in range(3):
        parts = [factors[:, target]]
        for k, codes in enumerate(values):
            rows = np.repeat(base[k][None, :, target], len(codes), axis=0)
            parts.append((rows if k != target else np.arange(len(codes))[:, None] + 0 * rows).ravel())
        changed.append(np.concatenate(parts))
    assert fairness_of_trees(trees_that_predict(*changed), factors, values) == 1.0


def test_predictions_that_follow_another_factor_are_unfair():
    target, other = (column.ravel() for column in np.meshgrid(np.arange(3), np.arange(3), indexing="ij"))
    factors = np.column_stack([target, other])
    # The target is predicted as the other factor: given a value all predictions are one, of three.
    assert fairness_of_trees(trees_that_predict(other, other), factors, None) == pytest.approx(1 - (2 / 3) / 2)
    set_to = [np.zeros((3, 4, 1)), np.zeros((3, 4, 1))]
    follows = np.concatenate([other, np.zeros(12, int), np.repeat(np.arange(3), 4)])
    fair = np.concatenate([other, np.tile([0, 1, 2, 0], 3), np.zeros(12, int)])
    assert fairness_of_trees(trees_that_predict(follows, fair), factors, set_to) == pytest.approx(1 - (2 / 3) / 2)


def test_groups_of_different_size_weigh_by_their_size():
    predicted, sensitive, target = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 1]), np.zeros(4, int)
    trees = {0: trees_that_predict(predicted)[0], 1: trees_that_predict(target)[0]}
    factors = np.column_stack([target, sensitive])
    # Predictions given 0 are a quarter off, those given 1 three quarters: three and one sample of four.
    assert fairness_of_trees(trees, factors, None) == pytest.approx(1 - (0.75 * 0.25 + 0.25 * 0.75) / 2)


def test_fairness_takes_codes_of_interventions():
    rows = np.stack(np.unravel_index(np.arange(60), (3, 4, 5)), axis=1)
    changed = []
    for k, size in enumerate((3, 4, 5)):
        images = np.repeat(rows[None, ::7], size, axis=0)
        images[:, :, k] = np.arange(size)[:, None]
        changed.append(images.astype(float))
    tiled = np.tile(rows, (5, 1))
    assert fairness(tiled, tiled, tiled[:50], tiled[:50], interventions=changed) == 1.0
    with pytest.raises(SelectdisError, match="one array per factor"):
        fairness(tiled, tiled, tiled[:50], tiled[:50], interventions=changed[:2])


def test_fairness_of_a_single_factor():
    with pytest.warns(DegenerateWarning, match="fewer than two"):
        assert fairness(*split(cases.perfect(FACTORS), FACTORS[:, :1])) == 1.0


def test_the_penalty_is_chosen_in_three_folds(monkeypatch):
    sizes = []
    real = _downstream._logistic
    monkeypatch.setattr(_downstream, "_logistic", lambda c, x, y: sizes.append(len(x)) or real(c, x, y))
    downstream(*split(cases.rotated(FACTORS), FACTORS[:, :1]), sizes=(30,))
    assert sizes == [20] * 15 + [30]
