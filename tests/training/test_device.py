"""A step on a device of its own, with a stand-in: torch's fake tensors know devices and shapes, and hold no numbers.

Everything of a step must be on the device, and nothing in it may wait for the device or travel between it and the host.
"""

import weakref
from contextlib import contextmanager

import pytest
import torch
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    FakeTensorDeviceMismatchError,
    FakeTensorMode,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from selectdis.execution._plan import candidate_bytes
from selectdis.training import Candidate
from selectdis.training import _images as images
from selectdis.training._cohort import Cohort, ComputeSettings
from tests.training.conftest import OBJECTIVES, blobs, small

DEVICE = torch.device("meta")


class Transfers(TorchDispatchMode):
    """Operators that read on one device and write on another."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        devices = {t.device for t in tree_leaves((arguments, keywords, result)) if isinstance(t, torch.Tensor)}
        if len(devices) > 1:
            self.seen.append(str(function))
        return result


class Memory(TorchDispatchMode):
    """Bytes of the tensors alive, and the most there were."""

    def __init__(self):
        super().__init__()
        self.now = self.most = 0
        self.storages = weakref.WeakKeyDictionary()

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        result = function(*arguments, **(keywords or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage() not in self.storages:
                self.count(tensor.untyped_storage())
        return result

    def count(self, storage):
        size = storage.nbytes()
        self.storages[storage] = size
        weakref.finalize(storage, self.forget, size)
        self.now += size
        self.most = max(self.most, self.now)

    def forget(self, size):
        self.now -= size


@pytest.fixture
def memory(monkeypatch):
    """The free bytes of the stand-in."""
    free = {"bytes": 80e9}
    monkeypatch.setattr(images, "device_memory", lambda device: free["bytes"])
    return free


@contextmanager
def cohort_on_device(candidates, **place):
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield Cohort(candidates, blobs(), ComputeSettings(DEVICE, **place))


def settings():
    for precision in ("float32", "tf32", "bf16", "float64"):
        yield [small(o, seed) for o in sorted(OBJECTIVES, key=OBJECTIVES.index) for seed in (0, 1)], precision
        yield [small(o, architecture="conv", width=16) for o in ("beta_vae", "factor_vae")], precision
    yield [small(seed=seed, learning_rate=10.0**-seed) for seed in (2, 3, 4)], "float32"


@pytest.mark.parametrize(("candidates", "precision"), list(settings()))
def test_a_step_stays_on_the_device(candidates, precision, memory):
    with cohort_on_device(candidates, precision=precision) as cohort:
        cohort.step()  # the first of a block draws its chance on the host
        with Transfers() as transfers:
            for _ in range(3):
                cohort.step()
    assert transfers.seen == []
    assert cohort.step_count == 4
    state = [*cohort.tensors().values(), *cohort.curves.sums.values(), *cohort.random.at(cohort.step_count).values()]
    assert {tensor.device for tensor in state} == {DEVICE}


def test_the_stand_in_sees_what_it_is_for(memory):
    """What would be a wait or a transfer on a GPU is one here."""
    with cohort_on_device([small()]) as cohort:
        cohort.step()
        with pytest.raises(DataDependentOutputException):
            cohort.settle_failures()
        with Transfers() as transfers:
            cohort.alive.cpu()
        assert transfers.seen == ["aten._to_copy.default"]
        cohort.alive = torch.ones(1, dtype=torch.bool)
        with pytest.raises(FakeTensorDeviceMismatchError):
            cohort.step()


def test_images_too_large_for_the_device_are_sent_batch_by_batch(memory):
    memory["bytes"] = 0
    with cohort_on_device([small()]) as cohort:
        assert cohort.bank._resident is None
    memory["bytes"] = 2 * blobs().images.size
    with cohort_on_device([small()]) as cohort:
        assert cohort.bank._resident.device == DEVICE


@pytest.mark.parametrize("objective", ["beta_vae", "factor_vae", "beta_tc_vae"])
@pytest.mark.parametrize("settings", [{"architecture": "conv"}, {"architecture": "fc", "width": 400}])
@pytest.mark.parametrize("size", [16, 64])
def test_the_estimated_memory_is_about_what_a_step_takes(objective, settings, size, memory):
    """Between the most bytes that were alive, a tenth left out, and four times as many."""

    def most(count):
        candidates = [Candidate(objective, seed, **settings) for seed in range(count)]
        with FakeTensorMode(allow_non_fake_inputs=True), Memory() as counted:
            cohort = Cohort(candidates, blobs(size=size), ComputeSettings(DEVICE))
            for _ in range(2):
                cohort.step()
        return counted.most

    taken = (most(4) - most(2)) / 2
    assert 0.9 * taken < candidate_bytes(Candidate(objective, **settings), (1, size, size)) < 4 * taken
