import numpy as np
import pytest

from selectdis.errors import SelectdisError
from selectdis.metrics import METRICS, Samples, draw_few_labels, few_label_scores, sap
from tests.metrics import cases

FACTORS = cases.factors_grid((3, 12), 30)


def draw(kind, n=400, seed=0):
    return draw_few_labels(FACTORS, n, kind=kind, rng=np.random.default_rng(seed))


def test_perfect_labels_are_those_of_the_samples():
    labels = draw("perfect")
    assert len(np.unique(labels.indices)) == 400
    assert (labels.factors == FACTORS[labels.indices]).all()


def test_binned_labels_keep_the_order_in_five_groups():
    labels = draw("binned")
    true = FACTORS[labels.indices]
    assert (labels.factors[:, 0] == true[:, 0]).all()
    assert np.bincount(labels.factors[:, 1]) == pytest.approx([400 / 5] * 5, rel=0.5)
    order = np.argsort(true[:, 1], kind="stable")
    assert (np.diff(labels.factors[order, 1]) >= 0).all()


def test_noisy_labels_are_wrong_about_one_time_in_ten():
    labels = draw("noisy", n=1080)
    wrong = labels.factors != FACTORS[labels.indices]
    assert wrong[:, 1].mean() == pytest.approx(0.1 * 11 / 12, abs=0.03)


def test_partial_labels_are_two_factors():
    many = np.hstack([FACTORS, FACTORS, FACTORS])
    labels = draw_few_labels(many, 50, kind="partial", rng=np.random.default_rng(0))
    assert labels.factors.shape == (50, 2)


def test_more_labels_than_samples_are_all():
    assert len(draw("perfect", n=10_000).indices) == len(FACTORS)


def test_mistakes():
    with pytest.raises(SelectdisError, match="did you mean 'noisy'"):
        draw("nosy")
    with pytest.raises(SelectdisError, match="at least 1"):
        draw("perfect", n=0)


@pytest.mark.parametrize("kind", ["perfect", "binned", "noisy", "partial"])
def test_scores_tell_perfect_from_rotated_codes(kind):
    labels = draw(kind, n=100)
    good, bad = (
        few_label_scores(cases.REPRESENTATIONS[name](FACTORS)[labels.indices], labels.factors)
        for name in ("perfect", "rotated")
    )
    assert set(good) == {"mig", "sap", "dci_disentanglement"}
    assert good["mig"] > bad["mig"]
    assert good["dci_disentanglement"] > bad["dci_disentanglement"]


def test_scores_are_of_four_fifths_to_learn_from_and_the_rest():
    labels = draw("perfect", n=100)
    codes = cases.rotated(FACTORS)[labels.indices]
    expected = sap(codes[:80], labels.factors[:80], codes[80:], labels.factors[80:])
    assert few_label_scores(codes, labels.factors)["sap"] == expected


def test_the_seed_draws_the_labels():
    codes = cases.rotated(FACTORS)
    scores = [METRICS["few_labels"].compute(Samples(codes, FACTORS, codes, FACTORS, seed=seed)) for seed in (0, 0, 1)]
    assert scores[0] == scores[1]
    assert scores[0]["mig.few100"] != scores[2]["mig.few100"]
