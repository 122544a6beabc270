import numpy as np
import pytest
from sklearn.linear_model import Lasso

from selectdis._arrays import DegenerateWarning
from selectdis.criteria import udr
from selectdis.criteria._lasso import lasso_coefficients
from selectdis.errors import SelectdisError
from tests.criteria import pools, slow
from tests.golden import read

SIMILARITIES = pytest.mark.parametrize("similarity", ["lasso", "spearman"])


@SIMILARITIES
@pytest.mark.parametrize("pool", [pools.agreeing, pools.turned])
def test_against_a_loop_over_pairs(similarity, pool):
    codes = pool()
    kl = pools.all_active(codes)
    kl[1, 2] = kl[3, :2] = 0.01  # exactly the threshold is not active
    assert udr(codes, kl, similarity=similarity) == pytest.approx(slow.udr(codes, kl, similarity), rel=1e-9)


@SIMILARITIES
def test_against_a_loop_over_pairs_with_dead_and_equal_latents(similarity):
    codes = pools.agreeing(3)
    codes[0, :, 4] = 0.1
    codes[1, :, 3] = codes[1, :, 2]
    codes[2] = np.round(codes[2], 1)  # ties among ranks
    kl = pools.all_active(codes)
    assert udr(codes, kl, similarity=similarity) == pytest.approx(slow.udr(codes, kl, similarity), rel=1e-9)


@pytest.mark.parametrize("correlation", [0.0, 0.6, 0.99])
def test_lasso_is_scikit_learns_down_to_its_early_stop(correlation):
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((500, 1))
    x = np.sqrt(1 - correlation) * rng.standard_normal((500, 8)) + np.sqrt(correlation) * shared
    y = np.tanh(x @ rng.standard_normal((8, 40))) + rng.standard_normal((500, 40))
    y[:, 7] = 0.0
    x, y = ((a - a.mean(axis=0)) / np.where(a.std(axis=0) > 0, a.std(axis=0), 1) for a in (x, y))
    theirs = Lasso(alpha=0.1).fit(x, y).coef_.T
    assert lasso_coefficients(x, y, alpha=0.1) == pytest.approx(theirs, abs=1e-10)


@SIMILARITIES
def test_agreement_scores_above_entanglement(similarity):
    together, apart = (udr(c, pools.all_active(c), similarity=similarity) for c in (pools.agreeing(), pools.turned()))
    assert together.min() > 0.8
    assert apart.max() < 0.6


@SIMILARITIES
def test_within_configurations(similarity):
    codes = np.concatenate([pools.agreeing(3), pools.turned(3)])
    kl = pools.all_active(codes)
    names = np.array(["a", "a", "a", "b", "b", "b"])
    order = np.array([3, 0, 4, 1, 5, 2])
    scores = udr(codes[order], kl[order], similarity=similarity, configurations=names[order])
    apart = np.concatenate([udr(c, kl[:3], similarity=similarity) for c in (codes[:3], codes[3:])])
    assert scores == pytest.approx(apart[order])


@SIMILARITIES
def test_a_lone_run_is_zero_and_said(similarity):
    codes = pools.agreeing(3)
    with pytest.warns(DegenerateWarning, match=r"run\(s\) 1 have no other"):
        scores = udr(codes, pools.all_active(codes), similarity=similarity, configurations=np.array([0, 1, 0]))
    assert scores[1] == 0.0
    assert (scores[[0, 2]] > 0.5).all()
    with pytest.warns(DegenerateWarning):
        assert udr(codes[:1], pools.all_active(codes[:1]), similarity=similarity).tolist() == [0.0]


@SIMILARITIES
def test_a_run_with_every_latent_masked_is_zero(similarity):
    codes = pools.agreeing(3)
    kl = pools.all_active(codes)
    kl[1] = 0.0
    with pytest.warns(DegenerateWarning, match=r"in run\(s\) 1"):
        scores = udr(codes, kl, similarity=similarity)
    assert scores[1] == 0.0
    assert np.isfinite(scores).all()


@SIMILARITIES
def test_precision_of_the_codes_hardly_matters(similarity):
    pool = read.arrays("udr_models")
    single, double = (udr(pool["codes"].astype(t), pool["kl"], similarity=similarity) for t in (np.float32, np.float64))
    assert (single == double).all()


def test_activity_stands_in_for_kl():
    codes, active = pools.agreeing(4), np.ones((4, pools.agreeing(4).shape[2]), bool)
    active[1, 0] = False
    assert np.array_equal(udr(codes, active=active), udr(codes, active * 1.0))
    for both in ({}, {"kl": active * 1.0, "active": active}):
        with pytest.raises(SelectdisError, match=r"needs either kl or active, found (neither|both)"):
            udr(codes, **both)
    with pytest.raises(SelectdisError, match="active must be"):
        udr(codes, active=active[:2])


def test_mistakes():
    codes = pools.agreeing(3)
    with pytest.raises(SelectdisError, match="did you mean 'spearman'"):
        udr(codes, pools.all_active(codes), similarity="spaerman")
    with pytest.raises(SelectdisError, match="kl must be"):
        udr(codes, np.ones(5))
    with pytest.raises(SelectdisError, match=r"n_runs, n_latents"):
        udr(codes, np.ones((3, 4)))
    with pytest.raises(SelectdisError, match="one label per run"):
        udr(codes, pools.all_active(codes), configurations=np.array(["a"]))
