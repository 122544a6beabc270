import numpy as np
import pytest
import torch

from selectdis.criteria import active_units, gaussian_kl, held_out
from selectdis.errors import SelectdisError


def test_kl_is_torchs():
    rng = np.random.default_rng(0)
    mean, log_variance = rng.standard_normal((7, 3)), rng.standard_normal((7, 3))
    posterior = torch.distributions.Normal(torch.tensor(mean), torch.tensor(np.exp(log_variance / 2)))
    theirs = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).numpy()
    assert gaussian_kl(mean, log_variance) == pytest.approx(theirs, rel=1e-6)


def test_numbers():
    scores = held_out(np.array([100.0, 120.0]), np.array([[1.0, 0.0, 0.02], [3.0, 0.0, 0.0]]))
    assert scores == {"reconstruction": 110.0, "kl": 2.01, "elbo": -112.01, "active_units": 1.0}
    assert held_out(np.array([100.0, 120.0]), np.array([2.0, 0.01])) == {
        "reconstruction": 110.0,
        "kl": 2.01,
        "elbo": -112.01,
        "active_units": 1.0,
    }


def test_active_units_at_the_threshold():
    assert active_units(np.array([0.01, 0.0100001, 2.0])) == 2
    assert active_units(np.array([0.5, 1.5, 2.5]), threshold=1.0) == 2


def test_mistakes():
    with pytest.raises(SelectdisError, match="one shape"):
        gaussian_kl(np.ones((4, 2)), np.ones((4, 3)))
    with pytest.raises(SelectdisError, match="one row per image"):
        held_out(np.ones(4), np.ones((3, 2)))
    with pytest.raises(SelectdisError, match="column 0 holds nan"):
        held_out(np.array([1.0, np.nan]), np.ones((2, 2)))
