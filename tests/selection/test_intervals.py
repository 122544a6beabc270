"""Intervals over few data sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from selectdis.selection._intervals import (
    group_resamples,
    hierarchical_variance,
    moderated_interval,
    prediction_range,
    probability_interval,
)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_interval_holds_the_mean_and_stays_inside(values):
    low, high = moderated_interval(np.array(values))
    assert 0 <= low <= np.mean(values) + 1e-12
    assert np.mean(values) - 1e-12 <= high <= 1


def test_agreement_of_two_data_sets_is_not_certainty():
    low, high = moderated_interval(np.array([0.9, 0.9]))
    assert high == 1
    assert low < 0.5


def test_many_data_sets_give_the_t_interval():
    values = np.random.default_rng(0).uniform(0.4, 0.6, size=400)
    expected = stats.t.interval(0.95, 399, values.mean(), values.std(ddof=1) / 20)
    np.testing.assert_allclose(moderated_interval(values), expected, atol=1e-3)


def test_few_data_sets_are_moderated_by_what_a_random_pick_would_do():
    values = np.array([0.4, 0.5, 0.75])
    error = np.sqrt((2 * values.var(ddof=1) + 0.02) / 3 / 3)
    low, high = moderated_interval(values, prior_variance=0.02, level=0.8, bounds=(-1.0, 2.0))
    assert high == pytest.approx(0.55 + stats.t.ppf(0.9, 3) * error)
    assert low == pytest.approx(0.55 - stats.t.ppf(0.9, 3) * error)
    assert moderated_interval(values, prior_variance=0.02, level=0.8, bounds=(0.5, 0.6)) == (0.5, 0.6)


def test_never_narrower_than_the_bootstrap():
    low, high = moderated_interval(np.full(5, 0.5), bootstrap_variance=0.01)
    assert high - low == pytest.approx(2 * stats.t.ppf(0.975, 5) * 0.1)


def test_hierarchical_variance_has_both_parts():
    rng = np.random.default_rng(0)
    replicates = np.array([[0.0], [1.0]]) + rng.normal(0, 0.5, size=(2, 20_000))
    assert hierarchical_variance(replicates, rng) == pytest.approx((0.25 + 0.25) / 2, rel=0.1)
    assert hierarchical_variance(replicates[:, :1], rng) == 0


def test_resamples_stay_within_their_group():
    groups = np.array([1, 0, 1, 2, 0, 1])
    drawn = group_resamples(groups, 50, np.random.default_rng(0))
    assert drawn.shape == (50, 6)
    np.testing.assert_array_equal(groups[drawn], np.tile(np.sort(groups), (50, 1)))
    assert set(drawn.ravel()) == set(range(6))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_the_interval_of_a_probability_holds_the_mean_and_is_narrower_than_the_range(values):
    low, high = probability_interval(np.array(values))
    lowest, highest = prediction_range(np.array(values))
    assert 0 <= low <= np.mean(values) + 1e-9
    assert np.mean(values) - 1e-9 <= high <= 1
    assert 0 <= lowest <= np.mean(values) + 1e-9
    assert np.mean(values) - 1e-9 <= highest <= 1


def test_the_interval_is_that_of_so_many_coin_tosses():
    values = np.array([0.2, 0.95, 0.9, 0.3])
    m = values.mean()
    n = 4 * m * (1 - m) / ((3 * values.var(ddof=1) + 2 * m * (1 - m) / 3) / 5)
    assert 2 < n < 12
    expected = stats.beta.ppf(0.1, m * n, n - m * n + 1), stats.beta.ppf(0.9, m * n + 1, n - m * n)
    assert probability_interval(values, level=0.8) == pytest.approx(expected)
    wide = probability_interval(values, bootstrap_variance=0.04, level=0.8)
    n = m * (1 - m) / 0.04
    assert wide[0] == pytest.approx(stats.beta.ppf(0.1, m * n, n - m * n + 1))


def test_values_that_are_all_nothing_or_all_sure_are_no_certainty():
    assert probability_interval(np.ones(4)) == pytest.approx((0.025 ** (1 / 12), 1))
    assert probability_interval(np.zeros(4)) == pytest.approx((0, 1 - 0.025 ** (1 / 12)))
    for count in (1, 2):
        low, high = probability_interval(np.full(count, 0.8))
        assert low < 0.5 < high


def test_one_more_value_by_hand():
    values = np.array([0.5, 0.6, 0.55])
    half = stats.t.ppf(0.6, 3) * np.sqrt((2 * values.var(ddof=1) + 1 / 12) / 3 * 4 / 3)
    assert prediction_range(values, level=0.2) == pytest.approx((0.55 - half, 0.55 + half))
    assert prediction_range(values, variance=0.05, level=0.2)[1] > 0.55 + half
