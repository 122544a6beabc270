"""What a few labels are worth: picks by them on data sets that have all labels, from the probe codes of the evidence.

    python benchmarks/labels.py [evidence/dense16 ...] [--draws 25] [--figure docs/figures/labels.svg]

A folder holds NAME.npz (see evidence/pack.py) and the records, *.csv.gz; without any, all of evidence/. Judging data
sets and those that were looked at stand apart.
"""

from __future__ import annotations

import argparse
import itertools
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
from published_numbers import markdown

from selectdis._arrays import entropy, information_matrix, known
from selectdis.metrics._dci import disentanglement
from selectdis.metrics._latent_share import KINDS, _labels, _shares, _standard, latent_shares
from selectdis.selection import beats
from selectdis.selection._intervals import group_resamples, moderated_interval
from selectdis.selection._scores import run_scores
from selectdis.selection.few_labels import LabelBacktest, LabelDraw, ProbeCodes, backtest_labels, read_probe_codes
from selectdis.selection.few_labels._backtest import _row, _worth, by_latent_share
from selectdis.selection.few_labels._draws import Drawn

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


# Scores from the same labels ------------------------------------------------------------------------------------------

FEW = (5, 10, 20, 50)
ALL_LABELS = 1_000  # those of a probe

# Three candidates for a better score were written down before any was tried. One of them takes the score's place if on
# the looked-at data sets its mean over 5, 10, 20 and 50 labels is above the score's by more than one standard error of
# the difference (over families); only such a one is tried on the judging sets, once.
SCORE = "`latent_share` on both, what `label` goes by"
CANDIDATES = {
    "prior": "a latent's share counts as much as it knows of the image, 1 - exp(-2 KL)",
    "three": "win rate over the score, the gap, and one factor a latent",
    "shrunk": "shrunk to the mean of its configuration, by the noise between halves of the images",
}


def share_tables(codes: np.ndarray, labels: np.ndarray, ordered: object, n_permutations: int = 50) -> np.ndarray:
    """Return what each latent explains of each factor, (2, runs, factors, latents, 1 + n_permutations).

    On ranks and on values; of the labels themselves, and behind them of permuted ones: those of `latent_shares`.
    """
    runs, n, latents = codes.shape
    columns = codes.astype(np.float64).transpose(1, 0, 2).reshape(n, runs * latents)
    tables = []
    for rows, classes, has_order in _labels(labels, n, ordered):
        tiled = np.tile(classes, (n_permutations, 1))
        orders = np.vstack([classes, np.random.default_rng([0, len(rows)]).permuted(tiled, axis=1)])
        ones = np.ones((1, len(rows)))
        values = [_standard(kind(columns[rows])) for kind in KINDS["both"]]
        tables.append([_shares(one, orders, has_order, ones)[0].reshape(runs, latents, -1) for one in values])
    none = np.zeros((2, runs, 1, latents, 1 + n_permutations))
    return np.stack([np.stack(kind, axis=1) for kind in zip(*tables, strict=True)]) if tables else none


def corrected(table: np.ndarray) -> np.ndarray:
    """Return `latent_share` of (runs, factors, latents, 1 + n_permutations)."""
    share = table.max(axis=2).mean(axis=1)
    chance = share[:, 1:].mean(axis=1)
    return np.where(chance < 1 - 1e-9, (share[:, 0] - chance) / np.maximum(1 - chance, 1e-9), 0)


def gap(table: np.ndarray) -> np.ndarray:
    """Mean over factors of the largest share less the second one; on values of ordered factors it is SAP."""
    ordered = np.sort(table[..., 0], axis=2)
    return (ordered[..., -1] - ordered[..., -2]).mean(axis=1)


def one_factor(table: np.ndarray) -> np.ndarray:
    """Mean over factors of what its best latent explains of it, less the most that this one explains of another."""
    shares = table[..., 0]
    of_best = np.take_along_axis(shares, shares.argmax(axis=2)[:, np.newaxis], axis=2)  # (runs, factors, their latents)
    own = np.eye(of_best.shape[1], dtype=bool)
    others = np.where(own, 0, of_best).max(axis=1)
    return (np.diagonal(of_best, axis1=1, axis2=2) - others).mean(axis=1)


def ridge_dci(codes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """DCI disentanglement with importances of ridge regressions (penalty 1) of standardised factors on all latents."""
    x = np.stack([_standard(one.astype(np.float64)) for one in codes])
    y = _standard(labels)
    weights = np.linalg.solve(x.transpose(0, 2, 1) @ x + np.eye(x.shape[2]), x.transpose(0, 2, 1) @ y)
    return np.array([disentanglement(np.abs(one)) for one in weights])


def by_information(codes: np.ndarray, labels: np.ndarray, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return MIG and modularity, as the metrics have them, of every run."""
    runs, n, latents = codes.shape
    classes = labels.astype(np.int64)
    information = information_matrix(codes.transpose(1, 0, 2).reshape(n, -1).astype(np.float64), classes, n_bins)
    information = information.reshape(runs, latents, -1)
    entropies = np.array([entropy(*known(column)) for column in classes.T])
    ranked = np.sort(information, axis=1)
    squared = information**2
    top = squared.max(axis=2)
    scale = np.where(top > 0, top, 1) * max(classes.shape[1] - 1, 1)
    one_each = np.where(top > 0, 1 - (squared.sum(axis=2) - top) / scale, 0).mean(axis=1)
    return ((ranked[:, -1] - ranked[:, -2]) / entropies).mean(axis=1), one_each


def shrunk(codes: np.ndarray, labels: np.ndarray, ordered: object, score: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Return scores shrunk towards the mean of their configuration by as much as the difference from that is noise.

    The noise is estimated from the halves of the labelled images, which differ by four times as much (variances).
    """

    def within(values: np.ndarray) -> np.ndarray:
        return values - pd.Series(values).groupby(kinds).transform("mean").to_numpy()

    half = len(labels) // 2
    parts = [
        corrected(share_tables(codes[:, rows], labels[rows], ordered).mean(axis=0))
        for rows in (slice(half), slice(half, None))
    ]
    own = within(score)
    kept = max(0.0, 1 - np.var(within(parts[0] - parts[1])) / 4 / max(np.var(own), 1e-12))
    return score - own + kept * own


def scores_of(probe: ProbeCodes, drawn: Drawn, kl: np.ndarray, *, candidates: bool | str) -> dict[str, np.ndarray]:
    """Return (runs,) by each score from the same labels, the first one being that of `selectdis label`."""
    codes, ordered = probe.codes[:, drawn.images], probe.ordered
    both = share_tables(codes, drawn.labels, ordered)
    table, score = both.mean(axis=0), corrected(both.mean(axis=0))
    if candidates:
        informed = table * (1 - np.exp(-2 * kl))[:, np.newaxis, :, np.newaxis]
        if candidates == "prior":
            return {SCORE: score, CANDIDATES["prior"]: corrected(informed)}
        three = np.mean([beats(score), beats(gap(table)), beats(one_factor(table))], axis=0)
        own = shrunk(codes, drawn.labels, ordered, score, probe.configurations)
        return {SCORE: score} | dict(zip(CANDIDATES.values(), (corrected(informed), three, own), strict=True))
    varying = drawn.labels[:, [len(np.unique(column)) > 1 for column in drawn.labels.T]]
    found = {
        SCORE: score,
        "`latent_share` on ranks": corrected(both[0]),
        "`latent_share` on values": corrected(both[1]),
    }
    found |= {"gap to the second latent, on both": gap(table), "SAP (the gap, on values)": gap(both[1])}
    found |= {
        "one factor a latent, on both": one_factor(table),
        "DCI disentanglement, ridge": ridge_dci(codes, varying),
    }
    for title, bins in (("20 bins", 20), ("root of n bins", max(round(len(varying) ** 0.5), 2))):
        information = by_information(codes, varying, bins)
        found |= dict(zip((f"MIG, {title}", f"modularity, {title}"), information, strict=True))
    return found


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


def compared(sets: list[ProbeCodes], kls: list[np.ndarray], draws: int, *, candidates: bool | str = False) -> str:
    """Return a table: for each score the mean over families (lowest data set), and how far it is from the first."""
    rows, counts = [], (*FEW, 100, ALL_LABELS)
    tries = [(number, k) for number in counts for k in range(draws if number < ALL_LABELS else 1)]
    for probe, kl in zip(sets, kls, strict=True):
        truth = run_scores(probe.records)
        for number, k in tries:
            drawn = LabelDraw().draw(probe, number, np.random.default_rng([0, number, k]))
            about = {"dataset": probe.dataset, "family": probe.family, "labels": number}
            for name, given in scores_of(probe, drawn, kl, candidates=candidates).items():
                p, top = _worth(given, drawn.runs, truth, truth)
                rows.append(about | {"score": name, "p": p, "top_tenth": top})
        print(probe.dataset, flush=True)
    found = pd.DataFrame(rows).groupby(["score", "labels", "family", "dataset"], sort=False)["p"].mean()
    lowest = found.groupby(["score", "labels"]).min()
    families = found.groupby(["score", "labels", "family"], sort=False).mean()
    means = families.groupby(["score", "labels"]).mean()
    of_few = families[families.index.get_level_values("labels").isin(FEW)]
    by_family = of_few.groupby(["score", "family"]).mean().unstack()
    lines = []
    for name in dict.fromkeys(row["score"] for row in rows):
        cells = [f"{means[name, n]:.2f} ({lowest[name, n]:.2f})" for n in counts]
        apart = (by_family.loc[name] - by_family.loc[SCORE]).to_numpy()
        low, high = moderated_interval(apart, bounds=(-1, 1))
        error = apart.std(ddof=1) / len(apart) ** 0.5
        lines.append(
            [name, *cells, "" if name == SCORE else f"{apart.mean():+.3f} [{low:+.2f}, {high:+.2f}] ({error:.3f})"]
        )
    head = ["score from the same labels", *(f"{n:,}" for n in counts), "less the first by 5 to 50 (its error)"]
    return markdown(head, lines)


# Among which runs labels choose ---------------------------------------------------------------------------------------

CARRIED = ((1, 5), (3, 1), (3, 5), (5, 1), (5, 2), (6, 1), (6, 5), (12, 1), (12, 2), (12, 5))  # --top, --seeds


def among_carried(
    sets: list[ProbeCodes],
    targets: Collection[str],
    labels: tuple[int, ...],
    ways: tuple[tuple[int, int], ...],
    draws: int,
) -> pd.DataFrame:
    """Return a row per data set, number of labels, draw, and way of carrying configurations over.

    Configurations are those with the best mean win rate on the data sets of the other families; seeds are drawn.
    """
    truths = [pd.Series(run_scores(one.records), one.records["configuration"]) for one in sets]
    rows = []
    for k, probe in enumerate(sets):
        if probe.dataset not in targets:
            continue
        known = [truth for one, truth in zip(sets, truths, strict=True) if one.family != probe.family]
        order = pd.concat(known).groupby(level=0).mean().sort_values(ascending=False).index
        own, truth = probe.records["configuration"].to_numpy(), truths[k].to_numpy()
        groups = pd.factorize(own)[0]
        for number, one in itertools.product(labels, range(draws)):
            rng = np.random.default_rng([0, number, one])
            drawn = LabelDraw().draw(probe, number, rng)
            given = by_latent_share(probe.codes[:, drawn.images], drawn.labels, probe.ordered)
            everything = group_resamples(groups, 1, rng)[0]
            for top, seeds in ways:
                runs = np.concatenate([rng.permutation(np.flatnonzero(own == name))[:seeds] for name in order[:top]])
                about = {"dataset": probe.dataset, "family": probe.family, "labels": number, "how": f"{top} x {seeds}"}
                again = runs[group_resamples(pd.factorize(own[runs])[0], 1, rng)[0]]
                p, top_tenth = _worth(given[runs], runs, truth, truth)
                replicate, _ = _worth(given[again], again, truth, truth[everything])
                rows.append(
                    about
                    | {"p": p, "top_tenth": top_tenth, "replicate": replicate, "draw": one}
                    | {"runs": len(runs), "configurations": top}
                )
    return pd.DataFrame(rows)


def said(sets: list[ProbeCodes], draws: int) -> str:
    """Return what `selectdis.selection.few_labels._worth` holds beside `worth`, of the judging families."""
    table = among_carried(sets, JUDGING, (5, 10, 20, 30, 50, 100), ((1, 5), (3, 5), (6, 5)), draws)
    lines = []
    for (top, number), here in table.groupby(["configurations", "labels"]):
        by_dataset = here.groupby(["labels", "family", "dataset"])[["p", "top_tenth"]].mean().reset_index()
        row = _row(number, here, by_dataset, 0.95, 0)
        numbers = (f"{row[name]:.2f}" for name in ("p_beats_random", "p_low", "p_high", "top_tenth"))
        lines.append(f"    LabelWorth({top}, {number}, {', '.join(numbers)}),")
    return "\n".join(lines)


def carried(sets: list[ProbeCodes], draws: int) -> str:
    """Return a table: what labels are worth among the runs that a transfer trains, by its --top and --seeds."""
    table = among_carried(sets, [one.dataset for one in sets], (5, 10, 20), CARRIED, draws)
    halves = {"looked at": ~table["dataset"].isin(JUDGING), "judging": table["dataset"].isin(JUDGING)}
    lines = []
    for top, seeds in CARRIED:
        cells = [f"{top} x {seeds}", str(top * seeds)]
        for number, here in itertools.product((5, 10, 20), halves.values()):
            own = table[here & (table["labels"] == number) & (table["how"] == f"{top} x {seeds}")]
            by_set = own.groupby(["family", "dataset"])["p"].mean()
            cells.append(f"{by_set.groupby('family').mean().mean():.2f} ({by_set.min():.2f})")
        lines.append(cells)
    names = [f"{number} labels, {name}" for number, name in itertools.product((5, 10, 20), halves)]
    return markdown(["configurations x seeds", "runs", *names], lines)


# How far resamples can be believed ------------------------------------------------------------------------------------


def believed(sets: list[ProbeCodes], draws: int, resamples: int) -> pd.DataFrame:
    """Return a row per draw: what the resamples say of the pick, and whether it is among the best tenth."""
    rows = []
    for probe in sets:
        truth = run_scores(probe.records)
        beaten, least = beats(truth), np.sort(truth)[-max(len(truth) // 10, 1)]
        whole = corrected(share_tables(probe.codes, probe.factors, probe.ordered, 5).mean(axis=0))  # of all labels
        for number in (5, 10, 20, 50):
            for draw in range(draws):
                drawn = LabelDraw().draw(probe, number, np.random.default_rng([0, number, draw]))
                codes = probe.codes[:, drawn.images]
                score = latent_shares(codes, drawn.labels, ordered=probe.ordered, on="both")
                again = latent_shares(
                    codes, drawn.labels, ordered=probe.ordered, on="both", n_resamples=resamples, n_permutations=20
                )
                best = np.isclose(again, again.max(axis=0), rtol=0, atol=1e-9)
                places = (-again).argsort(axis=0).argsort(axis=0)
                pick = int(score.argmax())
                other = int(np.random.default_rng([1, number, draw]).integers(len(truth)))
                rows.append(
                    {"dataset": probe.dataset, "family": probe.family, "labels": number, "draw": draw}
                    | {"p_best": (best / best.sum(axis=0)).mean(axis=1)[pick]}
                    | {"p_tenth": (places[pick] < max(len(truth) // 10, 1)).mean()}
                    | {"top_tenth": float(truth[pick] >= least), "p": beaten[pick]}
                    | {"score": score[pick], "error": again[pick].std(), "whole": whole[pick]}
                    | {"other_score": score[other], "other_error": again[other].std(), "other_whole": whole[other]}
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


WHAT = ("worth", "mistakes", "scores", "candidates", "judged", "carried", "said", "believed")


def main() -> None:
    """Print the tables, and draw the figure."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="*")
    parser.add_argument("--draws", type=int, default=25)
    parser.add_argument("--only", default="worth,mistakes,scores", help=", ".join(WHAT))
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--resamples", type=int, default=200, help="of believed")
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
    for name, sets in halves.items():
        if "scores" in only and sets:
            print(f"{name}\n{compared(sets, nats[name], options.draws)}", flush=True)
    if "candidates" in only:
        print(compared(halves["looked at"], nats["looked at"], options.draws, candidates=True))
    if "judged" in only:  # the one that took the score's place by the looked-at data sets
        print(compared(halves["judging"], nats["judging"], options.draws, candidates="prior"))
    if "carried" in only:
        print(carried(halves["looked at"] + halves["judging"], options.draws))
    if "said" in only:
        print(said(halves["looked at"] + halves["judging"], options.draws))
    if "believed" in only:
        everything = believed(halves["looked at"] + halves["judging"], options.draws, options.resamples)
        everything.to_csv(options.out, index=False)
    if options.figure:
        draw(found, options.figure)
    print(f"{options.draws} draws, {perf_counter() - begun:.0f} s")


if __name__ == "__main__":
    main()
