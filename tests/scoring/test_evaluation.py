"""Joining data and metrics: draws, one encoding an image, errors."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

import selectdis as sd
from selectdis._arrays import DegenerateWarning
from selectdis._factors import FactorWarning
from selectdis.data._dataset import ImageDataset
from selectdis.data._labels import dataset_of_columns
from selectdis.errors import SelectdisError
from selectdis.metrics import resolve_metrics
from selectdis.scoring import Evaluation, encode_in_batches

SIZES = (3, 4, 5, 10)
FEW = {"votes_train": 80, "votes_test": 40, "batch": 8}
CHEAP = ["mig", "modularity", "irs", "beta_vae", "factor_vae"]


def images_of(factors):
    """Pictures (n, 4, 1, 1) whose channels are the factors' values."""
    return factors.astype(np.uint8)[:, :, None, None]


def grid():
    factors = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), axis=1)
    return ImageDataset("grid", images_of(factors), ("a", "b", "c", "d"), SIZES)


def scattered(n=300):
    factors = np.random.default_rng(0).integers(0, SIZES, (n, 4))
    return ImageDataset("scattered", images_of(factors), ("a", "b", "c", "d"), SIZES, factors)


def encode(images):
    return images.reshape(len(images), -1).astype(np.float32)


class Counting:
    def __init__(self):
        self.seen = []

    def __call__(self, images):
        assert images.dtype == np.uint8
        self.seen += [tuple(image.ravel()) for image in images]
        return encode(images)


@pytest.mark.parametrize("data", [grid(), scattered()])
def test_perfect_codes_on_grids_and_elsewhere(data):
    scores = sd.evaluate(encode, data, CHEAP, **FEW)
    assert set(scores) == set(CHEAP)
    assert min(scores[name] for name in ("mig", "factor_vae", "irs")) > 0.9


@pytest.mark.parametrize("data", [grid(), scattered()])
def test_right_predictions_are_exactly_fair(data):
    assert sd.evaluate(lambda images: 1e3 * encode(images), data, "fairness", n_jobs=1)["fairness"] == 1.0


def test_images_without_a_value_count_for_the_other_factors():
    whole = scattered()
    factors = whole.factors.copy()
    factors[::3, 2] = -1
    gaps = ImageDataset("gaps", whole.images, whole.factor_names, SIZES, factors)
    with pytest.warns(FactorWarning, match="factor 'c' has no value in 100 of 300 rows: its scores use the other 200"):
        evaluation = Evaluation(gaps, "all", **FEW)
    scores = evaluation.score(encode(gaps.images_at(evaluation.indices)))
    assert np.isfinite(list(scores.values())).all()
    assert min(scores[name] for name in ("mig", "factor_vae", "irs", "dci_informativeness")) > 0.9
    indices, factor = gaps.draw_fixed_factor(50, 8, np.random.default_rng(0))
    assert (factors[indices[factor == 2], 2] >= 0).all()


def test_a_continuous_factor_is_refused_before_anything_is_encoded():
    angle = np.random.default_rng(0).normal(size=300)
    columns = scattered().factors[:, 0], angle
    mixed = dataset_of_columns("mixed", scattered().images, ("a", "angle"), columns, source="")
    with pytest.raises(SelectdisError, match=r"factor 'angle' is continuous .* give bins=10"):
        Evaluation(mixed, ["irs", "mig"])
    assert sd.evaluate(encode, mixed, "irs").keys() == {"irs"}


def test_each_needed_image_is_encoded_once():
    counting = Counting()
    sd.evaluate(counting, grid(), CHEAP, encode_batch=64, **FEW)
    assert len(counting.seen) == len(set(counting.seen)) <= len(grid())


def test_a_large_set_is_sampled_and_a_small_one_split():
    small = Evaluation(grid(), "mig")
    train, test = small._parts
    assert (len(train), len(test)) == (400, 200)
    assert not set(train) & set(test)
    large = Evaluation(grid(), "mig", n_train=100, n_test=50)
    train, test = large._parts
    assert (len(train), len(test)) == (100, 50)
    assert not set(train) & set(test)
    assert len(large.indices) == 150


def test_the_reference_draws_train_and_test_on_their_own_and_with_replacement():
    evaluation = Evaluation(grid(), "mig", n_train=900, n_test=500, protocol="reference")
    train, test = evaluation._parts
    assert evaluation.sizes == (len(train), len(test)) == (900, 500)
    assert len(set(train)) < 600  # of as many images
    assert set(train) & set(test)
    assert len(evaluation.indices) == len({*train, *test})
    codes = encode(grid().images_at(evaluation.indices))
    whole = encode(grid().images_at(train)), grid().factors_at(train)
    assert evaluation.score(codes)["mig"] == pytest.approx(sd.metrics.mig(*whole))
    with pytest.raises(SelectdisError, match="protocol must be one of disjoint, reference; found 'disjont'"):
        Evaluation(grid(), "mig", protocol="disjont")


def test_images_that_repeat_are_no_information_to_infomec():
    data = scattered()
    noise = np.random.default_rng(1).standard_normal((len(data), 4))
    evaluation = Evaluation(data, "infomec", n_train=900, n_test=100, protocol="reference")
    drawn = np.random.default_rng([0, 0]).integers(len(data), size=900)
    once = np.array([row for place, row in enumerate(drawn) if row not in drawn[:place]])
    expected = sd.metrics.infomec(noise[once], data.factors_at(once))
    assert evaluation.score(noise[evaluation.indices]) == pytest.approx(expected._asdict())


def test_models_are_fitted_to_training_images_and_judged_on_the_others():
    evaluation = Evaluation(grid(), "explicitness", n_train=200, n_test=100)
    codes = encode(grid().images_at(np.arange(len(grid()))))[:, :2]
    parts = [array[part] for part in evaluation._parts for array in (codes, grid().factors_at(np.arange(len(grid()))))]
    expected = sd.metrics.explicitness(*parts)
    assert evaluation.score(codes[evaluation.indices])["explicitness"] == pytest.approx(expected.test)


def test_votes_are_drawn_by_the_seed_and_hold_the_codes_of_their_images():
    data = grid()
    evaluation = Evaluation(data, "factor_vae", seed=5, **FEW)
    samples = evaluation._samples(encode(data.images_at(evaluation.indices)))
    rng = np.random.default_rng([5, 2])
    found = samples.votes("fixed_factor")
    for codes, factor, votes in zip(found[::2], found[1::2], (80, 40), strict=True):
        images, fixed = data.draw_fixed_factor(votes, 8, rng)
        np.testing.assert_array_equal(codes, encode(data.images_at(images.ravel())).reshape(votes, 8, 4))
        np.testing.assert_array_equal(factor, fixed)
    assert samples.seed == 5


def test_scores_do_not_depend_on_what_else_is_asked_for():
    alone = sd.evaluate(encode, grid(), "mig", n_train=200, n_test=100)
    together = sd.evaluate(encode, grid(), CHEAP, n_train=200, n_test=100, **FEW)
    assert together["mig"] == alone["mig"]


def test_seeds():
    of = [sd.evaluate(encode, grid(), "mig", n_train=100, n_test=50, seed=seed)["mig"] for seed in (0, 0, 1)]
    assert of[0] == of[1] != of[2]
    for seed in (-1, 2**32, 0.5):
        with pytest.raises(SelectdisError, match="seed must be a whole number from 0"):
            sd.evaluate(encode, grid(), "mig", seed=seed)


def test_a_shared_evaluation_scores_mean_and_sampled_codes():
    evaluation = Evaluation(grid(), ["mig", "sap"], n_train=200, n_test=100)
    mean = encode_in_batches(encode, grid(), evaluation.indices)
    sampled = mean + np.random.default_rng(0).standard_normal(mean.shape)
    scores = evaluation.score(mean) | evaluation.score(sampled, suffix=".sampled")
    assert set(scores) == {"mig", "sap", "mig.sampled", "sap.sampled"}
    assert scores["mig"] > scores["mig.sampled"]
    by_function = evaluation.score(lambda indices: encode(grid().images_at(indices)))
    assert by_function == evaluation.score(mean)


def test_all_metrics_on_a_small_set():
    scores = sd.evaluate(encode, scattered(120), "all", **FEW)
    assert np.isfinite(list(scores.values())).all()
    assert {"dci_disentanglement", "fairness", "downstream_lr_10", "downstream_gbt_10"} <= set(scores)
    assert "downstream_lr_10000" not in scores


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("paper", "beta_vae"),
        (["dci_disentanglement"], "dci"),
        ("downstream_gbt_100", "downstream_gbt"),
        (["fast", "dci"], "beta_vae"),
    ],
)
def test_names_of_groups_metrics_and_scores(asked, first):
    assert next(iter(resolve_metrics(asked))) == first


def test_a_typing_mistake_names_the_nearest():
    with pytest.raises(SelectdisError, match=r"unknown metric 'modularty'; did you mean 'modularity'\?"):
        sd.evaluate(encode, grid(), ["mig", "modularty"])
    with pytest.raises(SelectdisError, match="known: "):
        resolve_metrics("qqqqqq")


def test_unlabelled_data():
    with pytest.raises(SelectdisError, match="metrics need known factors, and 'grid' has none"):
        sd.evaluate(encode, grid().without_labels())


def test_interventions_that_cannot_be_drawn():
    factors = np.stack([np.arange(40), np.zeros(40, dtype=np.int64)], axis=1)
    lonely = ImageDataset("lonely", np.zeros((40, 1, 1, 1), np.uint8), ("id", "same"), (40, 1), factors)
    with pytest.raises(SelectdisError, match="two images with the same value"):
        sd.evaluate(lambda images: np.zeros((len(images), 2)), lonely, ["factor_vae"])
    with pytest.warns(DegenerateWarning, match="factor_vae: left out"):
        evaluation = Evaluation(lonely, "fast")
    codes = np.random.default_rng(0).standard_normal((len(evaluation.indices), 2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = evaluation.score(codes)
    assert "factor_vae" not in scores
    assert np.isfinite(list(scores.values())).all()


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda images: np.zeros(len(images)), r"must return codes \(50, latents\)"),
        (lambda images: np.zeros((1, 3)), r"found shape \(1, 3\)"),
        (lambda images: images, "found shape"),
        (lambda images: np.full((len(images), 2), np.nan), "column 0 holds nan"),
    ],
)
def test_what_an_encoder_may_do_wrong(broken, says):
    with pytest.raises(SelectdisError, match=says):
        sd.evaluate(broken, grid(), "mig", encode_batch=50)


def test_codes_that_change_their_width():
    widths = iter((3, 4))
    with pytest.raises(SelectdisError, match=r"must return codes \(50, 3\)"):
        sd.evaluate(lambda images: np.zeros((len(images), next(widths))), grid(), "mig", encode_batch=50)


def test_codes_that_do_not_fit_the_indices():
    with pytest.raises(SelectdisError, match="one row per image"):
        Evaluation(grid(), "mig").score(np.zeros((3, 2)))


def test_torch_tensors_are_codes_too():
    torch = pytest.importorskip("torch")
    scores = sd.evaluate(lambda images: torch.tensor(encode(images), requires_grad=True), grid(), "mig")
    assert scores["mig"] > 0.9


@pytest.mark.parametrize("protocol", ["disjoint", "reference"])
def test_an_id_is_left_out_also_where_images_repeat(protocol):
    data = scattered()
    ids = np.random.default_rng(0).permutation(len(data))
    factors = np.column_stack([ids, data.factors])
    with_id = replace(
        data, factor_names=("id", *data.factor_names), factor_sizes=(len(data), *data.factor_sizes), factors=factors
    )
    with pytest.warns(FactorWarning, match="'id' of scattered has another value in every row"):
        found = sd.evaluate(encode, with_id, ["mig", "factor_vae"], protocol=protocol, **FEW)
    assert found == sd.evaluate(encode, data, ["mig", "factor_vae"], protocol=protocol, **FEW)
