"""On any finite codes: a finite score in range, the same for every order of codes, samples and labels."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from selectdis import criteria, metrics

N = 24
CODES = arrays(
    np.float32, (N, 4), elements=st.one_of(st.floats(-4, 4, width=32), st.sampled_from([0.0, 1.0, float(2.0**90)]))
)
FACTORS = arrays(np.int64, (N, 3), elements=st.integers(0, 3))
ORDER = st.permutations(range(4))
SHUFFLE = st.permutations(range(N))


def halves(function):
    def of(codes, factors):
        scores = function(codes[:16], factors[:16], codes[16:], factors[16:])
        return scores[-1] if isinstance(scores, tuple) else scores

    return of


SUPERVISED = {
    "mig": metrics.mig,
    "modularity": metrics.modularity,
    "irs": metrics.irs,
    "infom": lambda codes, factors: metrics.infomec(codes, factors).infom,
    "infoc": lambda codes, factors: metrics.infomec(codes, factors).infoc,
}


@pytest.mark.parametrize("name", SUPERVISED)
@settings(max_examples=25, deadline=None)
@given(codes=CODES, factors=FACTORS, order=ORDER, shuffle=SHUFFLE)
def test_information_and_robustness(name, codes, factors, order, shuffle):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = SUPERVISED[name](codes, factors)
        # InfoMEC tells equal codes apart by noise, which another order of the rows deals out anew.
        rows = sorted(shuffle) if name.startswith("info") else shuffle
        turned = SUPERVISED[name](codes[:, order][list(rows)], factors[list(rows)])
        relabelled = SUPERVISED[name](codes, 7 - factors) if name != "irs" else score
    assert -1e-9 <= score <= 1 + 1e-9
    assert turned == pytest.approx(score, abs=1e-6)
    assert relabelled == pytest.approx(score, abs=1e-9)


@pytest.mark.parametrize("name", ["sap", "explicitness", "fairness"])
@settings(max_examples=8, deadline=None)
@given(codes=CODES, factors=FACTORS)
def test_metrics_that_fit_a_model(name, codes, factors):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = halves(getattr(metrics, name))(codes, factors)
    assert -1e-9 <= score <= 1 + 1e-9


@pytest.mark.parametrize(
    "criterion", [criteria.gaussian_wasserstein, criteria.gaussian_total_correlation, criteria.mutual_information]
)
@settings(max_examples=25, deadline=None)
@given(codes=CODES)
def test_criteria_of_one_run(criterion, codes):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = criterion(codes)
    assert np.isfinite(score)
    assert score >= 0


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
@settings(max_examples=25, deadline=None)
@given(
    codes=arrays(np.float64, (3, 15, 4), elements=st.floats(-3, 3)),
    kl=arrays(np.float64, (3, 4), elements=st.sampled_from([0.0, 0.01, 0.02, 5.0])),
    order=ORDER,
)
def test_udr(similarity, codes, kl, order):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = criteria.udr(codes, kl, similarity=similarity)
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    if similarity == "spearman":
        assert (scores <= 1 + 1e-9).all()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert criteria.udr(codes[:, :, order], kl[:, order], similarity=similarity) == pytest.approx(scores)
