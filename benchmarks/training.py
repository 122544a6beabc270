"""Candidate-steps a second of selectdis against a plain loop over one model, as toolkits of the field write it.

    python benchmarks/training.py [--only "conv, 64"] [--seconds 4] [--rounds 5] [--cohorts] [--out FILE.json]

The variants take turns within each round, so that other work on the machine meets all of them alike; a row gives the
median of the rounds. On a machine that does other work too, compare the milliseconds of CPU. Every measurement runs in
processes of its own: "plain" is one process with all threads and a DataLoader, "selectdis" one process a core with one
thread each.

With a CUDA device the same is measured on it: the plain loop, and cohorts of 1 to 256 candidates in several
precisions, eager and as CUDA graphs (`compile=True`); from each rate, the days that 12,600 models x 300,000 steps would
take. All are beta-VAEs; a cohort of 64 is measured with all six objectives too, as in that study, of which FactorVAE
takes most. What does not fit into the memory is said and left out. `--device cpu` runs this part on the CPU, to try it.
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
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from networks import CASES, Case, flops, images_of, plain_step

PRECISIONS = ["float32", "tf32", "bf16", "float64"]
STUDY = 12_600 * 300_000  # candidate-steps of Locatello et al. 2019
MIXED = 64  # candidates of a cohort that is measured with all six objectives too


# In a worker process --------------------------------------------------------------------------------


def cohort_step(case: Case, task: dict[str, Any]) -> Callable[[], int]:
    """One step of a cohort of `count` candidates (0: as many as the rule says for many)."""
    from types import SimpleNamespace

    from selectdis.execution import cohort_size
    from selectdis.objectives import OBJECTIVES
    from selectdis.training import Candidate
    from selectdis.training._cohort import Cohort
    from selectdis.training._runtime import compute_settings

    settings = {"architecture": case.architecture, "width": case.width}
    count = task["count"] or cohort_size(Candidate(**settings), (1, case.size, case.size), 1000, task["device"])
    objectives = [name for name in OBJECTIVES for _ in range(count // 6 + 1)] if task["mixed"] else ["beta_vae"] * count
    candidates = [Candidate(objective, seed, **settings) for seed, objective in enumerate(objectives[:count])]
    data = SimpleNamespace(name="noise", images=images_of(case.size))
    cohort = Cohort(candidates, data, compute_settings(task["device"], task["precision"], task["compile"]))

    def step() -> int:
        cohort.step()
        return count

    return step


def work(task: dict[str, Any]) -> None:
    """Prepare, say so, wait for the word, count steps for some seconds, print the counts."""
    import contextlib

    import torch

    from selectdis.training._runtime import compute_settings, torch_settings

    torch.set_num_threads(task["threads"])
    case, device = Case(**task["case"]), task["device"]
    plain = task["kind"] == "plain"
    warnings.simplefilter("error", RuntimeWarning)  # where compiling does not work, the eager rate is none of a graph
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    compute = compute_settings(device, task["precision"], task["compile"])
    with contextlib.nullcontext() if plain else torch_settings(compute):
        step = plain_step(case, device) if plain else cohort_step(case, task)
        for _ in range(5):
            step()
        wait()
        print("ready", flush=True)
        sys.stdin.readline()
        wall, cpu, done, steps = time.perf_counter(), time.process_time(), 0, 0
        while time.perf_counter() - wall < task["seconds"]:
            done += step()
            steps += 1
            if steps % 16 == 0:  # without it the host would run far ahead of a GPU
                wait()
        wait()
        print(json.dumps([done, time.perf_counter() - wall, time.process_time() - cpu]), flush=True)


# In the driver --------------------------------------------------------------------------------------


class Failed(RuntimeError):
    """A worker ended too early; what it said stands above."""


def measure(case: Case, kind: str, processes: int, threads: int, seconds: float, **more: Any) -> tuple[float, float]:
    """Candidate-steps a second of all processes together, and a CPU-second."""
    task = {"case": case.__dict__, "kind": kind, "threads": threads, "seconds": seconds}
    task |= {"count": 0, "precision": "float32", "compile": False, "mixed": False, "device": "cpu"} | more
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


def gemm_peak(device: str = "cpu", precision: str = "float32") -> float:
    """The best rate of a square product, over the libraries in torch, in FLOP a second; on CPU on one thread."""
    import torch

    from selectdis.training._cohort import PRECISIONS
    from selectdis.training._runtime import compute_settings, torch_settings

    dtype = torch.bfloat16 if precision == "bf16" else PRECISIONS[precision]
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    best = 0.0
    with torch_settings(compute_settings(device, precision)):
        for n in (256, 512, 1024, *((4096, 8192) if device == "cuda" else ())):
            a, b = torch.randn(2, n, n, device=device).to(dtype)
            products = [lambda a=a, b=b: a @ b]
            if device == "cpu" and hasattr(torch.ops.mkldnn, "_linear_pointwise"):
                products.append(lambda a=a, b=b: torch.ops.mkldnn._linear_pointwise(a, b, None, "none", [], ""))
            for product in products:
                for _ in range(20):
                    wait()
                    start = time.perf_counter()
                    product()
                    wait()
                    best = max(best, 2 * n**3 / (time.perf_counter() - start))
    return best


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


def on_device(
    cases: tuple[Case, ...], rounds: int, seconds: float, device: str, counts: list[int], precisions: list[str]
) -> list[dict[str, Any]]:
    """Candidate-steps a second on a device: the plain loop, and cohorts one by one and stacked, eager and compiled."""
    options = device_variants(counts, precisions)
    peaks = {precision: gemm_peak(device, precision) for precision in precisions}
    for precision, peak in peaks.items():
        print(f"{device}: GEMM peak in {precision} {peak / 1e12:.1f} TFLOP/s")
    rows = []
    for case in cases:
        for name, rate in rates_on_device(case, rounds, seconds, device, options).items():
            row = {"case": case.name, "device": device, "variant": name, "rate": rate, "days": STUDY / rate / 86_400}
            own = options.get(name, {"precision": "float32", "mixed": False})
            if own["precision"] in peaks and not own["mixed"]:  # the count of operations is that of a beta-VAE
                row["share"] = rate * flops(case) / peaks[own["precision"]]
            rows.append(row)
            print(described(row), flush=True)
    return rows


def described(row: dict[str, Any]) -> str:
    """A line for a row of `on_device`."""
    start = f"{row['case']:20} {row['device']} {row['variant']:42}"
    if math.isnan(row["rate"]):
        return f"{start} failed"
    share = f"{row['share']:4.0%} of the GEMM peak" if "share" in row else ""
    return f"{start} {row['rate']:10.1f} steps/s  {share:22}{row['days']:8.1f} days for 12,600 models x 300,000 steps"


def device_variants(counts: list[int], precisions: list[str]) -> dict[str, dict[str, Any]]:
    """Settings of the cohorts to measure, by name."""
    return {
        ", ".join((f"K = {count}", precision, *["compiled"] * compile, *["six objectives"] * mixed)): {
            "count": count,
            "precision": precision,
            "compile": compile,
            "mixed": mixed,
        }
        for precision in precisions
        for count in counts
        for compile in (False, True)
        for mixed in ((False, True) if count == MIXED else (False,))
    }


def rates_on_device(
    case: Case, rounds: int, seconds: float, device: str, options: dict[str, dict[str, Any]]
) -> dict[str, float]:
    """The median rate of each variant, which take turns; NaN for one that failed."""
    taken: dict[str, list[float]] = {"plain loop": [], **{name: [] for name in options}}
    for _ in range(rounds):
        for name, rates in taken.items():
            if rates and math.isnan(rates[-1]):
                continue
            kind, more = ("cohort", options[name]) if name in options else ("plain", {})
            try:
                rates.append(measure(case, kind, 1, 1, seconds, device=device, **more)[0])
            except Failed:
                rates.append(math.nan)
    return {name: statistics.median(rates) if not math.isnan(rates[-1]) else math.nan for name, rates in taken.items()}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help='only networks whose name begins so: "conv", "conv, 64", "fc 128"')
    parser.add_argument("--cohorts", action="store_true", help="measure cohort sizes on one thread too")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="measure cohorts on this device alone")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 8, 16, 64, 256], help="candidates, on the device")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS[:3], help="on the device")
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
    taken = (cases, arguments.rounds, arguments.seconds)
    rows = []
    if arguments.device is None:
        rows += compare(*taken)
        rows += cohorts(*taken) if arguments.cohorts else []
    device = arguments.device or "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device: nothing was measured on a GPU")
        return rows
    return rows + on_device(*taken, device, arguments.counts, arguments.precisions)


def _odd(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


if __name__ == "__main__":
    main()
