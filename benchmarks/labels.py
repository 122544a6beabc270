"""What a few labels are worth: picks by `latent_share` among the published runs, judged with all their labels.

    python benchmarks/labels.py [--draws 10] [--labels 5,10,20,100]

For each data set of evidence/*/*.npz, and each draw of which of its 1,000 probe images are labelled, the run with the
best score is picked; what is printed is the mean share of the other runs that it beats by the win rate, and the lowest
of the data sets. `diverse` are all runs; `top 3` those of the three configurations with the best mean win rate.
"""

from __future__ import annotations

import argparse
import warnings
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

import selectdis as sd
from selectdis.records import direction
from selectdis.selection import run_scores

EVIDENCE = Path(__file__).parents[1] / "evidence"
FREE = ("udr_lasso_pool", "udr_lasso", "elbo", "model_centrality")


def beaten(scores: np.ndarray, truth: np.ndarray) -> float:
    """Return the share of the other runs that the pick beats; equal ones count half, tied picks alike."""
    shares = [
        ((truth < truth[pick]).sum() + ((truth == truth[pick]).sum() - 1) / 2) / (len(truth) - 1)
        for pick in np.flatnonzero(scores == np.nanmax(scores))
    ]
    return float(np.mean(shares))


def of_one_set(path: Path, numbers: list[int], draws: int) -> pd.DataFrame:
    """Return one row per draw and number of labels, and rows with 0 labels for criteria that take none."""
    file = np.load(path, allow_pickle=False)
    codes, factors = file["mean"].astype(np.float32), file["factors"]
    records = sd.evidence(path.parent.name).query("dataset == @path.stem").set_index("candidate")
    records = records.loc[file["candidates"]].reset_index()
    truth = run_scores(records)
    means = pd.Series(truth).groupby(records["configuration"]).mean()
    top = records["configuration"].isin(means.nlargest(3).index).to_numpy()
    rows = []

    def judge(score: str, number: int, scores: np.ndarray) -> None:
        for among, chosen in (("diverse", np.ones(len(truth), bool)), ("top 3", top)):
            if np.isfinite(scores[chosen]).any():
                p = beaten(scores[chosen], run_scores(records[chosen]))
                rows.append({"set": path.stem, "score": score, "labels": number, "runs": among, "p": p})

    for name in FREE:
        judge(name, 0, direction(name) * records[f"criterion.{name}"].to_numpy(dtype=float))
    unordered = [len(np.unique(column)) > 2 and k == 0 for k, column in enumerate(factors.T)]
    kinds = {
        "latent_share": sd.metrics.latent_share,
        "latent_share, shape unordered": partial(sd.metrics.latent_share, ordered=~np.array(unordered)),
        "mig": sd.metrics.mig,
    }
    for number in numbers:
        for draw in range(draws):
            images = np.random.default_rng([draw, number]).permutation(len(factors))[:number]
            for name, score in kinds.items():
                judge(name, number, np.array([score(one[images], factors[images]) for one in codes]))
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--labels", default="5,10,20,100")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    begun, numbers = perf_counter(), [int(word) for word in options.labels.split(",")]
    rows = pd.concat([of_one_set(path, numbers, options.draws) for path in sorted(EVIDENCE.glob("*/*.npz"))])
    by_set = rows.groupby(["runs", "score", "labels", "set"], sort=False)["p"].mean().unstack()
    by_set.insert(0, "lowest", by_set.min(axis=1))
    by_set.insert(0, "mean", by_set.drop(columns="lowest").mean(axis=1))
    print(by_set.round(2).to_string())
    print(f"{options.draws} draws, {perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
