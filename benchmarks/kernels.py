"""The fastest tiles of each layer on this card, beside those of the rules in `selectdis/models/_tiles.py`.

    python benchmarks/kernels.py [--limit 240] [--only "conv, 64"] [--precision bf16] [--candidates 64] [--out FILE]

Tried are, for each pass of each layer, the rule's tiles with rows, depth and splits halved and doubled, and other warps
and stages. Every core compiles for up to half of the limit; what is compiled by then is timed by one process. A line
gives microseconds of one candidate at batch 64, and how much slower the rule is than the best. A rule that is changed
changes results in the last digits: count up `KERNELS` in `selectdis/training/cuda/_kernel_program.py`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

from networks import CASES, Case

RULES = ("tiles_of", "weight_tiles", "matmul_tiles")
SHARED_MEMORY = 227 * 1024  # bytes a program may have on an H100 or H200
REPEATS = 5


@dataclass(frozen=True)
class Pass:
    """A pass of a layer of one candidate: "forward", "to_input" or "to_weight"."""

    layer: str  # "conv", "deconv", "image" or "dense"
    height: int  # of what goes in; of a dense layer 1
    inputs: int
    outputs: int
    side: int
    way: str
    batch: int = 64

    def __str__(self) -> str:
        """Return a name for tables."""
        size = "" if self.layer == "dense" else f" {self.side}x{self.side} at {self.height}"
        return f"{self.layer}{size}, {self.inputs} to {self.outputs}, {self.way}"


def passes_of(case: Case, batch: int = 64) -> list[Pass]:
    """Return the passes of all layers of a network."""
    from selectdis.models import build_model

    model = build_model(case.architecture, (1, case.size, case.size), 10, case.width)
    assert model.kernels is not None
    height = {"encoder": case.size, "decoder": 4}
    found = []
    for parameter in (p for p in model.parameters if p.name.endswith(".weight")):
        part, order = parameter.name.partition(".")[0], model.kernels.layouts.get(parameter.name)
        if order is None:
            shape = ("dense", 1, *parameter.shape, 1)
        else:
            own = [parameter.shape[axis] for axis in order]
            kind = "conv" if part == "encoder" else "image" if order[0] == 0 else "deconv"
            inputs, outputs = (own[0], own[3]) if kind == "image" else own[2:]
            shape = (kind, height[part], inputs, outputs, own[1])
            height[part] = height[part] // 2 if kind == "conv" else height[part] * 2
        first = parameter.name in (
            "encoder.conv0.weight",
            "encoder.dense0.weight",
        )  # which has no gradient of its input
        found += [
            Pass(*shape, way, batch)
            for way in ("forward", "to_input", "to_weight")
            if not (first and way == "to_input")
        ]
    return found


def call_of(own: Pass, count: int, device: str, precision: str) -> Callable[[], Any]:
    """Return a call of a pass for `count` candidates, on random numbers."""
    import torch

    from selectdis.models._stacked import RELU, Layer
    from selectdis.models._stacked import product as multiply

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    products = {"float32": "tf32x3"}.get(precision, "tf32") if device == "cuda" else "ieee"

    def draw(*sides: int) -> Any:
        return torch.randn((count, *sides), device=device).to(dtype)

    bias = torch.zeros(count, own.outputs, device=device)
    if own.layer == "dense":
        x, g, w = draw(own.batch, own.inputs), draw(own.batch, own.outputs), draw(own.inputs, own.outputs)
        calls = {
            "forward": lambda: multiply(x, w, products, bias=bias, activation=RELU),
            "to_input": lambda: multiply(g, w, products, b_transposed=True, value=x, through=RELU, sums=True),
            "to_weight": lambda: multiply(x, g, products, a_transposed=True),
        }
        return calls[own.way]
    layer = Layer(transposed=own.layer != "conv", to_image=own.layer == "image")
    taps = (own.side, own.side)
    w = draw(own.inputs, *taps, own.outputs) if layer.to_image else draw(*taps, own.inputs, own.outputs)
    after = own.height * 2 if layer.transposed else own.height // 2
    x, g = draw(own.batch, own.height, own.height, own.inputs), draw(own.batch, after, after, own.outputs)
    calls = {
        "forward": lambda: layer.forward(x, w, bias, products),
        "to_input": lambda: layer.to_input(g, w, products, x),
        "to_weight": lambda: layer.to_weight(x, g, w, products),
    }
    return calls[own.way]


@contextmanager
def every_tile(tiles: Any) -> Iterator[list[Any]]:
    """Let `tiles` stand for what the rules give, or with none see what that is."""
    from selectdis.models import _stacked as stacked

    seen: list[Any] = []

    def instead(rule: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: seen.append(tiles or rule(*arguments)) or seen[-1]

    with patch.multiple(stacked, **{name: instead(getattr(stacked, name)) for name in RULES}):
        yield seen


def rule_of(own: Pass, device: str, precision: str) -> Any:
    """Return the tiles that a pass has now."""
    call = call_of(own, 1, device, precision)
    with every_tile(None) as seen:
        call()
    return seen[0]


def tried(own: Pass, rule: Any, precision: str) -> list[Any]:
    """Return the rule's tiles, and those around them that fit."""
    size = 2 if precision == "bf16" else 4
    around = (
        rule._replace(rows=rows, depth=depth, warps=warps, stages=stages, splits=splits)
        for rows, depth, splits in product(halves(rule.rows), halves(rule.depth), halves(rule.splits))
        for warps, stages in product((4, 8), (2, 3, 4))
        if splits >= 1 and (rule.splits > 1 or splits == 1)
    )
    fitting = [
        tiles
        for tiles in around
        if tiles.rows >= 16
        and 16 <= tiles.depth <= 128
        and 128 * tiles.warps <= tiles.rows * tiles.columns <= 4096 * tiles.warps
        and (tiles.rows + tiles.columns) * tiles.depth * tiles.stages * size <= SHARED_MEMORY
    ]
    return [rule, *(tiles for tiles in fitting if tiles != rule)]


def halves(number: int) -> tuple[int, int, int]:
    """Return a number, its half and its double."""
    return number, number // 2, number * 2


def compiled(own: Pass, tiles: list[Any], precision: str) -> None:
    """Compile a pass with each of some tiles, into Triton's folder."""
    for each in tiles:
        timed(own, each, 1, precision, repeats=1)


def timed(own: Pass, tiles: Any, count: int, precision: str, *, repeats: int = REPEATS) -> float:
    """Return the microseconds of a candidate; infinite where these tiles do not work."""
    import torch

    call = call_of(own, count, "cuda", precision)
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    try:
        with every_tile(tiles):
            call()
            start.record()
            for _ in range(repeats):
                call()
            end.record()
        torch.cuda.synchronize()
    except Exception:  # of Triton's compiler or the driver: too many registers, too much shared memory
        return float("inf")
    return start.elapsed_time(end) / repeats / count * 1000


def sweep(own_passes: list[Pass], precision: str, count: int, limit: float) -> list[dict[str, Any]]:
    """Time the passes one after the other, and print the best tiles of each."""
    from selectdis.execution._plan import worker_count

    start = time.perf_counter()
    jobs = {own: tried(own, rule_of(own, "cuda", precision), precision) for own in dict.fromkeys(own_passes)}
    pool = ProcessPoolExecutor(worker_count(-1), multiprocessing.get_context("spawn"))
    futures = {own: [pool.submit(compiled, own, tiles[i : i + 8], precision) for i in range(0, len(tiles), 8)]
               for own, tiles in jobs.items()}  # fmt: skip
    wait([each for own in futures.values() for each in own], timeout=limit / 2)
    pool.shutdown(cancel_futures=True)
    print(
        f"{sum(map(len, jobs.values()))} tiles of {len(jobs)} passes, {time.perf_counter() - start:.0f} s of compiling"
    )
    rows = []
    for own, tiles in jobs.items():
        if time.perf_counter() - start > limit or any(each.cancelled() for each in futures[own]):
            print(f"{own!s:48} left out: no time")
            continue
        took = {each: timed(own, each, count, precision) for each in tiles}
        best, rule = min(took, key=lambda each: took[each]), tiles[0]
        rows.append(asdict(own) | {"best": list(best), "us": took[best], "rule": list(rule), "rule_us": took[rule]})
        slower = took[rule] / took[best] - 1
        print(f"{own!s:48} {took[best]:6.2f} us {tuple(best)!s:26} rule {tuple(rule)!s:26} {slower:+.0%}", flush=True)
    return rows


def main() -> None:
    """Time what was asked for."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=float, default=240.0, help="seconds")
    parser.add_argument("--only", default="", help='only networks whose name begins so: "conv", "conv, 64", "fc 128"')
    parser.add_argument("--precision", default="bf16", choices=("bf16", "tf32", "float32"))
    parser.add_argument("--candidates", type=int, default=64)
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device: there is nothing to measure")
    print(torch.cuda.get_device_name())
    passes = [own for case in CASES if case.name.startswith(arguments.only) for own in passes_of(case)]
    rows = sweep(passes, arguments.precision, arguments.candidates, arguments.limit)
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
