"""Against a slow formula, at chance, and on labels that are few, partial or degenerate."""

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import f_oneway, spearmanr

from selectdis._arrays import DegenerateWarning
from selectdis.errors import SelectdisError
from selectdis.metrics import METRICS, Samples, bootstrap_latent_share, latent_share

ORDERED = (True, False, True)


def made(n=12, n_latents=3, seed=0):
    rng = np.random.default_rng(seed)
    factors = np.column_stack([rng.integers(4, size=n), rng.integers(3, size=n), rng.normal(size=n)])
    return np.c_[factors[:, :2] + rng.normal(size=(n, 2)), rng.normal(size=(n, n_latents - 2))], factors


def slow_share(latent, factor, ordered):
    if ordered:
        return spearmanr(latent, factor).statistic ** 2
    ranks = np.array([np.mean(np.r_[latent < x, latent <= x]) for x in latent])
    groups = [ranks[factor == value] for value in np.unique(factor)]
    f = f_oneway(*groups).statistic
    return 1 / (1 + (len(latent) - len(groups)) / (f * (len(groups) - 1)))


def slow_score(codes, factors, ordered):
    """With every permutation of the labels."""
    observed, chance = [], []
    for factor, one in zip(factors.T, ordered, strict=True):
        rows = ~np.isnan(factor)
        shares = [max(slow_share(c, np.array(p), one) for c in codes[rows].T) for p in permutations(factor[rows])]
        observed.append(shares[0])  # the first one leaves all in its place
        chance.append(np.mean(shares))
    return (np.mean(observed) - np.mean(chance)) / (1 - np.mean(chance))


@pytest.mark.filterwarnings("ignore")
def test_it_is_the_slow_formula_with_every_permutation():
    codes, factors = made(6, seed=3)
    factors[0, 0] = factors[2, 1] = np.nan
    expected = slow_score(codes, factors, ORDERED)
    assert abs(expected) > 0.05
    assert latent_share(codes, factors, ordered=ORDERED, n_permutations=20_000) == pytest.approx(expected, abs=0.02)


def test_order_sign_and_monotone_maps_of_latents_change_nothing():
    codes, factors = made()
    score = latent_share(codes, factors, ordered=ORDERED)
    for same in (codes[:, [2, 0, 1]], -codes, np.exp(codes), codes * [3, 1e-6, -1e6]):
        assert latent_share(same, factors, ordered=ORDERED) == pytest.approx(score, abs=1e-9)
    assert latent_share(codes, np.c_[-factors[:, 0], factors[:, 1:]], ordered=ORDERED) == pytest.approx(score, abs=0.05)
    renamed = np.c_[factors[:, 0], np.array([7.0, 1.0, 4.0])[factors[:, 1].astype(int)], factors[:, 2]]
    assert latent_share(codes, renamed, ordered=ORDERED) == pytest.approx(score, abs=0.05)
    assert latent_share(codes, renamed) != pytest.approx(latent_share(codes, factors), abs=0.01)  # an order it has


@pytest.mark.parametrize("n", [5, 10, 20, 100])
@pytest.mark.parametrize("ordered", [True, False])
def test_independent_codes_are_at_chance_on_average(n, ordered):
    rng, scores = np.random.default_rng(n), []
    for _ in range(40):
        factors = np.column_stack([rng.permutation(np.arange(n) % k) for k in (2, 3, 4)])
        scores.append(latent_share(rng.normal(size=(n, 8)), factors, ordered=ordered, n_permutations=50))
    assert abs(np.mean(scores)) < 3.5 * np.std(scores) / np.sqrt(len(scores))


@pytest.mark.parametrize("n", [5, 10, 1000])
def test_a_latent_for_each_factor_is_perfect_and_rotated_ones_are_not(n):
    rng = np.random.default_rng(0)
    factors = np.column_stack([np.arange(n) % k for k in (2, 3, 5)])
    perfect = np.c_[np.exp(factors), rng.normal(size=(n, 2))]
    assert latent_share(perfect, factors) == pytest.approx(1)
    assert latent_share(perfect @ np.linalg.qr(rng.normal(size=(5, 5)))[0], factors) < 0.9


def test_degenerate_labels_and_latents_have_a_defined_score():
    codes, factors = made(10)
    with pytest.warns(DegenerateWarning, match=r"constant factor\(s\) 1"):
        assert latent_share(codes, np.c_[factors[:, 0], np.ones(10)]) == latent_share(codes, factors[:, :1])
    with pytest.warns(DegenerateWarning):
        assert latent_share(codes, np.full((10, 2), np.nan)) == 0
    assert latent_share(np.ones((10, 3)), factors) == 0
    assert latent_share(np.c_[codes, np.ones(10)], factors) == latent_share(codes, factors)
    once = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 1])  # a class seen once
    assert np.isfinite(latent_share(codes, once, ordered=False))
    assert latent_share(codes[:2], factors[:2]) == 0  # any two values agree, by chance


def test_words_without_an_order_are_classes():
    codes, factors = made()
    words = np.array(["ball", "cone", "box"], dtype=object)[factors[:, 1].astype(int)]
    both = [latent_share(codes, labels, ordered=False, n_permutations=5000) for labels in (words, factors[:, 1])]
    assert both[0] == pytest.approx(both[1], abs=0.01)


def test_a_bootstrap_is_as_wide_as_the_score_varies_with_the_images():
    codes, factors = made(4000, n_latents=6)
    rng = np.random.default_rng(0)
    draws = [rng.permutation(4000)[:40] for _ in range(40)]
    scores = [latent_share(codes[rows], factors[rows]) for rows in draws]
    resampled = [bootstrap_latent_share(codes[rows], factors[rows], n_resamples=50) for rows in draws[:8]]
    assert np.mean([one.std() for one in resampled]) == pytest.approx(np.std(scores), rel=0.4)
    assert np.mean(resampled) == pytest.approx(np.mean(scores), abs=0.06)  # repeated images do not pass for agreement
    noise = [
        bootstrap_latent_share(rng.normal(size=(10, 6)), factors[k : k + 10, :2], n_resamples=50).mean()
        for k in range(0, 400, 10)
    ]
    assert abs(np.mean(noise)) < 3.5 * np.std(noise) / np.sqrt(len(noise))


def test_every_run_gets_the_same_resamples():
    codes, factors = made(15)
    one, other = (bootstrap_latent_share(c, factors, n_resamples=20) for c in (codes, -codes[:, ::-1]))
    assert one == pytest.approx(other, abs=1e-9)
    assert one.std() > 0.01


def test_mistakes():
    codes, factors = made()
    with pytest.raises(SelectdisError, match="each of the 3 factors; found 2"):
        latent_share(codes, factors, ordered=[True, False])
    with pytest.raises(SelectdisError, match="n_permutations"):
        latent_share(codes, factors, n_permutations=0)
    with pytest.raises(SelectdisError, match="n_resamples"):
        bootstrap_latent_share(codes, factors, n_resamples=0)


def test_a_record_has_the_score_of_the_labels_that_the_other_scores_of_few_take():
    codes, factors = made(60)
    codes, factors = codes.astype(np.float32), factors[:, :2].astype(int)
    samples = Samples(codes, factors, codes[:1], factors[:1], seed=4)
    scores = METRICS["latent_share"].compute(samples)
    assert list(scores) == ["latent_share.few5", "latent_share.few10", "latent_share.few20", "latent_share.few30"]
    rows = np.random.default_rng([4, 30]).permutation(60)[:30]
    assert scores["latent_share.few30"] == latent_share(codes[rows], factors[rows])


@pytest.mark.parametrize("ordered", [True, False])
def test_values_count_beside_ranks(ordered):
    rng = np.random.default_rng(0)
    factor, order = np.arange(12) // 3, np.arange(12)
    codes = np.c_[np.exp(factor), rng.normal(size=12)]
    ranks, values, both = (
        latent_share(codes, factor, ordered=ordered, on=on, n_permutations=4_000) for on in ("ranks", "values", "both")
    )
    if ordered:
        assert ranks == pytest.approx(1)  # any monotone function is as good
        assert values < 0.9
    assert min(ranks, values) - 0.02 <= both <= max(ranks, values) + 0.02
    scaled = latent_share(codes * [-1e-30, 1e30], factor, ordered=ordered, on="values", n_permutations=4_000)
    assert scaled == pytest.approx(values, abs=1e-6)
    resampled = bootstrap_latent_share(codes[order], factor, ordered=ordered, on="both", n_resamples=40)
    assert abs(resampled.mean() - both) < 0.15
    with pytest.raises(SelectdisError, match="ranks, values, both; found 'rank'"):
        latent_share(codes, factor, on="rank")
