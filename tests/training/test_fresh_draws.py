"""Images that are drawn anew at each use: by whom, when and where, and nothing else."""

import numpy as np
import pytest
import torch

from selectdis.data import load_dataset
from selectdis.execution import train
from selectdis.training import TrainingInterrupted, train_cohort
from selectdis.training._cohort import Cohort, ComputeSettings
from tests.training.conftest import same, small

pytestmark = pytest.mark.filterwarnings("ignore:no dSprites file")
CPU = ComputeSettings(torch.device("cpu"))


@pytest.fixture(scope="module")
def noisy():
    return load_dataset("noisy_dsprites", image_size=16, sizes=(2, 2, 1, 4, 4))


def seen(data, candidates, steps):
    """The batches (K, B, c, h, w) of each step, the discriminator's last."""
    cohort = Cohort(candidates, data, CPU)
    taken = []
    take = cohort.bank.take
    cohort.bank.take = lambda *args, **options: taken.append(take(*args, **options)) or taken[-1]
    for _ in range(steps):
        cohort.step()
    return taken


@pytest.mark.parametrize("architecture", ["fc", "conv"])
def test_every_use_of_an_image_is_another_draw(noisy, architecture):
    batches = torch.stack(seen(noisy, [small(seed=seed, architecture=architecture) for seed in (0, 1)], 20))
    background = batches.reshape(20 * 2 * 8, -1)
    assert len(background.unique(dim=0)) == len(background)
    assert batches.shape == (20, 2, 8, 3, 16, 16)
    order = Cohort([small(seed=0)], noisy, CPU).random.at(0)["order"][0].numpy()
    lit = np.repeat(noisy.fresh.base[order] == 255, 3, axis=1)
    assert (batches[0, 0].numpy()[lit] == 1).all()


def test_a_candidates_images_do_not_depend_on_its_cohort(noisy):
    alone = seen(noisy, [small("factor_vae", seed=3)], 3)
    among = seen(noisy, [small(seed=1), small(seed=3), small("factor_vae", seed=3)], 3)
    for own, whole in zip(alone[::2], among[::2], strict=True):
        assert (whole[2] == own[0]).all()
        assert (whole[1] == own[0]).all()  # candidates of one seed see the same
        assert not (whole[0] == own[0]).all()
    for own, whole in zip(alone[1::2], among[1::2], strict=True):  # the discriminator's batch
        assert (whole == own).all()
    pairs = [small(seed=1), small(seed=3), small("factor_vae", seed=3)]
    together = train_cohort(pairs, noisy, steps=4, device="cpu")
    apart = [train_cohort([candidate], noisy, steps=4, device="cpu")[0] for candidate in pairs]
    for one, other in zip(together, apart, strict=True):
        assert one.curves["loss"] == pytest.approx(other.curves["loss"], rel=1e-5)


def test_a_resumed_training_draws_what_an_uninterrupted_one_does(noisy, tmp_path):
    candidates = [small("factor_vae", seed=0), small(seed=1)]
    whole = train_cohort(candidates, noisy, steps=6, device="cpu", curve_every=1)
    steps = iter(range(3))
    with pytest.raises(TrainingInterrupted):
        train_cohort(
            candidates, noisy, steps=6, device="cpu", curve_every=1, checkpoint=tmp_path / "x",
            should_stop=lambda: next(steps) == 2,
        )  # fmt: skip
    resumed = train_cohort(candidates, noisy, steps=6, device="cpu", curve_every=1, checkpoint=tmp_path / "x")
    assert all(same(a, b) for a, b in zip(whole, resumed, strict=True))


def test_processes_and_subsets_draw_too(noisy):
    few = noisy.subset(np.arange(0, len(noisy), 2))
    assert len(few.fresh.base) == len(few) == 32
    candidates = [small(seed=0), small(seed=1)]
    alone = train_cohort(candidates, few, steps=3, device="cpu")
    shared = train(candidates, few, steps=3, device="cpu")
    assert all(same(a, b) for a, b in zip(alone, shared, strict=True))
    frozen = load_dataset("noisy_dsprites", image_size=16, sizes=(2, 2, 1, 4, 4), edition=1)
    other = train_cohort([small(seed=0)], frozen.subset(np.arange(0, len(noisy), 2)), steps=3, device="cpu")[0]
    assert not same(alone[0], other)
