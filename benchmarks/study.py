"""Whole studies end to end: dSprites drawn, trained, encoded and scored, phase by phase.

    python benchmarks/study.py [--device cuda|cpu] [--only first|second] [--seconds 540] [--folder /tmp/selectdis-study]

The first study has 24 candidates x 2,000 steps in one cohort, the second 192 x 10,000 in three; both conv at 64 pixels,
bf16, metrics fast and dci, 5,000 training images of the metrics. The second takes as many steps as the rest of
`--seconds` allows by the rate of the first, and says so. With `--device cpu` both are small, so that it runs anywhere,
in the same way: one thread trains, processes score.

Every event is printed when it happens, so that a run that is cut short is worth something. The summary has, for each
phase, the seconds that the device or the driver was at it; "trains" is the share of the wall-clock from the first step
to the last record in which optimiser steps were under way, and of the whole study.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import sys
import threading
import time
import traceback
import warnings
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START = time.perf_counter()


@dataclass(frozen=True)
class Size:
    """How large a study is."""

    name: str
    betas: int
    seeds: int
    steps: int
    cohort: int


SIZES = {
    "cuda": [Size("first", 4, 6, 2_000, 24), Size("second", 6, 32, 10_000, 64)],
    "cpu": [Size("first", 2, 2, 20, 4), Size("second", 2, 3, 40, 2)],
}


class Clock:
    """Seconds by phase, of phases that may overlap, and a line for each event."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.records = 0
        self.last_record = 0.0
        self.steps = 0
        self._lock = threading.Lock()

    @property
    def now(self) -> float:
        return time.perf_counter() - self.start

    def say(self, what: str) -> None:
        print(f"{self.now:8.1f} s  {what}", flush=True)

    @contextmanager
    def phase(self, name: str) -> Any:
        begin = self.now
        try:
            yield
        finally:
            with self._lock:
                self.spans[name].append((begin, self.now))

    def seconds(self, name: str) -> float:
        return sum(end - begin for begin, end in self.spans[name])

    def summary(self, title: str, candidates: int) -> None:
        """Print the phases, and the share in which the device trained."""
        trained = self.spans["train"]
        print(
            f"\n{title}: {self.now:.1f} s, {time.perf_counter() - START:.1f} s since the start of the process",
            flush=True,
        )
        for name, spans in self.spans.items():
            print(f"  {name:24s} {self.seconds(name):8.2f} s in {len(spans)}")
        if trained:
            first, last = trained[0][0], max(self.last_record, trained[-1][1])
            rate = self.steps / max(self.seconds("train"), 1e-9)
            print(f"  scores after the last step {last - trained[-1][1]:6.2f} s")
            print(
                f"  trains {self.seconds('train') / max(last - first, 1e-9):.0%} of first step to last record, ", end=""
            )
            digits = 0 if rate >= 10 else 2
            print(f"{self.seconds('train') / self.now:.0%} of all; {rate:,.{digits}f} steps/s of a candidate")
        print(f"  {self.records} of {candidates} records\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--only", choices=["first", "second"])
    parser.add_argument("--seconds", type=float, default=540.0, help="of both studies together")
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--steps", type=int, help="in place of those of the study")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/selectdis-study"))
    parser.add_argument("--data", type=Path, help="a cache of drawn images to use; by default a cold one")
    options = parser.parse_args()
    shutil.rmtree(options.folder, ignore_errors=True)
    os.environ["SELECTDIS_DATA"] = str(options.data or options.folder / "data")
    warnings.simplefilter("ignore")
    import torch

    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("there is no CUDA device here: --device cpu runs a small one")
    name = torch.cuda.get_device_name() if options.device == "cuda" else "CPU"
    print(f"{name}, torch {torch.__version__}, {len(os.sched_getaffinity(0))} cores", flush=True)
    rate = None
    for size in SIZES[options.device]:
        if options.only in (None, size.name):
            left = options.seconds - (time.perf_counter() - START)
            rate = run(size, options, rate, left) or rate


def run(size: Size, options: argparse.Namespace, rate: float | None, left: float) -> float | None:
    """Run one study; return the steps a second of a candidate."""
    candidates = size.betas * size.seeds
    steps = options.steps or size.steps
    if rate is not None and candidates * steps > (most := 0.75 * left * rate):
        steps = max(int(most / candidates), 10)
        print(f"{size.name}: {steps:,} steps in place of {size.steps:,}, for the time that is left", flush=True)
    clock = Clock()
    with watched(clock, options.device, size):
        study(size, steps, options, clock)
    clock.summary(f"{size.name}: {candidates} candidates x {steps:,} steps", candidates)
    return clock.steps / clock.seconds("train") if clock.spans["train"] else None


def study(size: Size, steps: int, options: argparse.Namespace, clock: Clock) -> None:
    import selectdis as sd
    from selectdis.execution import _plan as plan

    class Notes(sd.Listener):
        def recorded(self, study: Any, stage: Any, records: Any, transfer: Any = None) -> None:
            if not records:
                return
            clock.records += len(records)
            clock.last_record = clock.now
            failed = [r.get("error") for r in records if r["status"] == "failed"]
            clock.say(f"{clock.records} records" + (f", failed: {failed[0]}" if failed else ""))

    spec = spec_of(size, steps, options)
    largest, plan.CUDA_LARGEST = plan.CUDA_LARGEST, size.cohort
    try:
        with clock.phase("whole study"):
            sd.Study(spec, folder=options.folder / size.name, n_jobs=1).run(listeners=[Notes()])
    except KeyboardInterrupt:
        clock.say("cut short")
    except Exception:  # the other study may still say something
        clock.say(traceback.format_exc())
    finally:
        plan.CUDA_LARGEST = largest


def spec_of(size: Size, steps: int, options: argparse.Namespace) -> dict[str, Any]:
    small = options.device == "cpu"
    data = {"image_size": 32, "sizes": {"shape": 3, "scale": 6, "orientation": 10, "x": 14, "y": 14}} if small else {}
    return {
        "name": size.name,
        "proxy": {"name": "dsprites", **data},
        "search": {"objective": {"beta_vae": {"beta": [2.0**n for n in range(size.betas)]}}, "architecture": "conv"},
        "seeds": size.seeds,
        "training": {
            "steps": steps,
            "device": options.device,
            "precision": "float32" if small else options.precision,
            "compile": options.compile,
        },
        "evaluation": {"metrics": ["fast", "dci"], **({"n_train": 300, "n_test": 200} if small else EVALUATION)},
        "tracking": "none",
    }


EVALUATION = {"n_train": 5_000, "n_test": 2_500}


@contextmanager
def watched(clock: Clock, device: str, size: Size) -> Any:
    """Time what selectdis does, from outside: the drawing, the set-up of a cohort, its steps, its codes."""
    from selectdis.data import ImageDataset
    from selectdis.execution import _overlap as overlap
    from selectdis.execution import _plan as plan
    from selectdis.execution import _study_jobs as jobs
    from selectdis.training._cohort import Cohort
    from selectdis.training._loop import Training

    patched: list[tuple[Any, str, Any]] = []

    def replace(owner: Any, name: str, new: Callable[[Any], Any]) -> None:
        patched.append((owner, name, getattr(owner, name)))
        setattr(owner, name, new(getattr(owner, name)))

    def timed(phase: str, after: Callable[..., None] = lambda *_: None) -> Callable[[Any], Any]:
        def wrap(call: Any) -> Any:
            def wrapped(*arguments: Any, **options: Any) -> Any:
                with clock.phase(phase):
                    result = call(*arguments, **options)
                after(*arguments)
                return result

            return wrapped

        return wrap

    def trained(training: Any, *_: Any) -> None:
        count = len(training.cohort.candidates)
        clock.steps += count * training.cohort.step_count
        clock.say(f"trained {count} candidates{memory(count, training, plan)}")

    replace(ImageDataset, "draw_once", timed("draw"))
    replace(Cohort, "__init__", timed("set up"))
    replace(Training, "go", timed("train", trained))
    replace(overlap, "encode_on_device", timed("encode"))
    replace(overlap, "leave_codes", timed("write codes"))
    if device == "cpu":  # the way of a GPU, so that it can be tried
        replace(jobs, "scoring_processes", lambda _: lambda device: max(len(os.sched_getaffinity(0)) - 1, 1))
        replace(plan, "cohort_size", lambda _: lambda *_, count, **__: min(count, size.cohort))
    try:
        yield
    finally:
        for owner, name, old in reversed(patched):
            setattr(owner, name, old)


def memory(count: int, training: Any, plan: Any) -> str:
    """Say what the device held at most, beside what the rule for the cohort's size counts."""
    import torch

    if not torch.cuda.is_available():
        return ""
    peak = torch.cuda.max_memory_allocated() / 1e9
    torch.cuda.reset_peak_memory_stats()
    cohort = training.cohort
    images = math.prod(cohort.data.images.shape)
    counted = count * plan.candidate_bytes(cohort.candidates[0], cohort.data.image_shape, cohort.compute.precision)
    return f"; {peak:.2f} GB at most, {images / 1e9:.2f} GB of it images; the rule counts {counted / 1e9:.2f} GB"


if __name__ == "__main__":
    main()
