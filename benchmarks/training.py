"""Candidate-steps a second of selectdis against a plain loop over one model, as toolkits of the field write it.

    python benchmarks/training.py [--only "conv, 64"] [--seconds 4] [--rounds 5] [--cohorts] [--out FILE.json]
    python benchmarks/training.py --device cuda

The variants take turns within each round, so that other work on the machine meets all of them alike; a row gives the
median of the rounds. On a machine that does other work too, compare the milliseconds of CPU. Every measurement runs in
processes of its own: "plain" is one process with all threads and a DataLoader, "selectdis" one process a core with one
thread each. With a CUDA device that is measured too, or alone by `--device cuda`; see `on_device.py`.
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
from pathlib import Path
from typing import Any

from networks import CASES, Case, cohort_step, flops, gemm_peak, plain_step
from on_device import PRECISIONS, on_device

# In a worker process --------------------------------------------------------------------------------


def work(task: dict[str, Any]) -> None:
    """Prepare, say so, wait for the word, count steps for some seconds, print the counts."""
    import contextlib

    import torch

    from selectdis.training._runtime import compute_settings, torch_settings

    torch.set_num_threads(task["threads"])
    case, plain = Case(**task["case"]), task["kind"] == "plain"
    with contextlib.nullcontext() if plain else torch_settings(compute_settings("cpu", task["precision"])):
        step = plain_step(case, "cpu") if plain else cohort_step(case, "cpu", task["precision"], task["count"])
        for _ in range(5):
            step()
        print("ready", flush=True)
        sys.stdin.readline()
        wall, cpu, done = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() - wall < task["seconds"]:
            done += step()
        print(json.dumps([done, time.perf_counter() - wall, time.process_time() - cpu]), flush=True)


# In the driver --------------------------------------------------------------------------------------


class Failed(RuntimeError):
    """A worker ended too early; what it said stands above."""


def measure(case: Case, kind: str, processes: int, threads: int, seconds: float, **more: Any) -> tuple[float, float]:
    """Candidate-steps a second of all processes together, and a CPU-second."""
    task = {"case": case.__dict__, "kind": kind, "threads": threads, "seconds": seconds}
    task |= {"count": 0, "precision": "float32"} | more
    command = [sys.executable, __file__, "--work", json.dumps(task)]
    env = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(processes)
    ]
    for worker in workers:
        assert worker.stdout is not None
        if worker.stdout.readline().strip() != "ready":
            raise Failed(f"a worker failed: {task}")
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [worker.communicate()[0] for worker in workers]
    try:
        results = [json.loads(counts) for counts in said]
    except ValueError:
        raise Failed(f"a worker ended before its numbers: {task}") from None
    return sum(done / wall for done, wall, _ in results), sum(r[0] for r in results) / sum(r[2] for r in results)


def compare(cases: tuple[Case, ...], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """The table of selectdis against the plain loop on this machine's cores."""
    from selectdis.execution._plan import worker_count

    cores = worker_count(-1)
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


def cohorts(cases: tuple[Case, ...], rounds: int, seconds: float) -> list[dict[str, Any]]:
    """Candidate-steps a second of CPU by cohort size, on one thread."""
    counts = (1, 2, 4, 8, 16)
    rows = []
    for case in cases:
        taken: dict[int, list[float]] = {count: [] for count in counts}
        for _ in range(rounds):
            for count in counts:
                taken[count].append(measure(case, "cohort", 1, 1, seconds, count=count)[1])
        for count, rates in taken.items():
            rate = statistics.median(rates)
            rows.append({"case": case.name, "device": "cpu", "count": count, "rate": rate})
            print(f"{case.name:20} cpu, one thread, K = {count:3} {rate:9.1f} steps a second of CPU", flush=True)
    return rows


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, help="of each measurement (4, on a device 0.4)")
    parser.add_argument("--rounds", type=int, help="(5, on a device 3)")
    parser.add_argument("--only", default="", help='only networks whose name begins so: "conv", "conv, 64", "fc 128"')
    parser.add_argument("--cohorts", action="store_true", help="measure cohort sizes on one thread too")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="measure cohorts on this device alone")
    parser.add_argument("--counts", type=int, nargs="+", help="candidates, on the device")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, help="on the device")
    parser.add_argument(
        "--limit", type=float, default=420.0, help="seconds after which no other network is begun there"
    )
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    arguments = parser.parse_args()
    if arguments.work:
        work(json.loads(arguments.work))
        return
    try:
        rows = measured(arguments)
    except Failed as error:
        raise SystemExit(str(error)) from None
    if arguments.out:
        plain = [{key: None if _odd(value) else value for key, value in row.items()} for row in rows]
        arguments.out.write_text(json.dumps(plain, indent=1))


def measured(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of all that was asked for."""
    import torch

    cases = tuple(case for case in CASES if case.name.startswith(arguments.only))
    if not cases:
        raise SystemExit(f"no network is named {arguments.only!r}: {', '.join(case.name for case in CASES)}")
    rows = []
    if arguments.device is None:
        taken = (cases, arguments.rounds or 5, arguments.seconds or 4.0)
        rows += compare(*taken)
        rows += cohorts(*taken) if arguments.cohorts else []
    device = arguments.device or "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device: nothing was measured on a GPU")
        return rows
    return rows + on_device(
        cases,
        device,
        arguments.counts,
        arguments.precisions,
        rounds=arguments.rounds or 3,
        seconds=arguments.seconds or 0.4,
        limit=arguments.limit,
    )


def _odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


if __name__ == "__main__":
    main()
