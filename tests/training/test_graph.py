"""Steps as replays of one that was captured, with a stand-in for CUDA's graphs.

torch's tracer records the operators of a step, with every number that came from the host as a constant, and a replay
calls them again on the same tensors: what a captured step does not find where it looks stays as it was at first.
"""

from contextlib import contextmanager, nullcontext

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from selectdis.data import load_dataset
from selectdis.training import _loop as loop
from selectdis.training import train_cohort
from selectdis.training._cohort import Cohort
from selectdis.training.cuda import _graph as graph
from tests.training.conftest import mixture, same, small

STEPS = 140  # more than two blocks of random numbers


class Replayed:
    """The operators of a step. Recording computes them once, which a capture does not, so its traces are wiped."""

    def __init__(self, step):
        cohort = step._cohort
        state = [*cohort.tensors().values(), *cohort.curves.sums.values(), cohort.failed_step, cohort.alive, step._now]
        state += [optimiser.steps for optimiser in cohort.optimisers.values()]
        before = [tensor.clone() for tensor in state]
        self.operators = make_fx(lambda nothing: step._once())(torch.zeros(()))
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)

    def replay(self):
        with torch.no_grad():
            self.operators(torch.zeros(()))


@pytest.fixture
def captured(monkeypatch):
    """Steps are captured, and the captures counted."""
    made = []

    def capture(step):
        made.append(Replayed(step))
        return made[-1]

    def warm_up(step):
        step._eager_steps -= 1
        step._once()

    monkeypatch.setattr(Cohort, "_can_be_captured", lambda cohort: True)
    monkeypatch.setattr(graph.StepGraph, "_captured", capture)
    monkeypatch.setattr(graph.StepGraph, "_warm_up", warm_up)
    return made


def trained(candidates, data, *, steps=STEPS, **options):
    return train_cohort(candidates, data, device="cpu", steps=steps, **options)


@pytest.mark.parametrize("settings", [{}, {"architecture": "conv", "width": 16}])
def test_replays_are_the_steps_that_they_stand_for(data, captured, monkeypatch, settings):
    candidates = mixture(**settings) if not settings else [small(o, **settings) for o in ("beta_vae", "factor_vae")]
    replayed = trained(candidates, data, curve_every=7)
    assert len(captured) == 1
    monkeypatch.setattr(Cohort, "_can_be_captured", lambda cohort: False)
    assert all(map(same, replayed, trained(candidates, data, curve_every=7)))


def test_what_is_drawn_anew_is_drawn_anew(captured, monkeypatch):
    data = load_dataset("noisy_dsprites", image_size=16, sizes=(2, 2, 1, 4, 4))
    replayed = trained([small()], data)
    monkeypatch.setattr(Cohort, "_can_be_captured", lambda cohort: False)
    assert same(replayed[0], trained([small()], data)[0])


def test_a_candidate_that_diverges_is_frozen_and_the_others_go_on(data, captured):
    wild = small("dip_vae_i", learning_rate=1e6)
    runs = trained([wild, small()], data)
    assert [run.status for run in runs] == ["diverged", "complete"]
    assert same(runs[1], trained([small()], data)[0])


def test_a_training_goes_on_from_a_checkpoint(data, captured, tmp_path):
    file = tmp_path / "state.safetensors"
    train_cohort(mixture()[::3], data, steps=70, device="cpu", checkpoint=file, curve_every=7)
    resumed = trained(mixture()[::3], data, checkpoint=file, curve_every=7)
    assert all(map(same, resumed, trained(mixture()[::3], data, curve_every=7)))


@pytest.fixture
def refused(monkeypatch):
    """Captures fail by an error of one's own choice after the backward pass; ending one raises another error."""
    how = {"errors": [], "tried": 0}

    @contextmanager
    def capture(made, **options):
        how["tried"] += 1
        assert how["errors"], "captured once more"
        error = how["errors"].pop()

        def fail(optimiser):
            raise error

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("selectdis.training._adam.Adam.step", fail)
            try:
                yield
            except Exception:
                raise RuntimeError("operation failed due to a previous error during capture") from None

    class Stream:
        def wait_stream(self, other):
            pass

    monkeypatch.setattr(Cohort, "_can_be_captured", lambda cohort: True)
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    return how


def plainly(monkeypatch, candidates, data):
    monkeypatch.setattr(Cohort, "_can_be_captured", lambda cohort: False)
    return trained(candidates, data, steps=8, curve_every=3)


def test_a_step_that_cannot_be_captured_is_computed_as_before(data, refused, monkeypatch):
    refused["errors"] = [RuntimeError("operation not permitted when stream is capturing")]
    with pytest.warns(RuntimeWarning, match="cannot be captured.*RuntimeError: operation not permitted"):
        runs = trained(mixture(), data, steps=8, curve_every=3)
    assert refused["tried"] == 1
    assert all(map(same, runs, plainly(monkeypatch, mixture(), data)))


def test_memory_that_runs_out_in_a_capture_halves_the_cohort(data, refused, monkeypatch):
    candidates = [small(seed=seed) for seed in (0, 1)]
    sizes, train = [], loop._train_sorted
    monkeypatch.setattr(loop, "_train_sorted", lambda own, *rest: sizes.append(len(own)) or train(own, *rest))
    other = RuntimeError("an operator that waits")
    refused["errors"] = [other, other, torch.OutOfMemoryError("CUDA out of memory.")]
    with pytest.warns(RuntimeWarning, match="an operator that waits"):
        runs = trained(candidates, data, steps=8, curve_every=3)
    assert sizes == [2, 1, 1]
    assert all(map(same, runs, plainly(monkeypatch, candidates, data)))
