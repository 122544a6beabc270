"""BetaVAE and FactorVAE scores against loops over votes."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from selectdis._arrays import DegenerateWarning
from selectdis.data._dataset import ImageDataset
from selectdis.errors import SelectdisError
from selectdis.metrics import beta_vae_score, factor_vae_score
from tests.metrics import cases

FACTORS = cases.factors_grid(repeats=10)
SIZES = cases.SIZES
DATA = ImageDataset("made", np.zeros((len(FACTORS), 1, 1, 1), np.uint8), ("a", "b", "c"), SIZES, FACTORS)


def votes(codes, n=120, batch=16, seed=0):
    indices, factor = DATA.draw_fixed_factor(n, batch, np.random.default_rng(seed))
    return codes[indices], factor


def pairs(codes, n=120, batch=16, seed=0):
    first, second, factor = DATA.draw_pairs(n, batch, np.random.default_rng(seed))
    return codes[first], codes[second], factor


def factor_vae_slowly(codes, train, test, threshold=0.05):
    variances = codes.var(axis=0, ddof=1)
    active = np.flatnonzero(np.sqrt(variances) >= threshold)

    def counts(batches, factor):
        table = np.zeros((len(SIZES), len(active)))
        for z, k in zip(batches, factor, strict=True):
            table[k, np.argmin(z[:, active].var(axis=0, ddof=1) / variances[active])] += 1
        return table

    table, unseen = counts(*train), counts(*test)
    majority, column = table.argmax(axis=0), np.arange(len(active))
    return table[majority, column].sum() / table.sum(), unseen[majority, column].sum() / unseen.sum()


@pytest.mark.parametrize("representation", ["rotated", "with_noise_codes", "dead", "noise"])
def test_factor_vae_against_a_loop_over_votes(representation):
    codes = cases.REPRESENTATIONS[representation](FACTORS)
    train, test = votes(codes), votes(codes, seed=1)
    assert factor_vae_score(codes, *train, *test) == pytest.approx(factor_vae_slowly(codes, train, test), abs=1e-12)


@pytest.mark.parametrize("representation", ["rotated", "with_noise_codes", "noise"])
def test_beta_vae_against_a_loop_over_votes(representation):
    codes = cases.REPRESENTATIONS[representation](FACTORS)
    train, test = pairs(codes), pairs(codes, seed=1)
    x_train, x_test = (
        np.array([np.abs(a - b).mean(axis=0) for a, b in zip(part[0], part[1], strict=True)]) for part in (train, test)
    )
    model = LogisticRegression(random_state=0).fit(x_train, train[2])
    slow = model.score(x_train, train[2]), model.score(x_test, test[2])
    assert beta_vae_score(*train, *test) == pytest.approx(slow, abs=1e-12)


def test_perfect_codes():
    codes = cases.perfect(FACTORS)
    assert factor_vae_score(codes, *votes(codes), *votes(codes, seed=1)) == (1.0, 1.0)
    assert beta_vae_score(*pairs(10 * codes), *pairs(10 * codes, seed=1)).test == 1.0


def test_noise_is_at_chance():
    codes = cases.noise(FACTORS)
    assert factor_vae_score(codes, *votes(codes, 2000), *votes(codes, 2000, seed=1)).test == pytest.approx(
        1 / 3, abs=0.08
    )


def test_every_code_pruned_is_zero():
    codes = 0.01 * cases.perfect(FACTORS)
    with pytest.warns(DegenerateWarning, match="every code"):
        assert factor_vae_score(codes, *votes(codes), *votes(codes)) == (0.0, 0.0)


def test_votes_for_one_factor():
    first, second, factor = pairs(cases.perfect(FACTORS))
    with pytest.warns(DegenerateWarning, match="share factor 1"):
        score = beta_vae_score(first, second, np.ones_like(factor), first, second, factor)
    assert score == (1.0, pytest.approx(np.mean(factor == 1)))


def test_wrong_shapes():
    codes = cases.perfect(FACTORS)
    batches, factor = votes(codes)
    with pytest.raises(SelectdisError, match="n_votes, batch, n_latents"):
        factor_vae_score(codes, batches[:, 0], factor, batches, factor)
    with pytest.raises(SelectdisError, match="factor_test must hold"):
        factor_vae_score(codes, batches, factor, batches, factor[:-1])
    with pytest.raises(SelectdisError, match="batches of 2"):
        factor_vae_score(codes, batches[:, :1], factor, batches, factor)
    with pytest.raises(SelectdisError, match="one shape"):
        beta_vae_score(batches, batches[:, :3], factor, batches, batches, factor)


def test_codes_below_the_threshold_never_win_a_vote():
    # The small code stays the same within each batch: unpruned it would win every vote.
    still = 0.02 * np.repeat([0.0, 1.0, 2.0, 3.0], len(FACTORS) // 4)[:, None]
    codes = np.hstack([cases.perfect(FACTORS), still])
    train = (np.dstack([votes(codes)[0][..., :3], np.zeros((120, 16))]), votes(codes)[1])
    assert factor_vae_score(codes, *train, *train) == (1.0, 1.0)
    assert factor_vae_score(codes, *train, *train, prune_threshold=0.01).train < 0.6


@pytest.mark.parametrize(("spread", "score"), [(0.0708, 1.0), (0.0706, 0.0)])
@pytest.mark.filterwarnings("ignore::selectdis._arrays.DegenerateWarning")
def test_the_deviation_is_that_of_a_sample(spread, score):
    codes = np.array([[0.0], [spread]])  # a deviation of spread / sqrt(2) with ddof 1, of spread / 2 with 0
    batches, factor = np.array([[[0.0], [0.1]]]), np.array([0])
    assert factor_vae_score(codes, batches, factor, batches, factor).train == score


def test_a_test_vote_for_a_code_that_no_training_vote_named_is_wrong():
    codes = np.array([[0.0, 0.0], [1.0, 1.0]])
    first, second = np.array([[[0.0, 0.0], [0.1, 1.0]]]), np.array([[[0.0, 0.0], [1.0, 0.1]]])
    factor = np.array([0])
    assert factor_vae_score(codes, first, factor, np.vstack([first, second]), np.array([0, 0])) == (1.0, 0.5)
