"""Which runs to train where nothing is labelled: the best configurations, or different ones, as many of both.

    python benchmarks/portfolio.py [--part dense16] [--draws 10]

Each data set of evidence/<part>/*.npz is the target once; configurations are ordered by the data sets of the other
families. From the runs that a plan trains, one is picked by ten or twenty labelled images (`latent_share`), or without
labels by UDR among the three best configurations. Printed: the mean over data sets of the share of all other runs that
it beats.
`portfolio`: what `selectdis pick` trains; `best`: the same number of configurations by their mean alone.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import selectdis as sd
from selectdis.selection import beats, by_criterion, by_win_rate, run_scores
from selectdis.selection.archive._portfolio import portfolio, shrunk_scores

EVIDENCE = Path(__file__).parents[1] / "evidence"
RULE = sd.Rule(by_win_rate(), by_criterion("udr_lasso"), top=3)
PLANS = ((1, 5), (3, 5), (5, 3), (6, 5), (8, 2), (11, 5))  # configurations, seeds


def labelled_scores(path: Path, number: int, draws: int) -> pd.DataFrame:
    """Return the scores of all runs by each draw of labelled images: (draws, runs)."""
    file = np.load(path, allow_pickle=False)
    codes, factors = file["mean"].astype(np.float32), file["factors"]
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(draws):
        drawn = np.sort(rng.choice(len(factors), number, replace=False))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows.append([sd.metrics.latent_share(own[drawn], factors[drawn], n_permutations=20) for own in codes])
    return pd.DataFrame(rows, columns=file["candidates"].astype(str))


def of_one_set(name: str, table: pd.DataFrame, labels: dict[int, pd.DataFrame]) -> list[dict[str, object]]:
    """Return rows of what the picks among the runs of each plan are worth."""
    target = table[table["dataset"] == name].reset_index(drop=True)
    others = table[(table["family"] != target["family"].iloc[0]) & (table["objective"] != "ada_gvae")]
    orders = {
        "portfolio": portfolio(others, RULE, "win_rate"),
        "best": [str(name) for name in shrunk_scores(others, "win_rate").index],
    }
    share = pd.Series(beats(run_scores(target)), index=target["candidate"])
    rows: list[dict[str, object]] = []
    for kind, order in orders.items():
        for count, seeds in PLANS:
            inside = target["configuration"].isin(order[:count]) & (target["seed"] < seeds)
            runs = target[inside]
            about = {"set": name, "plan": kind, "configurations": count, "seeds": seeds}
            pick = RULE.pick(others, runs)
            rows.append({**about, "labels": 0, "p": share[pick.candidate]})
            for number, scores in labels.items():
                best = scores[runs["candidate"]].idxmax(axis=1)
                rows.append({**about, "labels": number, "p": float(share[best].mean())})
    return rows


def plans(part: str, draws: int, sets: list[str] | None = None) -> tuple[int, pd.DataFrame]:
    """Return the number of data sets, and the mean over them: index configurations, seeds; columns labels, plan."""
    table = sd.evidence(part)
    rows = []
    for name in sets or sorted(table["dataset"].unique()):
        if (path := EVIDENCE / part / f"{name}.npz").exists():
            rows += of_one_set(name, table, {n: labelled_scores(path, n, draws) for n in (10, 20)})
    index, columns = ["configurations", "seeds"], ["labels", "plan"]
    found = pd.DataFrame(rows).pivot_table(index=index, columns=columns, values="p", sort=False)
    return len({row["set"] for row in rows}), found


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--part", default="dense16")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--sets", default="", help="names, separated by commas (default: all with codes)")
    options = parser.parse_args()
    count, found = plans(options.part, options.draws, options.sets.split(",") if options.sets else None)
    print(f"{count} data sets, {options.draws} draws")
    print(found.round(2).to_string())


if __name__ == "__main__":
    main()
