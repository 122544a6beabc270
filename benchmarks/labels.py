"""What a few labels are worth: picks by them on data sets that have all labels, from the probe codes of the evidence.

    python benchmarks/labels.py [evidence/dense16 ...] [--draws 25] [--figure docs/figures/labels.svg]

A folder holds NAME.npz (see evidence/pack.py) and the records, *.csv.gz; without any, all of evidence/. Judging data
sets and those that were looked at stand apart.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

import selectdis as sd
from selectdis.metrics._latent_share import latent_shares
from selectdis.selection.few_labels import LabelBacktest, LabelDraw, ProbeCodes, backtest_labels, read_probe_codes

EVIDENCE = Path(__file__).parents[1] / "evidence"
FAMILIES = {"color_dsprites": "sprites", "noisy_dsprites": "sprites"}
JUDGING = ("arms", "clocks", "solids", "strokes", "photos")
HOW = {
    "random images": LabelDraw(),
    "images that cover the codes": LabelDraw("cover"),
    "images that runs disagree on": LabelDraw("disagreement"),
    "5% of cells wrong": LabelDraw(wrong=0.05),
    "20% of cells wrong": LabelDraw(wrong=0.2),
    "two factors named": LabelDraw(n_factors=2),
    "10 runs": LabelDraw(n_runs=10),
    "20 runs": LabelDraw(n_runs=20),
    "40 runs": LabelDraw(n_runs=40),
    "5 runs, of one configuration": LabelDraw(n_configurations=1),
    "5 runs, of any": LabelDraw(n_runs=5),
    "15 runs, of three configurations": LabelDraw(n_configurations=3),
    "15 runs, of any": LabelDraw(n_runs=15),
}


def each(metric, codes: np.ndarray, labels: np.ndarray, ordered: object) -> np.ndarray:
    """Score run by run with a metric that needs all cells."""
    return np.array([metric(one, labels) for one in codes])


SCORES = {
    "latent_share on ranks": lambda codes, labels, ordered: latent_shares(
        codes, labels, ordered=ordered, n_permutations=50
    ),
    "mig": partial(each, sd.metrics.mig),
    "modularity": partial(each, sd.metrics.modularity),
    "sap": partial(each, lambda codes, labels: sd.metrics.sap(codes, labels, codes, labels)),
    "dci_disentanglement": partial(
        each, lambda codes, labels: sd.metrics.dci(codes, labels, codes, labels).disentanglement
    ),
}
SLOW = ("sap", "dci_disentanglement")


def sets_of(folders: list[Path]) -> Iterator[tuple[bool, ProbeCodes]]:
    """Yield whether a data set is a judging one, and its codes."""
    for folder in folders:
        for path in sorted(folder.glob("*.npz")):
            tables = [path.with_suffix(".csv.gz")] if path.with_suffix(".csv.gz").exists() else folder.glob("*.csv.gz")
            records = pd.concat([pd.read_csv(table) for table in tables])
            yield (
                path.stem in JUDGING,
                read_probe_codes(path, records.assign(family=records["dataset"].replace(FAMILIES))),
            )


def row(name: str, found: LabelBacktest) -> str:
    """Return a row of a table: the mean over families, and the lowest data set."""
    cells = [f"{one.p_beats_random:.2f} ({one.lowest:.2f})" for one in found.table.itertuples()]
    return f"| {name} | {' | '.join(cells)} |"


def tables(sets: list[ProbeCodes], draws: int, slow: int, *, everything: bool) -> LabelBacktest:
    """Print the tables of some data sets; returns the backtest of random images."""
    names = ", ".join(f"{one.dataset} ({one.codes.shape[0]} runs)" for one in sets)
    print(f"\n{names}\n")
    numbers = (5, 10, 20, 30, 50, 100)
    main = backtest_labels(sets, numbers, n_draws=draws)
    print(main)
    print(main.by_dataset.pivot(index="dataset", columns="labels", values="p").round(2).to_string())
    if not everything:
        return main
    print("\n| | 5 | 10 | 20 |\n|---|---|---|---|")
    for name, how in HOW.items():
        print(row(name, backtest_labels(sets, (5, 10, 20), how=how, n_draws=draws)), flush=True)
    for name, score in SCORES.items():
        found = backtest_labels(sets, (5, 10, 20), scorer=score, n_draws=slow if name in SLOW else draws)
        print(row(name, found), flush=True)
    return main


def draw(found: dict[str, LabelBacktest], path: Path) -> None:
    """Draw P against the number of labels: a thin line per data set, a thick one for the mean over families."""
    from matplotlib.figure import Figure

    figure = Figure((6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    for color, (name, one) in zip(("tab:gray", "tab:blue"), found.items(), strict=False):
        for _, rows in one.by_dataset.groupby("dataset"):
            axes.plot(rows["labels"], rows["p"], color=color, linewidth=0.7, alpha=0.6)
        axes.plot(one.table["labels"], one.table["p_beats_random"], color=color, linewidth=2.5, marker="o", label=name)
    axes.axhline(0.5, color="black", linewidth=0.7, linestyle=":")
    axes.set_xscale("log")
    axes.set_xticks(numbers := list(one.table["labels"]), [str(number) for number in numbers])
    axes.minorticks_off()
    axes.set(xlabel="labelled images", ylabel="P(the pick beats another run)", ylim=(0, 1.02))
    axes.legend(loc="lower right", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    print(f"wrote {path}")


def main() -> None:
    """Print the tables, and draw the figure."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--draws", type=int, default=25)
    parser.add_argument("--slow", type=int, default=3, help="draws for scores that fit a model per run")
    parser.add_argument("--short", action="store_true", help="the main table alone")
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    begun = perf_counter()
    folders = options.folders or sorted(path for path in EVIDENCE.iterdir() if any(path.glob("*.npz")))
    by_kind: dict[bool, list[ProbeCodes]] = {False: [], True: []}
    for judging, probe in sets_of(folders):
        by_kind[judging].append(probe)
    found = {
        name: tables(by_kind[judging], options.draws, options.slow, everything=not (judging or options.short))
        for judging, name in ((False, "looked at"), (True, "judging"))
        if by_kind[judging]
    }
    if options.figure:
        draw(found, options.figure)
    print(f"{options.draws} draws, {perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
