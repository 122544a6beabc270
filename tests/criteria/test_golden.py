"""The criteria on the reference's arrays against the reference's numbers."""

import numpy as np
import pytest

from selectdis import criteria
from tests.golden import read

CASES = pytest.mark.parametrize("case", read.CASES)
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


@CASES
@DTYPES
def test_scores_of_a_representation(case, dtype):
    codes = read.split(case, dtype)[0]
    assert criteria.mutual_information(codes) == pytest.approx(read.value(case, "mutual_info_score", dtype), rel=1e-9)
    wasserstein = read.value(case, "gaussian_wasserstein_correlation", dtype)
    assert criteria.gaussian_wasserstein(codes) == pytest.approx(wasserstein, rel=1e-9)
    normalised = read.value(case, "gaussian_wasserstein_correlation_norm", dtype)
    assert criteria.gaussian_wasserstein(codes, normalised=True) == pytest.approx(normalised, rel=1e-9)


@DTYPES
@pytest.mark.parametrize("case", ["a_perfect", "b_rotated", "h_vae_dsprites"])
def test_total_correlation(case, dtype):
    codes = read.split(case, dtype)[0]
    expected = read.value(case, "gaussian_total_correlation", dtype)
    assert criteria.gaussian_total_correlation(codes) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
def test_udr(similarity):
    pool = read.arrays("udr_models")
    expected = read.VALUES["udr_models"][f"udr_{similarity}_filter_true"]
    assert criteria.udr(pool["codes"], pool["kl"], similarity=similarity) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
def test_udr_of_trained_runs_with_inactive_latents(similarity):
    pool = read.arrays("udr_real_a")
    expected = read.VALUES2["udr_real_a"][similarity]
    assert criteria.udr(pool["codes"], pool["kl"], similarity=similarity) == pytest.approx(expected, rel=1e-9)
