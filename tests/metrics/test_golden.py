"""The metrics on the reference's arrays against the reference's numbers."""

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.ensemble import GradientBoostingClassifier

from selectdis import metrics
from selectdis.scoring._evaluation import Evaluation
from tests.golden import read

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CASES = pytest.mark.parametrize("case", read.CASES)
# What binned trees may differ by from the reference: the table in docs/metrics.md.
BINNED = {"a_perfect": 0.001, "b_rotated": 0.01, "g_dead": 0.025, "h_vae_dsprites": 0.025}


@CASES
@DTYPES
@pytest.mark.parametrize("metric", ["mig", "modularity"])
def test_information_metrics(metric, case, dtype):
    codes, factors, *_ = read.split(case, dtype)
    assert getattr(metrics, metric)(codes, factors) == pytest.approx(read.value(case, metric, dtype), rel=1e-9)


@CASES
@DTYPES
def test_irs_computes_in_double_precision(case, dtype):
    codes, factors, *_ = read.split(case, dtype)
    assert metrics.irs(codes, factors) == pytest.approx(read.value(case, "irs", np.float64), rel=1e-9)


@CASES
@DTYPES
def test_sap(case, dtype):
    assert metrics.sap(*read.split(case, dtype)) == pytest.approx(read.value(case, "sap", dtype), abs=1.5e-3)


@DTYPES
@pytest.mark.parametrize("case", ["a_perfect", "b_rotated", "h_vae_dsprites"])
def test_explicitness(case, dtype):
    scores = metrics.explicitness(*read.split(case, dtype))
    assert scores.train == pytest.approx(read.value(case, "explicitness_train", dtype), abs=2e-4)
    assert scores.test == pytest.approx(read.value(case, "explicitness_test", dtype), abs=2e-4)


def test_explicitness_of_dead_codes_is_that_of_the_live_ones():
    codes_train, factors_train, codes_test, factors_test = read.split("g_dead")
    live = codes_train.max(axis=0) > codes_train.min(axis=0)
    without = metrics.explicitness(codes_train[:, live], factors_train, codes_test[:, live], factors_test)
    assert metrics.explicitness(codes_train, factors_train, codes_test, factors_test) == pytest.approx(
        without, abs=1e-6
    )


@CASES
def test_binned_dci_is_near_the_reference(case):
    scores = metrics.dci(*read.split(case), seed=0)
    for name, value in scores._asdict().items():
        assert value == pytest.approx(read.spread(case, f"dci_{name}")[0], abs=BINNED[case]), name


def slow_dci(codes_train, factors_train, codes_test, factors_test, seed):
    """Eastwood and Williams 2018 with scikit-learn's trees, one at a time."""
    importances, right = [], []
    for k in range(factors_train.shape[1]):
        trees = GradientBoostingClassifier(random_state=seed + k).fit(codes_train, factors_train[:, k])
        importances.append(trees.feature_importances_)
        parts = (codes_train, factors_train), (codes_test, factors_test)
        right.append([trees.score(codes, factors[:, k]) for codes, factors in parts])
    r = np.array(importances).T  # (codes, factors)
    weight = r.sum(axis=1) / r.sum()
    of_codes = [1 - entropy(row + 1e-11, base=r.shape[1]) for row in r]
    of_factors = [1 - entropy(column + 1e-11, base=r.shape[0]) for column in r.T]
    return float(weight @ of_codes), float(np.mean(of_factors)), *np.mean(right, axis=0)


@pytest.mark.parametrize(("case", "start"), [("g_dead", 0), ("b_rotated", 700)])
def test_dci_is_that_of_scikit_learns_trees_where_there_are_few_samples(case, start):
    split = [array[start : start + 200] for array in read.split(case)]
    split[1], split[3] = split[1][:, :2], split[3][:, :2]  # a tree per class and stage: those of 3 and 6 classes
    expected = slow_dci(*split, seed=0)
    assert metrics.dci(*split, estimator="sklearn", seed=0) == pytest.approx(expected, abs=1e-9)
    exact = metrics.dci(*split, estimator="exact", seed=0)
    assert exact[:2] == pytest.approx(expected[:2], abs=0.006)
    assert exact[2:] == pytest.approx(expected[2:], abs=0.02)
    assert metrics.dci(*split, seed=0) == exact != metrics.dci(*split, estimator="binned", seed=0)


@CASES
def test_infomec_is_that_of_the_authors(case):
    codes, factors, *_ = (array[:3000] for array in read.split(case))
    expected = read.VALUES2["infomec_first_3000_train_rows"][case]
    scores = metrics.infomec(codes, factors)
    # Equal codes are told apart by noise: those of a_perfect and of h_vae_dsprites take few values.
    few_values = case in ("a_perfect", "h_vae_dsprites")
    assert scores.infoe == pytest.approx(expected["infoe"], abs=1e-4)
    assert scores.infom == pytest.approx(expected["infom"], abs=0.012 if few_values else 2e-4)
    assert scores.infoc == pytest.approx(expected["infoc"], abs=0.012 if few_values else 2e-4)


@CASES
def test_scores_of_interventions(case):
    data = read.grid(case)
    evaluation = Evaluation(data, ["beta_vae", "factor_vae"], seed=0)
    scores = evaluation.score(lambda indices: read.codes_of(case, data.factors_at(indices)))
    for name in ("beta_vae", "factor_vae"):
        mean, sd = read.spread(case, f"{name}_eval_accuracy")
        assert scores[name] == pytest.approx(mean, abs=max(4 * sd * np.sqrt(1.2), 0.003)), name


def test_factor_vae_without_pruning_falls_to_chance():
    data = read.grid("g_dead")
    rng = np.random.default_rng(0)

    def draw(votes):
        indices, factor = data.draw_fixed_factor(votes, 64, rng)
        return read.codes_of("g_dead", data.factors_at(indices.ravel())).reshape(votes, 64, -1), factor

    codes = read.split("g_dead")[0]
    assert metrics.factor_vae_score(codes, *draw(500), *draw(300)).test == 1.0
