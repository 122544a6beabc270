"""Cohorts whose networks run by our own kernels, in Triton's interpreter."""

import numpy as np
import pytest
import torch

from selectdis.models import _kernel_check as check
from selectdis.training import _cohort as cohorts
from selectdis.training._checkpoint import dump, restore
from selectdis.training._cohort import Cohort, ComputeSettings
from selectdis.training.cuda import _kernel_program as kernel_program
from tests.training.conftest import OBJECTIVES, blobs, small

CPU = ComputeSettings(torch.device("cpu"))


@pytest.fixture
def by_kernels(monkeypatch):
    """Decide whether cohorts use kernels."""

    def decide(whether):
        monkeypatch.setattr(cohorts, "usable_kernels", lambda *arguments: whether)

    return decide


def in_order(**settings):
    return [small(o, seed, **settings) for seed, o in enumerate(sorted(OBJECTIVES, key=OBJECTIVES.index))]


@pytest.mark.parametrize("architecture", ["fc", "conv"])
def test_they_train_as_torch_does(by_kernels, architecture):
    data, candidates = blobs(channels=3), in_order(weight_decay=0.1, width=16, architecture=architecture, batch_size=2)
    candidates = candidates if architecture == "fc" else candidates[::4]
    pair = []
    for whether in (True, False):
        by_kernels(whether)
        pair.append(Cohort(candidates, data, CPU))
    assert isinstance(pair[0].program, kernel_program.KernelProgram)
    for _ in range(2):
        for cohort in pair:
            cohort.step()
    ours, torchs = (cohort.tensors() for cohort in pair)
    assert ours.keys() == torchs.keys()
    for name in ours:
        if "/weight/" in name or "/first/" in name:
            difference = (ours[name] - torchs[name]).norm() / torchs[name].norm().clamp_min(1e-6)
            assert difference.item() < 1e-3 if name.endswith("bias") else 1e-4, name
    for name, own in pair[0].curves.sums.items():
        np.testing.assert_allclose(own, pair[1].curves.sums[name], rtol=1e-3, atol=1e-4)


def test_a_state_goes_from_one_to_the_other(by_kernels, tmp_path):
    """Checkpoints hold weights with the axes that their names promise, however they lie in memory."""
    candidates, data = in_order(architecture="conv", width=16, batch_size=2)[:2], blobs()
    by_kernels(True)
    first = Cohort(candidates, data, CPU)
    first.step()
    by_kernels(False)
    second = Cohort(candidates, data, CPU)
    restore(second, dump(first, 1.0), tmp_path)
    by_kernels(True)
    third = Cohort(candidates, data, CPU)
    restore(third, dump(second, 1.0), tmp_path)
    for cohort in (second, third):
        assert all(torch.equal(tensor, cohort.tensors()[name]) for name, tensor in first.tensors().items())
    for cohort in (first, third):
        cohort.step()
    assert all(torch.equal(tensor, third.tensors()[name]) for name, tensor in first.tensors().items())


def test_a_candidate_that_diverges_leaves_the_others_alone(by_kernels):
    by_kernels(True)
    candidates = [small(seed=seed, learning_rate=1e-3) for seed in (0, 1)]
    pair, alone = Cohort(candidates, blobs(), CPU), Cohort(candidates[1:], blobs(), CPU)
    pair.weights["encoder.dense0.weight"][0] = torch.nan
    pair.optimisers["model"].refresh()
    for cohort in (pair, alone):
        for _ in range(3):
            cohort.step()
            cohort.settle_failures()
    assert pair.failed_step.tolist() == [1, -1]
    assert all(not tensor[0].any() for tensor in pair.optimisers["model"].network.values())
    assert all(torch.equal(tensor[1], alone.tensors()[name][0]) for name, tensor in pair.tensors().items())


def test_mixed_settings_are_each_candidates_own(by_kernels):
    by_kernels(True)
    candidates = [small(seed=1, learning_rate=rate, weight_decay=decay) for rate, decay in ((1e-3, 0), (1e-2, 0.5))]
    together = Cohort(candidates, blobs(), CPU)
    alone = [Cohort([candidate], blobs(), CPU) for candidate in candidates]
    for cohort in (together, *alone):
        for _ in range(3):
            cohort.step()
    for k, own in enumerate(alone):
        assert all(torch.equal(tensor[0], together.tensors()[name][k]) for name, tensor in own.tensors().items())


class TestUse:
    """Where kernels are used."""

    SHAPE = (1, 16, 16)

    def used(self, device="cuda", precision="bf16", **settings):
        return kernel_program.usable_kernels([small(**settings)], self.SHAPE, torch.device(device), precision)

    @pytest.fixture(autouse=True)
    def found(self, monkeypatch):
        """What the comparison with torch finds."""
        found = {"difference": ""}

        def compare(passes, parameters, *arguments):
            found["parameters"] = [parameter.name for parameter in parameters]
            if isinstance(found["difference"], Exception):
                raise found["difference"]
            return found["difference"]

        monkeypatch.setattr(check, "disagreement", compare)
        monkeypatch.setattr(kernel_program, "_checked", {})
        return found

    def test_on_cuda_in_the_precisions_they_have(self):
        assert self.used()
        assert self.used(precision="float32")
        assert not self.used(precision="float64")
        assert not self.used(device="cpu")

    def test_a_discriminator_is_compared_too(self, found):
        pair, shape, device = [small(), small("factor_vae")], self.SHAPE, torch.device("cuda")
        assert kernel_program.usable_kernels(pair[:1], shape, device, "bf16")
        assert "discriminator.dense6.weight" not in found["parameters"]
        assert kernel_program.usable_kernels(pair, shape, device, "bf16")
        assert "discriminator.dense6.weight" in found["parameters"]

    def test_not_where_somebody_says_so(self, monkeypatch):
        monkeypatch.setenv("SELECTDIS_KERNELS", "0")
        assert not self.used()

    def test_not_with_a_triton_that_is_too_old(self, monkeypatch):
        monkeypatch.setattr("triton.__version__", "3.5.1")
        assert not self.used()

    @pytest.mark.parametrize("difference", ["encoder.conv0.weight differs", RuntimeError("no such instruction")])
    def test_not_where_they_differ_from_torch_which_is_said_once(self, found, difference):
        found["difference"] = difference
        with pytest.warns(RuntimeWarning, match="not used on this device.*(differs|no such instruction)"):
            assert not self.used()
        assert not self.used()  # without another warning, which would be an error
