"""What holds for every metric in the registry, on ordinary and on degenerate representations."""

import warnings
from functools import cache

import numpy as np
import pytest

from selectdis._arrays import DegenerateWarning
from selectdis._factors import FactorWarning
from selectdis.data._dataset import ImageDataset
from selectdis.errors import SelectdisError
from selectdis.metrics import GROUPS, METRICS, SCORES, Samples, dci
from selectdis.scoring._evaluation import Evaluation
from tests.metrics import cases

FACTORS = cases.factors_grid()
METRIC = pytest.mark.parametrize("metric", METRICS)
SMALL = {"votes_train": 60, "votes_test": 40, "batch": 8}


def evaluation_of(factors, metrics, **options):
    sizes = tuple(int(size) for size in factors.max(axis=0) + 1)
    images = np.zeros((len(factors), 1, 1, 1), dtype=np.uint8)
    data = ImageDataset("made", images, tuple(f"f{k}" for k in range(len(sizes))), sizes, factors)
    return Evaluation(data, metrics, **(SMALL | options))


@cache
def all_scores(representation, dtype="float32", seed=0):
    """Every score of a representation; the trees are fitted once for all metrics."""
    codes = cases.REPRESENTATIONS[representation](FACTORS).astype(dtype)
    evaluation = evaluation_of(FACTORS, list(METRICS), seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        return evaluation.score(codes[evaluation.indices])


def scores_of(metric, representation, **options):
    every = all_scores(representation, **options)
    return {name: every[name] for name in METRICS[metric].produces if name in every}


@METRIC
def test_description(metric):
    described = METRICS[metric]
    assert described.name == metric
    assert described.produces
    assert described.range[0] < described.range[1]
    assert described.needs
    assert described.paper.split()[0] in described.function.__doc__ or "Hsu" in described.paper
    for name in described.produces:
        assert SCORES[name] is described


def test_groups_are_names_of_metrics():
    assert all(set(names) <= set(METRICS) for names in GROUPS.values())
    assert set(GROUPS["fast"]) < set(GROUPS["all"])


@METRIC
@pytest.mark.parametrize("representation", sorted(set(cases.REPRESENTATIONS) - {"with_noise_codes"}))
def test_finite_and_in_range(metric, representation):
    scores = scores_of(metric, representation)
    assert scores
    assert set(scores) <= set(METRICS[metric].produces)
    low, high = METRICS[metric].range
    for name, value in scores.items():
        assert isinstance(value, float)
        assert np.isfinite(value), name
        assert low <= value <= (high if "efficiency" not in name else np.inf), name


@METRIC
def test_same_seed_same_score_in_either_precision(metric):
    single, double = (scores_of(metric, "rotated", dtype=dtype) for dtype in ("float32", "float64"))
    assert single == pytest.approx(double, abs=0.02)


@METRIC
def test_perfect_codes_are_not_worse_than_noise(metric):
    if metric in ("modularity", "downstream_lr", "downstream_gbt", "fairness") or "partial" in metric:
        return  # noise codes may be modular, or fair; the downstream accuracies are compared below
    best, worst = scores_of(metric, "perfect"), scores_of(metric, "noise")
    for name in best:
        assert best[name] > worst[name], name


@pytest.mark.parametrize("predictor", ["lr", "gbt"])
def test_downstream_accuracy_of_perfect_codes_beats_noise(predictor):
    name = f"downstream_{predictor}_100"
    assert all_scores("perfect")[name] > all_scores("noise")[name] + 0.3


def test_the_informativeness_that_is_recorded_is_that_of_the_test_part():
    codes, half = cases.noise(FACTORS), len(FACTORS) // 2
    samples = Samples(codes[:half], FACTORS[:half], codes[half:], FACTORS[half:])
    recorded = METRICS["dci"].compute(samples)["dci_informativeness"]
    scores = dci(*samples.split)
    assert recorded == scores.informativeness_test < scores.informativeness_train


@METRIC
def test_order_of_the_codes_does_not_matter(metric):
    if METRICS[metric].cost == "slow":
        return  # trees break ties at random; tests/metrics/test_boosting.py covers them
    codes = cases.with_noise_codes(FACTORS)
    evaluation = evaluation_of(FACTORS, [metric])
    order = np.random.default_rng(0).permutation(codes.shape[1])
    straight = evaluation.score(codes[evaluation.indices])
    assert evaluation.score(codes[evaluation.indices][:, order]) == pytest.approx(straight, abs=2e-3)


@METRIC
def test_codes_and_factors_are_left_as_they_were(metric):
    if METRICS[metric].cost == "slow":
        return
    evaluation = evaluation_of(FACTORS, [metric])
    table = cases.rotated(FACTORS)[evaluation.indices]
    before, factors = table.copy(), FACTORS.copy()
    evaluation.score(table)
    assert (table == before).all()
    assert (factors == FACTORS).all()


@METRIC
def test_a_constant_factor_is_survived(metric):
    factors = np.column_stack([FACTORS[:, :2], np.zeros(len(FACTORS), dtype=np.int64)])
    evaluation = evaluation_of(factors, [metric])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scores = evaluation.score(cases.perfect(factors)[evaluation.indices])
    assert np.isfinite(list(scores.values())).all()
    told = [str(w.message) for w in caught if issubclass(w.category, DegenerateWarning)]
    if metric in ("mig", "sap", "explicitness", "infomec", "downstream_lr", "few_labels"):
        assert any("constant factor(s) 2" in message for message in told), told


@METRIC
@pytest.mark.parametrize("n_images", [1, 2, 12])
def test_few_images_are_survived(metric, n_images):
    factors = cases.factors_grid((2, 2, 3), 1)[:n_images]
    if n_images < 12 and {"pairs", "fixed_factor"} & set(METRICS[metric].needs):
        with pytest.raises(SelectdisError, match=r"two images|constant"):
            evaluation_of(factors, [metric])
        return
    evaluation = evaluation_of(factors, [metric])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = evaluation.score(cases.perfect(factors)[evaluation.indices])
    assert np.isfinite(list(scores.values())).all()


@METRIC
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_code_that_is_not_finite_is_named(metric, bad):
    evaluation = evaluation_of(FACTORS, [metric])
    table = cases.perfect(FACTORS)[evaluation.indices]
    table[7, 1] = bad
    with pytest.raises(SelectdisError, match="column 1"):
        evaluation.score(table)


def test_a_class_that_is_missing_from_the_test_part_is_survived():
    train, test = FACTORS[:200].copy(), FACTORS[200:].copy()
    test[test[:, 2] == 4, 2] = 0
    train[train[:, 1] == 3, 1] = 1
    split = cases.perfect(train), train, cases.perfect(test), test
    with pytest.warns(DegenerateWarning, match=r"factor 2, test part: left out class\(es\) \[4\]"):
        values = METRICS["explicitness"].function(*split)
    assert np.isfinite(values).all()
    for metric in ("sap", "dci", "fairness", "downstream_lr"):
        result = METRICS[metric].function(*split)
        flat = [result] if isinstance(result, float) else [v for v in result if isinstance(v, float)]
        assert np.isfinite(flat).all(), metric


@METRIC
def test_a_public_function_rejects_shapes_that_do_not_fit(metric):
    function = METRICS[metric].function
    codes = cases.perfect(FACTORS)
    if METRICS[metric].needs[-1] in ("pairs", "fixed_factor"):
        return
    arguments = (codes, FACTORS[:-1], codes, FACTORS) if "test" in METRICS[metric].needs else (codes, FACTORS[:-1])
    with pytest.raises(SelectdisError, match="one row per code"):
        function(*arguments)


def test_jobs_is_n_jobs_now_and_the_old_word_works_with_one_hint():
    codes, half = cases.perfect(FACTORS), len(FACTORS) // 2
    split = codes[:half], FACTORS[:half], codes[half:], FACTORS[half:]
    for call in (lambda **o: Samples(*split, **o), lambda **o: evaluation_of(FACTORS, ["mig"], **o)):
        with pytest.warns(FutureWarning, match="jobs= is now n_jobs=; the old name works for one release") as told:
            assert call(jobs=2).n_jobs == 2
        assert [warning.filename for warning in told if warning.category is not FactorWarning] == [__file__]
    with pytest.warns(FutureWarning, match="jobs="):
        assert dci(*split, jobs=2) == dci(*split, n_jobs=2)
