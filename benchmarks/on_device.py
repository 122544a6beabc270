"""Candidate-steps a second on one device: a plain loop, cohorts by size, precision and mixture, and torch's layers.

`benchmarks/training.py --device cuda` prints all of it within eight minutes of a card: first every core compiles
kernels, then one process measures everything. The variants of a network in a precision are built, take turns in each
round, and are printed; a row gives the median of the rounds. A row says how much of the device's GEMM peak the
operations of the networks are (of beta-VAEs, for which they are counted), and the days that 12,600 models x 300,000
steps would take at its rate; "six objectives" is a mixture as in that study, of which FactorVAE takes most. What cannot
be built, since it does not fit into the memory beside the others, is said and left out. On CPU the same, smaller.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from typing import Any
from unittest.mock import patch

from networks import Case, cohort_step, flops, gemm_peak, plain_step

PRECISIONS = ["bf16", "tf32", "float32", "float64"]  # the most used first, should time run out
STUDY = 12_600 * 300_000  # candidate-steps of Locatello et al. 2019
PLAIN = "plain loop, float32"
# device -> candidates of a cohort, of the mixture and of the one by torch's layers, and precisions
COUNTS = {"cuda": [1, 8, 16, 64, 256], "cpu": [1, 4]}
MIXED, BY_TORCH = {"cuda": 66, "cpu": 6}, 64
MEASURED = {"cuda": PRECISIONS[:3], "cpu": ["bf16", "float32"]}

Step = Callable[[], int]


def on_device(
    cases: tuple[Case, ...],
    device: str,
    counts: list[int] | None = None,
    precisions: list[str] | None = None,
    *,
    rounds: int,
    seconds: float,
    limit: float,
) -> list[dict[str, Any]]:
    """Measure all networks in all precisions; no other is begun after `limit` seconds."""
    start = time.perf_counter()
    precisions = precisions or MEASURED[device]
    print(described_device(device), flush=True)
    if device == "cuda":
        compile_ahead(cases, precisions)
        print(f"compiled after {time.perf_counter() - start:.0f} s", flush=True)
    rows: list[dict[str, Any]] = []
    for precision in precisions:
        peak = gemm_peak(device, precision)
        print(f"GEMM peak in {precision}: {peak / 1e12:.1f} TFLOP/s", flush=True)
        for case in cases:
            if time.perf_counter() - start > limit:
                print(f"{case.name}, {precision}: left out, {limit:.0f} s are over", flush=True)
                continue
            options = variants(device, counts or COUNTS[device], precision)
            builders: dict[str, Callable[[], Step]] = {
                name: partial(built, case, device, precision, **own) for name, own in options.items()
            }
            if precision == precisions[0]:
                builders = {PLAIN: lambda case=case: plain_step(case, device)} | builders
            for name, rate in rates(builders, device, precision, rounds, seconds).items():
                share = rate * flops(case) / peak if options.get(name, {"mixed": True})["mixed"] is False else math.nan
                rows.append(row(case, device, name, rate, share))
                print(described(rows[-1]), flush=True)
    print(f"all of it took {time.perf_counter() - start:.0f} s")
    return rows


def described_device(device: str) -> str:
    """Say on what it is measured."""
    import torch

    from selectdis.training.cuda._kernel_program import KERNELS, has_triton

    if device == "cpu":
        return f"cpu, torch {torch.__version__}"
    kernels = f"selectdis {KERNELS}" if has_triton() else "no Triton, so torch's layers"
    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {kernels}"


def compile_ahead(cases: tuple[Case, ...], precisions: list[str]) -> None:
    """Let every core compile kernels, which the measuring process then finds in Triton's folder."""
    from selectdis.execution._plan import worker_count

    tasks = [(case, precision) for precision in precisions for case in cases]
    with ProcessPoolExecutor(min(len(tasks), worker_count(-1)), multiprocessing.get_context("spawn")) as pool:
        for future in [pool.submit(one_step, *task) for task in tasks]:
            future.exception()  # waits; whatever goes wrong does so again where it is measured


def one_step(case: Case, precision: str) -> None:
    """Compute a step of a small mixture, which needs all kernels."""
    from selectdis.training._runtime import compute_settings, torch_settings

    with torch_settings(compute_settings("cuda", precision)):
        cohort_step(case, "cuda", precision, 6, mixed=True)()


def variants(device: str, counts: list[int], precision: str) -> dict[str, dict[str, Any]]:
    """Return the settings of the cohorts to measure, by name."""
    found = {f"K = {count}, {precision}": {"count": count, "mixed": False} for count in counts}
    mixed = MIXED[device]
    found[f"K = {mixed}, {precision}, six objectives"] = {"count": mixed, "mixed": True}
    if device == "cuda":
        by_torch = {"count": BY_TORCH, "mixed": False, "kernels": False}
        found[f"K = {BY_TORCH}, {precision}, torch's layers"] = by_torch
    return found


def built(case: Case, device: str, precision: str, *, count: int, mixed: bool, kernels: bool = True) -> Step:
    """Return a step of a cohort, by our own kernels where there are any or by torch's layers."""
    with patch.dict(os.environ, {} if kernels else {"SELECTDIS_KERNELS": "0"}), same_first_values():
        return cohort_step(case, device, precision, count, mixed=mixed)


@contextmanager
def same_first_values() -> Iterator[None]:
    """Draw first values once for all candidates: drawing billions of them takes longer than what is measured."""
    import numpy as np

    from selectdis.models import initial_values

    once = cache(lambda parameters: initial_values(parameters, np.random.default_rng(0)))
    with patch("selectdis.training._cohort.initial_values", lambda parameters, rng: once(tuple(parameters))):
        yield


def rates(
    builders: Mapping[str, Callable[[], Step]], device: str, precision: str, rounds: int, seconds: float
) -> dict[str, float]:
    """Build all variants, let them take turns, and return the median rate of each; NaN for one that failed."""
    from selectdis.training._runtime import compute_settings, torch_settings

    compute = compute_settings(device, precision)
    steps: dict[str, Step] = {}
    for name, build in builders.items():
        try:
            with torch_settings(compute), warnings.catch_warnings():
                warnings.simplefilter("error", RuntimeWarning)  # else the rate would be none of kernels or a graph
                step = build()
                for _ in range(5):
                    step()
            steps[name] = step
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {str(error).strip()[:200]}", flush=True)
        release(device)  # outside of the handler, which holds what failed
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            with torch_settings(compute):
                taken[name].append(rate_of(step, device, seconds))
    steps.clear()
    release(device)
    return {name: statistics.median(taken[name]) if name in taken else math.nan for name in builders}


def rate_of(step: Step, device: str, seconds: float) -> float:
    """Count candidate-steps for some seconds."""
    import torch

    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    wait()
    start, done, calls = time.perf_counter(), 0, 0
    while time.perf_counter() - start < seconds:
        done += step()
        calls += 1
        if calls % 16 == 0:  # without it the host would run far ahead of a GPU
            wait()
    wait()
    return done / (time.perf_counter() - start)


def release(device: str) -> None:
    """Give back the memory of what was measured."""
    import torch

    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()


def row(case: Case, device: str, variant: str, rate: float, share: float) -> dict[str, Any]:
    """Return what is kept of a variant."""
    found = {"case": case.name, "device": device, "variant": variant, "rate": rate, "days": STUDY / rate / 86_400}
    return found if math.isnan(share) else found | {"share": share}


def described(found: dict[str, Any]) -> str:
    """Return the line of a row."""
    start = f"{found['case']:20} {found['variant']:32}"
    if math.isnan(found["rate"]):
        return f"{start} failed"
    share = f"{found['share']:6.1%} of the GEMM peak" if "share" in found else ""
    return f"{start} {found['rate']:10.1f} steps/s  {share:24}{found['days']:8.2f} days of the study"
