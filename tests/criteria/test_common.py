"""What holds for every criterion in the registry."""

import warnings

import numpy as np
import pytest
import torch

from selectdis import criteria
from selectdis.criteria import CRITERIA
from selectdis.errors import SelectdisError
from tests.criteria import pools

CRITERION = pytest.mark.parametrize("name", CRITERIA)


def score(name, codes, given=lambda array: array):
    """The criterion on a pool of codes (runs, n, latents); numbers of each run. `given` is what arrays go through."""
    described = CRITERIA[name]
    if described.needs == "pool":
        options = {"similarity": name.removeprefix("udr_")} if name.startswith("udr") else {}
        return described.function(given(codes), given(pools.all_active(codes)), **options)
    if described.needs == "decoder":
        shuffled = [criteria.shuffle_dimensions(given(z), rng=np.random.default_rng(0)) for z in codes]
        return np.array([described.function(given(z), given(s)) for z, s in zip(codes, shuffled, strict=True)])
    if described.function in (criteria.held_out, criteria.active_units):
        kl = [criteria.gaussian_kl(given(z), given(np.zeros_like(z))) for z in codes]
        errors = [np.abs(z).sum(axis=1) for z in codes]
        return np.array([criteria.held_out(given(e), given(k))[name] for e, k in zip(errors, kl, strict=True)])
    return np.array([described.function(given(z)) for z in codes])


def degenerate(kind):
    codes = pools.agreeing(2)[:, :60].astype(np.float32)
    if kind == "one dead":
        codes[:, :, 2] = 0.1
    elif kind == "all dead":
        codes[:] = 0.1
    elif kind == "equal":
        codes[:, :, 1] = codes[:, :, 0]
    elif kind == "one sample":
        codes = codes[:, :1]
    elif kind == "one run":
        codes = codes[:1]
    elif kind == "one latent":
        codes = codes[:, :, :1]
    return codes


@CRITERION
def test_description(name):
    described = CRITERIA[name]
    assert described.name == name
    assert name in described.produces
    assert described.range[0] < described.range[1]
    assert described.paper
    assert described.function.__doc__


@CRITERION
@pytest.mark.parametrize("kind", ["none", "one dead", "all dead", "equal", "one sample", "one run", "one latent"])
def test_finite_and_in_range(name, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = score(name, degenerate(kind))
    low, high = CRITERIA[name].range
    assert np.isfinite(scores).all()
    assert (scores >= low).all()
    assert (scores <= high).all()


@CRITERION
def test_precision_hardly_matters(name):
    codes = pools.agreeing(3)[:, :200].astype(np.float32)
    assert score(name, codes) == pytest.approx(score(name, codes.astype(np.float64)), rel=1e-5, abs=0.03)


@CRITERION
def test_tensors_with_gradients_are_taken(name):
    codes = pools.agreeing(3)[:, :60]
    found = score(name, codes, given=lambda array: torch.tensor(array, requires_grad=True))
    assert (found == score(name, codes)).all()


@CRITERION
def test_order_and_sign_of_latents_do_not_matter(name):
    codes = pools.agreeing(3)[:, :200]
    turned = codes[:, :, [3, 1, 4, 0, 2]] * np.array([1, -1, 1, 1, -1])
    tolerance = 0.15 if name == "pipe" else 0.02  # a classifier is trained anew
    assert score(name, turned) == pytest.approx(score(name, codes), rel=0.02, abs=tolerance)


@CRITERION
def test_the_input_is_left_as_it_was(name):
    codes = pools.agreeing(2)[:, :60]
    before = codes.copy()
    score(name, codes)
    assert (codes == before).all()


@CRITERION
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(name, bad):
    codes = pools.agreeing(2)[:, :60]
    codes[1, 5, 3] = bad
    with pytest.raises(SelectdisError, match="finite"):
        score(name, codes)
