import numpy as np
import pytest

from selectdis._arrays import DegenerateWarning
from selectdis.criteria import model_centrality
from tests.criteria import pools, slow


@pytest.mark.parametrize("pool", [pools.agreeing, pools.turned])
def test_against_a_loop_over_votes(pool):
    codes = pool(3)
    fast = model_centrality(codes, pools.all_active(codes), n_groups=10)
    assert fast == pytest.approx(slow.model_centrality(codes, 10), abs=1e-12)


def test_the_odd_one_out_is_last():
    codes = np.concatenate([pools.agreeing(4), pools.turned(1)])
    scores = model_centrality(codes, pools.all_active(codes))
    assert scores.argmin() == 4
    assert scores[:4].min() > scores[4] + 0.1


def test_inactive_latents_have_no_say():
    codes = pools.agreeing(3)
    noisy = np.concatenate([codes, np.random.default_rng(0).standard_normal((3, 400, 2))], axis=2)
    kl = np.hstack([np.ones((3, 5)), np.zeros((3, 2))])
    assert model_centrality(noisy, kl) == pytest.approx(model_centrality(codes, np.ones((3, 5))))


def test_lone_and_dead_runs_are_zero():
    codes = pools.agreeing(3)
    kl = pools.all_active(codes)
    with pytest.warns(DegenerateWarning, match="no other"):
        assert model_centrality(codes[:1], kl[:1]).tolist() == [0.0]
    kl[2] = 0.0
    with pytest.warns(DegenerateWarning, match="no latent"):
        assert model_centrality(codes, kl)[2] == 0.0


def test_twenty_groups_unless_said_otherwise():
    codes = pools.turned(3)
    assert model_centrality(codes, pools.all_active(codes)) == pytest.approx(
        slow.model_centrality(codes, 20), abs=1e-12
    )
