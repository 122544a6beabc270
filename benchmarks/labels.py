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
from published_numbers import markdown

import selectdis as sd
from selectdis.metrics._dci import disentanglement
from selectdis.metrics._latent_share import KINDS, _labels, _shares, _standard, latent_shares
from selectdis.selection import beats
from selectdis.selection._intervals import moderated_interval
from selectdis.selection._scores import run_scores
from selectdis.selection.few_labels import LabelBacktest, LabelDraw, ProbeCodes, backtest_labels, read_probe_codes
from selectdis.selection.few_labels._backtest import by_latent_share

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


# Scores from the same labels: (codes (runs, n, latents), labels (n, factors), ordered) -> (runs,) -----------------------


def share_table(codes: np.ndarray, labels: np.ndarray, ordered: object, weights: object = 1.0) -> np.ndarray:
    """Return the share of each factor that each latent explains, (runs, factors, latents), on both ranks and values."""
    runs, n, latents = codes.shape
    columns = codes.astype(np.float64).transpose(1, 0, 2).reshape(n, runs * latents)
    tables = []
    for rows, classes, has_order in _labels(labels, n, ordered):
        kinds = [
            _shares(_standard(kind(columns[rows])), classes[np.newaxis], has_order, np.ones((1, len(rows))))
            for kind in KINDS["both"]
        ]
        tables.append(np.mean(kinds, axis=0).reshape(runs, latents))
    return np.stack(tables, axis=1) * weights if tables else np.zeros((runs, 1, latents))


def gap(codes: np.ndarray, labels: np.ndarray, ordered: object) -> np.ndarray:
    """Mean over factors of the largest share less the second one: what MIG does with information."""
    table = np.sort(share_table(codes, labels, ordered), axis=2)
    return (table[..., -1] - table[..., -2]).mean(axis=1)


def one_factor(codes: np.ndarray, labels: np.ndarray, ordered: object) -> np.ndarray:
    """Mean over factors of what its best latent explains of it, less the most that this explains of another factor."""
    table = share_table(codes, labels, ordered)
    best = table.argmax(axis=2)  # (runs, factors)
    of_best = np.take_along_axis(table, best[:, np.newaxis], axis=2)  # (runs, factors, best latents)
    own = np.einsum("rff->rf", of_best).copy()
    np.einsum("rff->rf", of_best)[:] = 0
    return (own - of_best.max(axis=1)).mean(axis=1)


def ridge_dci(codes: np.ndarray, labels: np.ndarray, ordered: object) -> np.ndarray:
    """DCI disentanglement with importances of ridge regressions (penalty 1) of standardised factors on all latents."""
    x = _standard(codes.astype(np.float64).transpose(1, 0, 2).reshape(codes.shape[1], -1))
    x = x.reshape(codes.shape[1], len(codes), -1).transpose(1, 0, 2)
    y = _standard(labels[:, [len(np.unique(column)) > 1 for column in labels.T]])
    if not y.shape[1]:
        return np.zeros(len(codes))
    weights = np.linalg.solve(x.transpose(0, 2, 1) @ x + np.eye(x.shape[2]), x.transpose(0, 2, 1) @ y)
    return np.array([disentanglement(np.abs(one)) for one in weights])


def each(metric, codes: np.ndarray, labels: np.ndarray, ordered: object) -> np.ndarray:
    """Score run by run with a metric that needs all cells."""
    return np.array([metric(one, labels) for one in codes])


def few_bins(metric, codes: np.ndarray, labels: np.ndarray, ordered: object) -> np.ndarray:
    """The same, with as many bins as a histogram of so few images has: the root of their number."""
    return each(partial(metric, n_bins=max(round(len(labels) ** 0.5), 2)), codes, labels, ordered)


SCORES = {
    "`latent_share` on both, what `label` goes by": by_latent_share,
    "`latent_share` on ranks": partial(by_latent_share, on="ranks"),
    "`latent_share` on values": partial(by_latent_share, on="values"),
    "gap between the two latents of the largest share": gap,
    "MIG, 20 bins": partial(each, sd.metrics.mig),
    "MIG, root of n bins": partial(few_bins, sd.metrics.mig),
    "modularity, 20 bins": partial(each, sd.metrics.modularity),
    "modularity, root of n bins": partial(few_bins, sd.metrics.modularity),
    "DCI disentanglement, ridge": ridge_dci,
    "DCI disentanglement, trees": partial(
        each, lambda codes, labels: sd.metrics.dci(codes, labels, codes, labels).disentanglement
    ),
    "SAP": partial(each, lambda codes, labels: sd.metrics.sap(codes, labels, codes, labels)),
}
SLOW = ("SAP", "DCI disentanglement, trees")  # these fit a model per run and latent or factor

# Three candidates for a better score, written down before any of them was tried. One of them takes the score's place if
# on the looked-at data sets its mean over 5, 10, 20 and 50 labels is above the score's by more than one standard error
# of the difference (over families); only such a one is tried on the judging data sets, once.


def by_active_latents(codes: np.ndarray, labels: np.ndarray, ordered: object, *, known: np.ndarray) -> np.ndarray:
    """A prior over latents: a latent's share counts as much as the latent knows of the image.

    `known` (runs, latents) is 1 - exp(-2 KL), which is the squared correlation of a Gaussian channel of that many nats.
    """
    rng, weights = np.random.default_rng(0), known[:, np.newaxis]
    share = share_table(codes, labels, ordered, weights).max(axis=2).mean(axis=1)
    shuffled = [share_table(codes, rng.permutation(labels), ordered, weights) for _ in range(20)]
    chance = np.mean([one.max(axis=2).mean(axis=1) for one in shuffled], axis=0)
    return (share - chance) / (1 - chance)


def by_three(codes: np.ndarray, labels: np.ndarray, ordered: object) -> np.ndarray:
    """The win rate over three scores of the same labels, as the judge's is one over six of all labels."""
    return np.mean([beats(one(codes, labels, ordered)) for one in (by_latent_share, gap, one_factor)], axis=0)


def by_shrunk(codes: np.ndarray, labels: np.ndarray, ordered: object, *, configurations: np.ndarray) -> np.ndarray:
    """A run's score, shrunk towards the mean of its configuration by as much as its difference from that is noise.

    The noise is estimated from the halves of the labelled images, which differ by four times as much (variances).
    """
    score, half = by_latent_share(codes, labels, ordered), len(labels) // 2
    first, second = (
        by_latent_share(codes[:, rows], labels[rows], ordered) for rows in (slice(half), slice(half, None))
    )

    def within(values: np.ndarray) -> np.ndarray:
        return values - pd.Series(values).groupby(configurations).transform("mean").to_numpy()

    own = within(score)
    kept = max(0.0, 1 - np.var(within(first - second)) / 4 / max(np.var(own), 1e-12))
    return score - own + kept * own


def sets_of(folders: list[Path]) -> Iterator[tuple[bool, ProbeCodes, np.ndarray]]:
    """Yield whether a data set is a judging one, its codes, and the KL (runs, latents) of every latent, in nats."""
    for folder in folders:
        for path in sorted(folder.glob("*.npz")):
            tables = [path.with_suffix(".csv.gz")] if path.with_suffix(".csv.gz").exists() else folder.glob("*.csv.gz")
            records = pd.concat([pd.read_csv(table) for table in tables])
            probe = read_probe_codes(path, records.assign(family=records["dataset"].replace(FAMILIES)))
            with np.load(path) as file:
                mean, log_variance = (file[name].astype(np.float64) for name in ("mean", "log_variance"))
            kl = (mean**2 + np.exp(log_variance) - 1 - log_variance).mean(axis=1) / 2
            yield path.stem in JUDGING, probe, kl[np.isin(np.load(path)["candidates"], probe.records["candidate"])]


def row(name: str, found: LabelBacktest) -> str:
    """Return a row of a table: the mean over families, and the lowest data set."""
    cells = [f"{one.p_beats_random:.2f} ({one.lowest:.2f})" for one in found.table.itertuples()]
    return f"| {name} | {' | '.join(cells)} |"


def worth(sets: list[ProbeCodes], draws: int) -> LabelBacktest:
    """Print what picks by labels are worth on some data sets."""
    print("\n" + ", ".join(f"{one.dataset} ({one.codes.shape[0]} runs)" for one in sets) + "\n")
    main = backtest_labels(sets, (5, 10, 20, 30, 50, 100), n_draws=draws)
    print(main)
    print(main.by_dataset.pivot(index="dataset", columns="labels", values="p").round(2).to_string())
    return main


def mistakes(sets: list[ProbeCodes], draws: int) -> None:
    """Print what mistakes, factors, runs and images do."""
    print("\n| | 5 | 10 | 20 |\n|---|---|---|---|")
    for name, how in HOW.items():
        print(row(name, backtest_labels(sets, (5, 10, 20), how=how, n_draws=draws)), flush=True)


# Scores at equal labels ------------------------------------------------------------------------------------------------


def tried(scorer: object, sets: list[ProbeCodes], draws: int) -> pd.DataFrame:
    """Return P by data set and number of labels; `scorer` is one, or makes one of a data set."""
    made = [(one, scorer(k) if getattr(scorer, "of_set", False) else scorer) for k, one in enumerate(sets)]
    found = [backtest_labels([one], (5, 10, 20, 50), scorer=own, n_draws=draws).by_dataset for one, own in made]
    return pd.concat(found, ignore_index=True)


def compared(scorers: dict[str, object], sets: list[ProbeCodes], draws: int, slow: int) -> str:
    """Return a table: for each score the mean over families (lowest data set), and how far it is from the first."""
    rows, first = [], {}
    for name, scorer in scorers.items():
        number = slow if name in SLOW else draws
        if number not in first:
            first[number] = tried(by_latent_share, sets, number)
        found = first[number] if scorer is by_latent_share else tried(scorer, sets, number)
        by_family = found.groupby(["labels", "family"])["p"].mean()
        cells = [
            f"{by_family[n].mean():.2f} ({found.loc[found['labels'] == n, 'p'].min():.2f})" for n in (5, 10, 20, 50)
        ]
        apart = (
            (by_family - first[number].groupby(["labels", "family"])["p"].mean()).groupby("family").mean().to_numpy()
        )
        low, high = moderated_interval(apart, bounds=(-1, 1))
        error = apart.std(ddof=1) / len(apart) ** 0.5
        last = "" if scorer is by_latent_share else f"{apart.mean():+.2f} [{low:+.2f}, {high:+.2f}], error {error:.2f}"
        rows.append([f"{name}{f' ({slow} draws)' if name in SLOW else ''}", *cells, last])
        print(markdown(["score", "5", "10", "20", "50", "beside the first"], rows[-1:]), flush=True)
    return markdown(["score from the same labels", "5", "10", "20", "50", "less the first one"], rows)


def of_set(make: object) -> object:
    """Mark what makes a score of a data set's number."""
    make.of_set = True
    return make


# How far resamples can be believed ---------------------------------------------------------------------------------------


def believed(sets: list[ProbeCodes], draws: int, resamples: int = 200) -> pd.DataFrame:
    """Return a row per draw: what the resamples say of the pick, and whether it is among the best tenth."""
    rows = []
    for probe in sets:
        truth = run_scores(probe.records)
        beaten, least = beats(truth), np.sort(truth)[-max(len(truth) // 10, 1)]
        for number in (5, 10, 20, 50):
            for draw in range(draws):
                drawn = LabelDraw().draw(probe, number, np.random.default_rng([0, number, draw]))
                codes = probe.codes[:, drawn.images]
                score = latent_shares(codes, drawn.labels, ordered=probe.ordered, on="both")
                again = latent_shares(
                    codes, drawn.labels, ordered=probe.ordered, on="both", n_resamples=resamples, n_permutations=50
                )
                best = np.isclose(again, again.max(axis=0), rtol=0, atol=1e-9)
                places = (-again).argsort(axis=0).argsort(axis=0)
                pick = int(score.argmax())
                rows.append(
                    {"dataset": probe.dataset, "family": probe.family, "labels": number, "draw": draw}
                    | {"p_best": (best / best.sum(axis=0)).mean(axis=1)[pick]}
                    | {"p_tenth": (places[pick] < max(len(truth) // 10, 1)).mean(), "error": again[pick].std()}
                    | {"score": score[pick], "top_tenth": float(truth[pick] >= least), "p": beaten[pick]}
                )
            print(probe.dataset, number, flush=True)
    return pd.DataFrame(rows)


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


WHAT = ("worth", "mistakes", "scores", "candidates", "believed")


def main() -> None:
    """Print the tables, and draw the figure."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--draws", type=int, default=25)
    parser.add_argument("--slow", type=int, default=3, help="draws for scores that fit a model per run")
    parser.add_argument("--only", default="worth,mistakes,scores", help=", ".join(WHAT))
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--out", type=Path, help="of believed: a row per draw")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    begun, only = perf_counter(), options.only.split(",")
    folders = options.folders or sorted(path for path in EVIDENCE.iterdir() if any(path.glob("*.npz")))
    halves: dict[str, list[ProbeCodes]] = {"looked at": [], "judging": []}
    nats: dict[str, list[np.ndarray]] = {"looked at": [], "judging": []}
    for judging, probe, kl in sets_of(folders):
        halves["judging" if judging else "looked at"].append(probe)
        nats["judging" if judging else "looked at"].append(kl)
    found = {name: worth(sets, options.draws) for name, sets in halves.items() if "worth" in only and sets}
    if "mistakes" in only:
        mistakes(halves["looked at"], options.draws)
    if "scores" in only:
        for name, sets in halves.items():
            print(f"{name}\n{compared(SCORES, sets, options.draws, options.slow)}", flush=True)
    if "candidates" in only:
        sets, kls = halves["looked at"], nats["looked at"]
        candidates = {
            "the score": by_latent_share,
            "prior over latents": of_set(lambda k: partial(by_active_latents, known=1 - np.exp(-2 * kls[k]))),
            "win rate over three": by_three,
            "shrunk to configurations": of_set(lambda k: partial(by_shrunk, configurations=sets[k].configurations)),
        }
        print(compared(candidates, sets, options.draws, options.slow))
    if "believed" in only:
        everything = believed(halves["looked at"] + halves["judging"], options.draws)
        everything.to_csv(options.out, index=False)
    if options.figure:
        draw(found, options.figure)
    print(f"{options.draws} draws, {perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
