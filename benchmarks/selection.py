"""The backtest's time by the number of runs, and its growth.

    OMP_NUM_THREADS=1 python benchmarks/selection.py [--quick]

All default rules on made-up records: five data sets, and one alone with up to 4,200 configurations. A growth of 1.0 is
linear: seconds of CPU grow with the runs to this power, from one row to the next.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.metrics import machine
from selectdis.selection import Rule, backtest, calibrated
from tests.selection.records import make_records

SIZES = {5: [(100, 10), (500, 10), (2_000, 10)], 1: [(840, 6), (2_100, 6), (4_200, 6)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the configurations")
    options = parser.parse_args()
    print(f"{machine()}\n\n| data sets | configurations | runs | CPU seconds | growth | calibrated alone |")
    print("|---|---|---|---|---|---|")
    backtest(records(2, 10, 3), n_bootstrap=2)  # imports
    for datasets, sizes in SIZES.items():
        before = None
        for configurations, seeds in sizes:
            table = records(datasets, configurations // (5 if options.quick else 1), seeds)
            spent, learned = seconds(table, None), seconds(table, [Rule(None, calibrated())])
            growth = "" if before is None else f"{np.log(spent / before[1]) / np.log(len(table) / before[0]):.2f}"
            kinds = table["configuration"].nunique()
            print(f"| {datasets} | {kinds:,} | {len(table):,} | {spent:.1f} | {growth} | {learned:.1f} |", flush=True)
            before = len(table), spent


def records(datasets: int, configurations: int, seeds: int):
    rng = np.random.default_rng(0)
    table = make_records(datasets, configurations, seeds, rng=rng)
    for name in ("udr_spearman", "model_centrality", "elbo", "reconstruction"):
        table[f"criterion.{name}"] = table["criterion.perfect"] + rng.normal(size=len(table))
    return table


def seconds(table, rules) -> float:
    start = time.process_time()
    backtest(table, rules)
    return time.process_time() - start


if __name__ == "__main__":
    main()
