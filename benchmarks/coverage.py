"""How often intervals over few data sets hold the truth, and how wide they are.

    python benchmarks/coverage.py [--quick] [--whole SIMULATIONS]

Each simulation draws what a rule's pick is worth on D data sets from one of eight kinds of distribution, and asks
whether the interval holds that distribution's mean, and the range one more value of it. --whole goes the long way
instead: made-up records, seven rules, the whole backtest (hours for 200 simulations); with one data set the truth is
that data set's own.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[1]))

from selectdis.selection import moderated_interval, prediction_range, probability_interval
from tests.selection.coverage import RULES, coverage, simulate

SIZES = (4, 5, 6, 8, 12)
Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
KINDS: dict[str, Draw] = {
    "knows nothing, 0.50": lambda rng, size: rng.uniform(size=size),
    "good, 0.90": lambda rng, size: rng.beta(9, 1, size),
    "perfect, 0.99": lambda rng, size: rng.beta(99, 1, size),
    "varies, 0.80": lambda rng, size: rng.beta(2, 0.5, size),
    "upside down on 1 in 5, 0.74": lambda rng, size: np.where(
        rng.random(size) < 0.2, rng.beta(1, 9, size), rng.beta(9, 1, size)
    ),
    "always a little better, 0.56": lambda rng, size: rng.beta(20, 15.7, size),
    "a little better, widely, 0.56": lambda rng, size: rng.beta(1.2, 0.94, size),
    "0.3 or 0.9, 0.60": lambda rng, size: np.where(rng.random(size) < 0.5, 0.3, 0.9) + rng.normal(0, 0.03, size),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="100 simulations rather than 2,000")
    parser.add_argument("--whole", type=int, metavar="SIMULATIONS")
    options = parser.parse_args()
    if options.whole:
        return whole(options.whole)
    count = 100 if options.quick else 2_000
    print("\n\n".join([by_kind(count), by_method(count)]))
    return None


def by_kind(count: int) -> str:
    """Coverage (mean width) of the interval by kind, and in the last rows the worst, and that of the range."""
    rows = [[kind, *(cell(*held(probability_interval, kind, size, count)) for size in SIZES)] for kind in KINDS]
    worst = [min(held(probability_interval, kind, size, count)[0] for kind in KINDS) for size in SIZES]
    single = [min(held(prediction_range, kind, size, count)[0] for kind in KINDS) for size in SIZES]
    rows.append(["**worst**", *(f"**{value:.0%}**" for value in worst)])
    rows.append(["worst, of the range for one more data set", *(f"{value:.0%}" for value in single)])
    return markdown(["P(beats a random run), its mean", *(f"{size} data sets" for size in SIZES)], rows)


def by_method(count: int) -> str:
    """The worst coverage over the kinds (mean width) of this interval and others."""
    methods = {
        "this one": probability_interval,
        "n within [D/2, 4 D], one prior degree of freedom at 1/12": fixed_prior,
        "t, as before": moderated_interval,
        "percentile bootstrap": percentile_bootstrap,
    }
    rows = []
    for name, method in methods.items():
        found = [[held(method, kind, size, count) for kind in KINDS] for size in SIZES]
        rows.append([name, *(cell(min(c for c, _ in row), float(np.mean([w for _, w in row]))) for row in found)])
    return markdown(["worst coverage of the eight (mean width)", *(f"{size} data sets" for size in SIZES)], rows)


@cache
def held(method: Callable, kind: str, size: int, count: int) -> tuple[float, float]:
    """Share of the simulations whose interval holds the truth, and the mean width."""
    rng = np.random.default_rng([size, list(KINDS).index(kind)])
    truth = np.clip(KINDS[kind](rng, (200_000,)), 0, 1).mean()
    ends = []
    for _ in range(count if method is not percentile_bootstrap else min(count, 500)):
        values = np.clip(KINDS[kind](rng, (size,)), 0, 1)
        aim = np.clip(KINDS[kind](rng, (1,)), 0, 1)[0] if method is prediction_range else truth
        low, high = method(values)
        ends.append((low <= aim <= high, high - low))
    inside, width = np.mean(ends, axis=0)
    return float(inside), float(width)


def fixed_prior(values: np.ndarray) -> tuple[float, float]:
    count, m = len(values), values.mean()
    v = ((count - 1) * values.var(ddof=1) + 1 / 12) / count
    n = np.clip(count * m * (1 - m) / v, count / 2, 4 * count)
    return stats.beta.ppf(0.025, m * n, n - m * n + 1), stats.beta.ppf(0.975, m * n + 1, n - m * n)


def percentile_bootstrap(values: np.ndarray) -> tuple[float, float]:
    drawn = values[np.random.default_rng(0).integers(len(values), size=(500, len(values)))].mean(axis=1)
    return tuple(np.quantile(drawn, [0.025, 0.975]))


def cell(inside: float, width: float) -> str:
    return f"{inside:.0%} ({width:.2f})"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in [head, *rows]]
    return "\n".join([lines[0], f"|{'---|' * len(head)}", *lines[1:]])


def whole(simulations: int) -> None:
    for datasets in (1, 2, 3, 5, 7):
        print(f"{datasets} data sets, {simulations} simulations")
        found = coverage(simulate(datasets, RULES, simulations, 40))
        print(found.loc[list(RULES)].round(2).to_string(), flush=True)


if __name__ == "__main__":
    main()
