"""The fast trees against scikit-learn's."""

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier

from selectdis.metrics._boosting import boost

RNG = np.random.default_rng(0)
X = RNG.standard_normal((400, 5)).astype(np.float32)
X_TEST = RNG.standard_normal((200, 5)).astype(np.float32)


def classes(x, n_classes):
    """Classes that two features decide, with noise."""
    score = x[:, 0] + 0.5 * x[:, 1] ** 2 + 0.3 * np.random.default_rng(1).standard_normal(len(x))
    return np.searchsorted(np.quantile(score, np.arange(1, n_classes) / n_classes), score)


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_with_a_bin_for_each_value_the_trees_are_those_of_scikit_learn(n_classes):
    y, y_test = classes(X, n_classes), classes(X_TEST, n_classes)
    slow = GradientBoostingClassifier(n_estimators=30, random_state=0).fit(X, y)
    fast = boost(X, y, X_TEST, rng=np.random.default_rng(0), stages=30, n_bins=len(X))
    assert fast.importances == pytest.approx(slow.feature_importances_, abs=5e-3)
    assert np.mean(fast.predicted_train == slow.predict(X)) > 0.99
    assert np.mean(fast.predicted_test == slow.predict(X_TEST)) > 0.97
    assert np.mean(fast.predicted_test == y_test) == pytest.approx(slow.score(X_TEST, y_test), abs=0.02)


def test_with_few_bins_they_are_near():
    y = classes(X, 4)
    slow = GradientBoostingClassifier(random_state=0).fit(X, y)
    fast = boost(X, y, X_TEST, rng=np.random.default_rng(0), n_bins=64)
    assert fast.importances == pytest.approx(slow.feature_importances_, abs=0.05)


def test_equal_codes_share_the_importance():
    y = classes(X, 3)
    doubled = np.hstack([X, X[:, :1]])
    alone = boost(X, y, X_TEST, rng=np.random.default_rng(0)).importances
    shared = boost(doubled, y, np.hstack([X_TEST, X_TEST[:, :1]]), rng=np.random.default_rng(0)).importances
    assert shared[0] + shared[5] == pytest.approx(alone[0], abs=0.01)
    assert shared[0] / alone[0] == pytest.approx(0.5, abs=0.15)


def test_the_order_of_codes_does_not_matter():
    y = classes(X, 3)
    order = np.array([3, 0, 4, 1, 2])
    straight = boost(X, y, X_TEST, rng=np.random.default_rng(0)).importances
    turned = boost(X[:, order], y, X_TEST[:, order], rng=np.random.default_rng(1)).importances
    assert turned == pytest.approx(straight[order], abs=2e-3)


def test_constant_codes_give_the_largest_class_and_no_importance():
    y = np.array([0, 1, 1, 2, 1, 0])
    boosted = boost(np.ones((6, 2)), y, np.ones((3, 2)), rng=np.random.default_rng(0), stages=3)
    assert boosted.importances.tolist() == [0.0, 0.0]
    assert boosted.predicted_test.tolist() == [1, 1, 1]


def test_scale_does_not_matter():
    y = classes(X, 3)
    base = boost(X, y, X_TEST, rng=np.random.default_rng(0), stages=10)
    huge = boost(X * np.float32(1e30), y, X_TEST * np.float32(1e30), rng=np.random.default_rng(0), stages=10)
    assert (base.predicted_test == huge.predicted_test).all()
    assert huge.importances == pytest.approx(base.importances, abs=1e-6)
