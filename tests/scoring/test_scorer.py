"""The scores of one run: which images each of them looks at, and from which seed."""

import warnings

import numpy as np
import pytest

import selectdis as sd
from selectdis.criteria import gaussian_kl, gaussian_total_correlation, held_out, mutual_information, shuffle_dimensions
from selectdis.data import load_dataset
from selectdis.errors import SelectdisError
from selectdis.records import is_score
from selectdis.scoring import _encoded
from selectdis.scoring._scorer import Scorer, check_split
from selectdis.scoring._version import SCORES_VERSION
from selectdis.spec import EvaluationSpec
from selectdis.training import Candidate, train_cohort
from tests.scoring.conftest import DATA, SPEC

VOTES = {"n_train": 30, "n_test": 40, "votes_train": 30, "votes_test": 40, "seed": 3}


def images(data):
    return {image.tobytes() for image in data.images_at(np.arange(len(data)))}


def sampled(mean, log_variance):
    noise = np.random.default_rng([3, 3]).standard_normal(mean.shape)
    return (mean + np.sqrt(np.exp(log_variance)) * noise).astype(np.float32)


def test_training_and_held_out_images_share_none(scorer):
    data = DATA.load()
    assert (len(scorer.training_data), len(scorer.held_out)) == (48, 16)
    assert images(scorer.training_data) | images(scorer.held_out) == images(data)
    assert len(images(data)) == 64
    other = Scorer(data, SPEC.model_copy(update={"seed": 4}))
    assert images(other.held_out) != images(scorer.held_out)


def test_metrics_are_of_all_images(scorer, run):
    scores, _ = scorer.score(run)
    for name, value in sd.evaluate(run.transform, DATA.load(), ["mig", "beta_vae"], **VOTES).items():
        assert scores[f"metric.{name}"] == pytest.approx(value)


def test_sampled_codes_are_means_plus_deviations_times_noise(scorer, run):
    scores, _ = scorer.score(run)
    codes = sampled(*run.encode(DATA.load().images_at(scorer.needed)))
    metrics, criteria = (np.searchsorted(scorer.needed, own) for own in (scorer.evaluation.indices, scorer.of_criteria))
    for name, value in scorer.evaluation.score(codes[metrics]).items():
        assert scores[f"metric.{name}.sampled"] == pytest.approx(value)
    assert scores["criterion.gaussian_tc.sampled"] == pytest.approx(gaussian_total_correlation(codes[criteria]))


def test_criteria_of_codes_are_of_up_to_n_criteria_images_of_all(scorer, run):
    data = DATA.load()
    few = Scorer(data, SPEC.model_copy(update={"n_criteria": 20}))
    drawn = np.sort(data.sample_indices(20, np.random.default_rng([3, 4])))
    for own, indices in ((scorer, np.arange(64)), (few, drawn)):
        scores, _ = own.score(run)
        codes = run.transform(data.images_at(indices))
        assert scores["criterion.mutual_information"] == pytest.approx(mutual_information(codes))
        assert scores["n.criteria"] == len(indices)
    assert few.score(run)[0]["criterion.kl"] == scorer.score(run)[0]["criterion.kl"]  # of held-out images


@pytest.mark.parametrize(("protocol", "sizes"), [("disjoint", (27, 37)), ("reference", (30, 40))])
def test_a_record_says_how_its_scores_were_made(run, protocol, sizes):
    scorer = Scorer(DATA.load(), SPEC.model_copy(update={"protocol": protocol}))
    about = scorer.score(run)[0]
    assert (about["n.train"], about["n.test"]) == sizes
    assert (about["n.criteria"], about["n.held_out"], about["n.probe"]) == (64, 16, 12)
    assert (about["protocol"], about["scores_version"]) == (protocol, SCORES_VERSION)
    unlabelled = Scorer(DATA.load().without_labels(), SPEC).score(run)[0]
    assert "n.train" not in unlabelled
    assert "protocol" not in unlabelled
    assert not [name for name in scorer.about if is_score(name)]


def test_likelihood_is_of_held_out_images(scorer, run):
    scores, _ = scorer.score(run)
    unseen = scorer.held_out.images_at(np.arange(16))
    kl = gaussian_kl(*run.encode(unseen))
    for name, value in held_out(run.reconstruction_error(unseen), kl).items():
        assert scores[f"criterion.{name}"] == pytest.approx(value)
        assert f"criterion.{name}.sampled" not in scores
    assert scores["kl_per_latent"] == pytest.approx(kl.mean(axis=0).tolist())
    assert scores["active_latents"] == (kl.mean(axis=0) > 0.01).tolist()


def test_a_run_without_a_posterior_has_no_kl_and_says_what_is_active(scorer):
    candidate = Candidate("qlae", 0, latents=3, architecture="fc", width=16)
    (run,) = train_cohort([candidate], scorer.training_data, steps=3, device="cpu")
    run.parameters["codebook.values"][1] = 0.25  # whatever the encoder says of this latent
    scores, _ = scorer.score(run)
    assert not {"criterion.kl", "criterion.elbo", "kl_per_latent"} & set(scores)
    codes = run.transform(scorer.held_out.images_at(np.arange(16)))
    assert scores["active_latents"] == [len(np.unique(column)) > 1 for column in codes.T]
    assert scores["active_latents"][1] is False
    assert scores["criterion.active_units"] == sum(scores["active_latents"])
    errors = run.reconstruction_error(scorer.held_out.images_at(np.arange(16)))
    assert scores["criterion.reconstruction"] == pytest.approx(errors.mean())
    for name in ("metric.mig", "criterion.gaussian_tc"):
        assert scores[f"{name}.sampled"] == scores[name]  # a sample of a certain code is the code


def test_as_many_unseen_images_as_the_study_tests_on():
    few = Scorer(DATA.load(), SPEC.model_copy(update={"n_test": 10}))
    assert len(few.unseen) == 10
    assert {image.tobytes() for image in few.unseen} <= images(few.held_out)


def test_the_probe_is_drawn_from_all_images_by_the_seed_alone(scorer, run):
    data = DATA.load()
    drawn = np.sort(data.sample_indices(12, np.random.default_rng([3, 4])))
    np.testing.assert_array_equal(scorer.probe, data.images_at(drawn))
    np.testing.assert_array_equal(scorer.score(run)[1], run.transform(scorer.probe))
    wide = Scorer(data, SPEC.model_copy(update={"probe": 1_000}))
    assert len(wide.probe) == 64


def test_batches_change_nothing(scorer, run, monkeypatch):
    expected, _ = scorer.score(run)
    monkeypatch.setattr(_encoded, "CHUNK", 7)
    again, _ = scorer.score(run)
    assert again.pop("kl_per_latent") == pytest.approx(expected.pop("kl_per_latent"), rel=1e-4)
    for name in ("active_latents", "protocol"):
        assert again.pop(name) == expected.pop(name)
    assert again == pytest.approx(expected, rel=1e-4)


def test_what_a_study_asks_for(run):
    def names(data, **changes):
        return {name.removesuffix(".sampled") for name in Scorer(data, SPEC.model_copy(update=changes)).score(run)[0]}

    data = DATA.load()
    usual = names(data)
    assert {"metric.mig", "metric.beta_vae", "criterion.elbo", "kl_per_latent"} <= usual
    assert "criterion.pipe" not in usual
    assert names(data, criteria=("all",)) - usual == {"criterion.pipe"}
    assert names(data, criteria=("pipe",)) - usual == {"criterion.pipe"}
    of_labels = {"metric.mig", "metric.beta_vae", "n.train", "n.test", "protocol"}
    assert usual - names(data.without_labels()) == of_labels
    without = Scorer(data, SPEC.model_copy(update={"sampled": False})).score(run)[0]
    assert not [name for name in without if name.endswith(".sampled")]
    whole = Scorer(data, SPEC.model_copy(update={"held_out": 0.0}))
    assert images(whole.training_data) == images(whole.held_out) == images(data)


def test_pipe_decodes_codes_whose_latents_are_shuffled_by_the_seed(scorer, run):
    thorough = Scorer(DATA.load(), SPEC.model_copy(update={"criteria": ("all",)}))
    encoded = thorough.encode(run)
    mean = run.transform(thorough.unseen)
    np.testing.assert_array_equal(encoded.decoded, run.decode(mean))
    shuffled = shuffle_dimensions(mean, rng=np.random.default_rng([3, 5]))
    np.testing.assert_array_equal(encoded.shuffled, run.decode(shuffled))
    assert not np.array_equal(encoded.shuffled, encoded.decoded)
    assert len(scorer.encode(run).decoded) == 0  # which nothing asks for


def test_dead_latents_are_numbers_in_the_record_and_no_warnings(scorer, run):
    run.parameters["encoder.head.weight"][...] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores, _ = scorer.score(run)
    scores = {name: value for name, value in scores.items() if is_score(name)}
    assert np.isfinite(list(scores.values())).all()


def test_a_split_that_leaves_nothing_to_judge_by():
    data = load_dataset("sprites", image_size=16, sizes={"shape": 1, "scale": 1, "orientation": 1, "x": 2, "y": 2})
    with pytest.raises(SelectdisError, match=r"has only 4 images, of which .*held_out \(0.1\).* more than 5"):
        check_split(data, EvaluationSpec(held_out=0.1))
    for held_out_share in (0.0, 0.25):
        check_split(data, EvaluationSpec(held_out=held_out_share))
