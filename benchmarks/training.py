"""Candidate-steps a second of selectdis against a plain loop over one model, as toolkits of the field write it.

    python benchmarks/training.py [--seconds 4] [--rounds 5] [--cohorts] [--out FILE.json]

The variants take turns within each round, so that other work on the machine meets all of them alike; a row gives the
median of the rounds. On a machine that does other work too, compare the milliseconds of CPU. Every measurement runs in
processes of its own: "plain" is one process with all threads and a DataLoader, "selectdis" one process a core with one
thread each. With a CUDA device, cohorts of several sizes are measured on it too, and the days that 12,600 models x
300,000 steps would take.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STUDY = 12_600 * 300_000  # candidate-steps of Locatello et al. 2019


@dataclass(frozen=True)
class Case:
    """A network to train."""

    name: str
    architecture: str
    size: int
    width: int


CASES = (
    Case("conv, 64 pixels", "conv", 64, 256),
    Case("conv, 32 pixels", "conv", 32, 256),
    Case("conv, 16 pixels", "conv", 16, 256),
    Case("fc 128, 16 pixels", "fc", 16, 128),
    Case("fc 1200, 64 pixels", "fc", 64, 1200),
)


# In a worker process --------------------------------------------------------------------------------


def images_of(size: int) -> Any:
    """10,000 images of noise; training does not look at what they show."""
    import numpy as np

    return (np.random.default_rng(0).random((10_000, 1, size, size)) > 0.7).astype(np.uint8) * 255


def plain_step(case: Case) -> Callable[[], int]:
    """One step of one model: nn.Module, DataLoader, autograd, Adam; the count of candidate-steps it did."""
    import torch
    from torch import nn
    from torch.nn import functional as F
    from torch.utils.data import DataLoader, TensorDataset

    encoder, decoder = (plain_conv if case.architecture == "conv" else plain_fc)(nn, case)
    images = torch.from_numpy(images_of(case.size)).float().div_(255)
    loader = DataLoader(TensorDataset(images), batch_size=64, shuffle=True, drop_last=True)
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-4)

    def forever() -> Any:
        while True:
            yield from loader

    batches = forever()

    def step() -> int:
        (x,) = next(batches)
        mean, log_variance = encoder(x).chunk(2, 1)
        z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        reconstruction = F.binary_cross_entropy_with_logits(decoder(z), x, reduction="sum") / len(x)
        kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
        optimiser.zero_grad()
        (reconstruction + 4 * kl).backward()
        optimiser.step()
        return 1

    return step


def plain_conv(nn: Any, case: Case) -> tuple[Any, Any]:
    """The convolutional networks of the literature (fewer stages below 64 pixels)."""
    from selectdis.models.conv import STAGES

    channels, layers = 1, []
    for outputs, kernel in STAGES[case.size]:
        layers += [nn.Conv2d(channels, outputs, kernel, 2, kernel // 2 - 1), nn.ReLU()]
        channels = outputs
    flat = channels * 16
    encoder = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 256), nn.ReLU(), nn.Linear(256, 20))
    layers = [nn.Linear(10, 256), nn.ReLU(), nn.Linear(256, flat), nn.ReLU(), nn.Unflatten(1, (channels, 4, 4))]
    widths = [outputs for outputs, _ in reversed(STAGES[case.size])]
    for inputs, outputs in zip(widths, [*widths[1:], 1], strict=True):
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.ReLU()]
    return encoder, nn.Sequential(*layers[:-1])


def plain_fc(nn: Any, case: Case) -> tuple[Any, Any]:
    """The fully connected networks of the literature, with another width."""
    pixels, width = case.size**2, case.width
    encoder = nn.Sequential(
        nn.Flatten(), nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 20)
    )
    decoder = nn.Sequential(
        nn.Linear(10, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
        nn.Linear(width, pixels), nn.Unflatten(1, (1, case.size, case.size)),
    )  # fmt: skip
    return encoder, decoder


def cohort_step(case: Case, count: int, precision: str, device: str) -> Callable[[], int]:
    """One step of a cohort of `count` candidates (0: as many as the rule says for many)."""
    from types import SimpleNamespace

    from selectdis.training import Candidate, cohort_size
    from selectdis.training.cohort import Cohort
    from selectdis.training.runtime import place_of

    settings = {"architecture": case.architecture, "width": case.width}
    count = count or cohort_size(Candidate(**settings), (1, case.size, case.size), 1000, device)
    data = SimpleNamespace(name="noise", images=images_of(case.size))
    cohort = Cohort([Candidate(seed=seed, **settings) for seed in range(count)], data, place_of(device, precision))

    def step() -> int:
        cohort.step()
        return count

    return step


def work(task: dict[str, Any]) -> None:
    """Prepare, say so, wait for the word, count steps for some seconds, print the counts."""
    import contextlib

    import torch

    from selectdis.training.runtime import place_of, torch_settings

    torch.set_num_threads(task["threads"])
    case = Case(**task["case"])
    cuda = task["device"] == "cuda"
    plain = task["kind"] == "plain"
    with contextlib.nullcontext() if plain else torch_settings(place_of(task["device"], task["precision"])):
        step = plain_step(case) if plain else cohort_step(case, task["count"], task["precision"], task["device"])
        for _ in range(3):
            step()
        print("ready", flush=True)
        sys.stdin.readline()
        wall, cpu, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - wall < task["seconds"]:
            done += step()
            if cuda and done % 16 == 0:
                torch.cuda.synchronize()
        if cuda:
            torch.cuda.synchronize()
        print(json.dumps([done, time.perf_counter() - wall, time.process_time() - cpu]), flush=True)


# In the driver --------------------------------------------------------------------------------------


def measure(case: Case, kind: str, processes: int, threads: int, seconds: float, **more: Any) -> tuple[float, float]:
    """Candidate-steps a second of all processes together, and a CPU-second."""
    task = {"case": case.__dict__, "kind": kind, "threads": threads, "seconds": seconds}
    task |= {"count": 0, "precision": "float32", "device": "cpu"} | more
    command = [sys.executable, __file__, "--work", json.dumps(task)]
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(processes)
    ]
    for worker in workers:
        assert worker.stdout is not None
        if worker.stdout.readline().strip() != "ready":
            raise SystemExit(f"a worker failed: {task}")
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    results = [json.loads(worker.communicate()[0]) for worker in workers]
    return sum(done / wall for done, wall, _ in results), sum(r[0] for r in results) / sum(r[2] for r in results)


def flops(case: Case) -> float:
    """Multiplications and additions of one candidate-step at batch 64: forward, and twice that backward."""
    from selectdis.models.conv import STAGES

    if case.architecture == "fc":
        pixels, width = case.size**2, case.width
        weights = [pixels * width, width * width, width * 20, 10 * width, 2 * width * width, width * pixels]
        return 64 * 2 * (3 * sum(weights) - weights[0])
    side, inputs, convolutions = case.size, 1, []
    for outputs, kernel in STAGES[case.size]:
        side //= 2
        convolutions.append(kernel * kernel * inputs * outputs * side * side)
        inputs = outputs
    widths = [outputs for outputs, _ in reversed(STAGES[case.size])]
    for ins, outs in zip(widths, [*widths[1:], 1], strict=True):
        convolutions.append(16 * ins * outs * side * side)
        side *= 2
    weights = [2 * 256 * widths[0] * 16 + 256 * 30, *convolutions]
    return 64 * 2 * (3 * sum(weights) - convolutions[0])


def gemm_peak() -> float:
    """The best rate of a square float32 product on one thread, over the libraries in torch, in FLOP a second."""
    import torch

    torch.set_num_threads(1)
    best = 0.0
    for n in (256, 512, 1024):
        a, b = torch.randn(n, n), torch.randn(n, n)
        products = [lambda a=a, b=b: a @ b]
        if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
            products.append(lambda a=a, b=b: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""))
        for product in products:
            for _ in range(20):
                start = time.perf_counter()
                product()
                best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best


def compare(cases: tuple[Case, ...], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """The table of selectdis against the plain loop on this machine's cores."""
    cores = len(os.sched_getaffinity(0))
    variants: dict[str, Callable[[Case], tuple[float, float]]] = {
        f"plain loop, {cores} threads": lambda case: measure(case, "plain", 1, cores, seconds),
        f"plain loop, {cores} processes": lambda case: measure(case, "plain", cores, 1, seconds),
        f"selectdis, {cores} processes": lambda case: measure(case, "cohort", cores, 1, seconds),
        f"selectdis bf16, {cores} processes": lambda case: measure(case, "cohort", cores, 1, seconds, precision="bf16"),
    }
    peak = gemm_peak()
    print(f"{cores} cores, GEMM peak of one thread {peak / 1e9:.0f} GFLOP/s, load {os.getloadavg()[0]:.1f}")
    rows = []
    for case in cases:
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in variants}
        for _ in range(rounds):
            for name, run in variants.items():
                taken[name].append(run(case))
        base = statistics.median(wall for wall, _ in next(iter(taken.values())))
        for name, pairs in taken.items():
            rate = statistics.median(wall for wall, _ in pairs)
            per_cpu = statistics.median(cpu for _, cpu in pairs)
            share = per_cpu * flops(case) / peak
            row = {"case": case.name, "variant": name, "rate": rate, "ratio": rate / base, "cpu_ms": 1000 / per_cpu}
            rows.append(row | {"share": share})
            print(
                f"{case.name:20} {name:32} {rate:8.1f} steps/s {rate / base:5.2f}x"
                f"  {1000 / per_cpu:7.2f} ms of CPU  {share:4.0%} of the GEMM peak",
                flush=True,
            )
    return rows


def cohorts(cases: tuple[Case, ...], rounds: int, seconds: float, device: str) -> list[dict[str, Any]]:
    """Candidate-steps a second by cohort size: one thread on CPU, or a CUDA device."""
    counts = (1, 8, 64, 256) if device == "cuda" else (1, 2, 4, 8, 16)
    precisions = ("float32", "tf32", "bf16") if device == "cuda" else ("float32",)
    rows = []
    for case in cases:
        for precision in precisions:
            taken: dict[int, list[float]] = {count: [] for count in counts}
            for _ in range(rounds):
                for count in counts:
                    more = {"count": count, "precision": precision, "device": device}
                    wall, cpu = measure(case, "cohort", 1, 1, seconds, **more)
                    taken[count].append(wall if device == "cuda" else cpu)
            for count, rates in taken.items():
                rate = statistics.median(rates)
                days = f"  {STUDY / rate / 86_400:7.1f} GPU-days" if device == "cuda" else ""
                rows.append({"case": case.name, "device": device, "precision": precision, "count": count, "rate": rate})
                print(f"{case.name:20} {device} {precision:8} K = {count:3} {rate:9.1f} steps/s{days}")
    return rows


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cases", type=int, default=len(CASES), help="only the first ones")
    parser.add_argument("--cohorts", action="store_true", help="measure cohort sizes on one thread too")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    arguments = parser.parse_args()
    if arguments.work:
        work(json.loads(arguments.work))
        return
    import torch

    cases = CASES[: arguments.cases]
    rows = compare(cases, arguments.rounds, arguments.seconds)
    if arguments.cohorts:
        rows += cohorts(cases, arguments.rounds, arguments.seconds, "cpu")
    if torch.cuda.is_available():
        rows += cohorts(cases, arguments.rounds, arguments.seconds, "cuda")
    else:
        print("no CUDA device: nothing was measured on a GPU")
    if arguments.out:
        arguments.out.write_text(json.dumps([{k: v for k, v in row.items() if not _odd(v)} for row in rows], indent=1))


def _odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


if __name__ == "__main__":
    main()
