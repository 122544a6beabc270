"""Compiled passes: the same results, and no harm where compiling does not work.

Most of it goes through the backend "aot_eager", which traces, differentiates and guards as the default one does but
makes no machine code, so that it takes seconds.
"""

import shutil
import warnings

import numpy as np
import pytest
import torch

from selectdis.execution import train
from selectdis.training import _compiled as compiled
from selectdis.training import train_cohort
from tests.training.conftest import mixture, same, small

STEPS = 50


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """A process in which nothing was compiled and nothing failed."""
    monkeypatch.setattr(compiled, "_unusable", set())
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.fixture
def backend(monkeypatch):
    """Choose the backend of torch.compile."""

    def choose(name_or_function):
        monkeypatch.setitem(compiled.OPTIONS, "backend", name_or_function)

    return choose


def results(candidates, data, steps=STEPS, curve_every=1, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)  # no falling back
        return train_cohort(candidates, data, steps=steps, device="cpu", curve_every=curve_every, **options)


def compare(candidates, data, **options):
    plain = results(candidates, data, **options)
    return zip(results(candidates, data, compile=True, **options), plain, strict=True)


def assert_exact(candidates, data, **options):
    for a, b in compare(candidates, data, precision="float64", **options):
        for name in a.parameters:
            torch.testing.assert_close(a.parameters[name], b.parameters[name], rtol=0, atol=1e-10)
        np.testing.assert_allclose(a.curves["loss"], b.curves["loss"], rtol=1e-10)


def test_float64_all_objectives(data, backend):
    backend("aot_eager")
    assert_exact(mixture(), data)


def test_float64_conv(data, backend):
    backend("aot_eager")
    assert_exact([small(o, 3, architecture="conv", width=16) for o in ("beta_vae", "factor_vae")], data)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_dense_layers_by_onednn(data, backend, precision):
    backend("aot_eager")
    for a, b in compare([small(o, 1, width=256) for o in ("beta_vae", "factor_vae")], data, precision=precision):
        np.testing.assert_allclose(a.curves["loss"], b.curves["loss"], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, ("g++", "c++", "clang++"))), reason="no C++ compiler")
def test_the_default_backend_on_cpu(data):
    assert_exact([small("factor_vae", 3)], data)


def test_programs_of_one_structure_are_compiled_once(data, backend):
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph.forward

    backend(count)
    for seed in range(12):  # more than torch's own limit of recompilations
        results([small("factor_vae", seed, strengths={"gamma": 10 + seed})], data, steps=2, compile=True)
    assert len(graphs) == 3
    for width in range(20, 30):
        results([small("beta_vae", 0, width=width)], data, steps=2, compile=True)
    assert len(graphs) == 13


def _refuse(graph, inputs):
    raise RuntimeError("no compiler was found\nlong story")


def _refuse_later(graph, inputs):
    def run(*arguments):
        raise RuntimeError("no compiler was found")

    return run


@pytest.mark.parametrize("fails", [_refuse, _refuse_later])
def test_where_compiling_fails_training_goes_on(data, backend, fails):
    backend(fails)
    candidates = [small("factor_vae", 1, architecture="conv", width=16), small("factor_vae", 2)]
    plain = train(candidates, data, steps=5, device="cpu")
    with pytest.warns(RuntimeWarning, match="torch.compile does not work here") as seen:
        runs = train(candidates, data, steps=5, device="cpu", compile=True)
    assert len([w for w in seen if issubclass(w.category, RuntimeWarning)]) == 1
    assert all(same(a, b) for a, b in zip(runs, plain, strict=True))


def test_a_failure_in_the_discriminators_step_repeats_that_alone(data, backend):
    def fails_without_the_networks(graph, inputs):
        big = any(x.dim() == 5 for x in inputs)
        return graph.forward if big else _refuse(graph, inputs)

    backend(fails_without_the_networks)
    candidates = [small("factor_vae", 1), small("beta_vae", 1)]
    plain = train_cohort(candidates, data, steps=5, device="cpu")
    with pytest.warns(RuntimeWarning, match="no compiler was found"):
        runs = train_cohort(candidates, data, steps=5, device="cpu", compile=True)
    assert all(same(a, b) for a, b in zip(runs, plain, strict=True))


def test_a_system_that_torch_refuses(data, monkeypatch):
    def refuse(*arguments, **options):
        raise RuntimeError("torch.compile is not supported on this system")

    monkeypatch.setattr(torch, "compile", refuse)
    with pytest.warns(RuntimeWarning, match="not supported"):
        (run,) = train_cohort([small()], data, steps=2, device="cpu", compile=True)
    assert run.status == "complete"


def test_too_little_memory_is_no_failure_to_compile(data, backend):
    def out_of_memory(graph, inputs):
        def run(*arguments):
            raise torch.OutOfMemoryError("full")

        return run

    backend(out_of_memory)
    with pytest.raises(ValueError, match="not enough memory"):
        train_cohort([small()], data, steps=2, device="cpu", compile=True)
    assert not compiled._unusable
