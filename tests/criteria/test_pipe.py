import numpy as np
import pytest

from selectdis._arrays import DegenerateWarning
from selectdis.criteria import _pipe, pipe, shuffle_dimensions
from selectdis.errors import SelectdisError

RNG = np.random.default_rng(0)


def decode(codes):
    """A fixed smooth decoder to images (n, 1, 6, 6)."""
    weights = np.random.default_rng(1).standard_normal((codes.shape[1], 36))
    return np.tanh(codes @ weights).reshape(-1, 1, 6, 6)


def of(codes):
    return pipe(decode(codes), decode(shuffle_dimensions(codes, rng=RNG)), seed=0)


def test_shuffling_keeps_the_marginals():
    codes = RNG.standard_normal((50, 3))
    shuffled = shuffle_dimensions(codes, rng=RNG)
    assert (np.sort(codes, axis=0) == np.sort(shuffled, axis=0)).all()
    assert not (codes == shuffled).all(axis=1).any()


def test_independent_codes_cannot_be_told_apart():
    assert of(RNG.standard_normal((600, 4))) > 0.85


def test_dependent_codes_can():
    codes = np.repeat(RNG.standard_normal((600, 1)), 4, axis=1)
    assert of(codes) < 0.2


def test_seed_decides():
    codes = RNG.standard_normal((100, 3))
    images, shuffled = decode(codes), decode(codes[::-1])
    assert pipe(images, shuffled, seed=3) == pipe(images, shuffled, seed=3)


def test_degenerate_images():
    blank = np.zeros((20, 1, 4, 4))
    assert pipe(blank, blank) == 1.0
    with pytest.warns(DegenerateWarning, match="too few"):
        assert pipe(blank[:3], blank[:3]) == 1.0
    with pytest.raises(SelectdisError, match="one shape"):
        pipe(blank, np.zeros((20, 1, 5, 5)))
    with pytest.raises(SelectdisError, match="finite"):
        pipe(blank, np.full_like(blank, np.nan))


def test_the_seed_draws_the_halves(monkeypatch):
    trained = []
    monkeypatch.setattr(_pipe, "_accuracy", lambda train, *_: trained.append(train) or 0.5)
    images = RNG.standard_normal((20, 1, 3, 3))
    for seed in (1, 1, 2):
        pipe(images, images, seed=seed)
    assert (trained[0] == trained[1]).all()
    assert (trained[0] != trained[2]).any()
