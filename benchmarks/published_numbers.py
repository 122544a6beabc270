"""The numbers of README.md, docs/selection.md, docs/evidence.md and docs/folder.md, from the published records.

    python benchmarks/published_numbers.py [--write] [--only readme,leaderboard]

Prints the tables as they stand in the documents, between <!-- numbers: NAME --> and <!-- end -->; --write puts them
there. Those of the arena are computed from the folder evidence/.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.portfolio import plans
from selectdis.metrics._latent_share import _standard
from selectdis.objectives import takes_pairs
from selectdis.records import families
from selectdis.selection import (
    arena,
    backtest,
    beats,
    correlation_interval,
    dataset_transfer,
    default_rules,
    everything_known,
    evidence,
    parse_rule,
    published_evidence,
    rank_stability,
    run_scores,
    variance_explained,
)
from selectdis.selection._backtest import BacktestResult, bracket
from selectdis.selection._correlations import correlation_text
from selectdis.selection._folds import judged_runs, worth_of_pick
from selectdis.selection._intervals import probability_interval
from selectdis.selection._scores import DISENTANGLEMENT
from selectdis.selection._trust import BETTER, DO_NOT, USE, decide
from selectdis.selection.archive._arena import HALVES, most_families
from selectdis.selection.archive._by_proxies import Evidence, worths_without_families
from selectdis.selection.archive._codes import has_codes
from selectdis.selection.archive._compute import can_compute, computed, criterion_of
from selectdis.selection.archive._distance import distance_to, published_statistics

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "selectdis/selection/archive/evidence.csv.gz"
STEPS = ROOT / "evidence/dense16/steps/records.csv.gz"
README = {
    "the best three configurations on the proxies, then UDR": "win_rate > udr_lasso @ 3",
    "whichever rule the proxies speak for": "any > auto @ 3",
    "the best configuration on the proxies, any seed": "win_rate > random",
    "UDR on the target alone": "any > udr_lasso",
    "likelihood on the target alone": "any > elbo",
    "ten labelled images of the target": "any > labels:latent_share.few10",
    "twenty": "any > labels:latent_share.few20",
}
BY_PROXIES = [
    "win_rate > udr_lasso @ 3",
    "win_rate > udr_lasso",
    "any > auto @ 3",
    "any > hierarchical",
    "any > udr_lasso",
]
DECIDED = [*BY_PROXIES[:2], "win_rate > random", "win_rate > model_centrality", "any > hierarchical", "any > udr_lasso"]
DECIDED += ["any > elbo", "any > model_centrality"]
GOALS = {
    "win_rate > udr_lasso @ 3": "judging >= 0.85, all: lower bound >= 0.70",
    "any > auto @ 3": "judging >= 0.85, all: lower bound >= 0.70",
    "any > labels:latent_share.few10": "judging >= 0.93",
    "any > labels:latent_share.few20": "judging >= 0.97",
}
GOALS_BY_PROXIES = ["win_rate > udr_lasso @ 3", "any > auto @ 3", "win_rate > udr_lasso", "any > hierarchical"]
FROZEN_LABELS = (5, 10, 20)
BASELINES = ["oracle", "average configuration", "random run"]
DRAWS = 8  # of labelled images, for the portfolios
SETS = 40  # of proxies drawn of each size, for the decisions


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", help="names of tables, separated by commas")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in options.only.split(",") if options.only else MAKE:
        text = MAKE[name]()
        print(f"{name}:\n{text}\n", flush=True)
        if options.write:
            write(name, text)


def write(name: str, text: str) -> None:
    """Put a text between its marks, in whichever documents have them."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        old = page.read_text(encoding="utf-8")
        marked = re.compile(rf"(<!-- numbers: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        new = marked.sub(lambda found: f"{found[1]}{text}\n{found[2]}", old)
        if new != old:
            page.write_text(new, encoding="utf-8")


@cache
def records() -> pd.DataFrame:
    """The part that trust mostly rests on."""
    table = evidence()
    return evidence(most_families(table))


@cache
def everything() -> BacktestResult:
    texts = ["any > auto @ 3", "win_rate > random @ 3", "any > udr_lasso_pool+model_centrality"]
    texts += ["win_rate > udr_lasso_pool", "win_rate > model_centrality"]
    return backtest(records(), [*default_rules(records()), *map(parse_rule, texts)])


def fingerprint() -> str:
    """What the records were when the tables were made."""
    return hashlib.sha256(TABLE.read_bytes()).hexdigest()[:12]


def judging() -> list[str]:
    """The data sets of `records` that nobody looked at."""
    table = records()
    return list(table.loc[table["judging"].astype(bool), "dataset"].unique())


def with_few_latents(table: pd.DataFrame) -> pd.Series:
    """Whether each run has collapsed: it has one active latent or none."""
    return table["criterion.active_units"] <= 1


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in [head, *rows]]
    return "\n".join([lines[0], f"|{'---|' * len(head)}", *lines[1:]])


def interval(row: pd.Series) -> str:
    return bracket(row["p_beats_random"], row["p_low"], row["p_high"])


def spread(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}"


def counted() -> str:
    table = records()
    return (
        f"{len(table):,} runs on {table['dataset'].nunique()} data sets of {table['family'].nunique()} families, "
        f"{table['configuration'].nunique()} configurations with {table['seed'].nunique()} seeds each"
    )


def readme() -> str:
    result = backtest(records(), [parse_rule(rule) for rule in README.values()])
    unseen, rows = judging(), []
    for words, rule in README.items():
        row = result.row(rule)
        own = result.by_dataset[(result.by_dataset["rule"] == row["rule"]) & result.by_dataset["dataset"].isin(unseen)]
        alone = bracket(own["p"].mean(), *probability_interval(own["p"].to_numpy()))
        rows.append([f"{words} (`{rule}`)", interval(row), alone, spread(row["next_low"], row["next_high"])])
    head = ["rule", "probability, 95% interval of the mean"]
    head += [f"on the {len(unseen)} that nobody looked at", "one more data set"]
    table = markdown(head, [*rows, ["a random run", "0.50", "0.50", ""]])
    return f"The published records, part `{records()['part'].iloc[0]}`: {counted()}.\n\n{table}"


def rules() -> str:
    rows = []
    table = everything().table
    for _, row in table[~table["rule"].isin(BASELINES)].iterrows():
        single = spread(row["next_low"], row["next_high"])
        rows.append([f"`{row['rule']}`", interval(row), single, str(row["datasets"]), f"{row['percentile_worst']:.0f}"])
    return markdown(["rule", "P(beats a random run)", "one more data set", "data sets", "worst percentile"], rows)


def gains() -> str:
    rows = [[f"`{chosen}`", gain] for chosen, gain in everything().shown_gains.itertuples(index=False)]
    return markdown(["the seed is chosen by", "gain over a random seed of the same configuration"], rows)


def paper() -> str:
    rows = [[row["metric"], row["data_set"], interval(row)] for _, row in everything().paper.iterrows()]
    return markdown(["metric", "data set", "P(beats a random run)"], rows)


def proxies() -> str:
    rows = []
    for text in BY_PROXIES:
        found = [published_evidence(parse_rule(text), k) for k in (1, 2, 3, 4)]
        rows.append([f"`{text}`", *(bracket(e.p, e.low, e.high) for e in found if e is not None)])
    return markdown(["rule", "1 proxy", "2 proxies", "3 proxies", "4 proxies"], rows)


def facts() -> str:
    """The sentences of docs/selection.md that hold numbers."""
    table = records()
    variance = variance_explained(table, ["win_rate"]).pivot(index="dataset", columns="source", values="adjusted")
    seed, kind = ((variance[source].min(), variance[source].max()) for source in ("seed", "objective"))
    where = variance["seed"].idxmin(), variance["seed"].idxmax()
    between = dataset_transfer(table).to_numpy()
    between = between[np.triu_indices(len(between), 1)]
    count = table["configuration"].nunique()
    lines = [
        f"The seed explains {seed[0]:.0%} ({where[0]}) to {seed[1]:.0%} ({where[1]}) of the variance of the win rate, "
        f"the objective {kind[0]:.0%} to {kind[1]:.0%}, adjusted for the number of groups.",
        "Configurations that do well on one data set do so on another with a rank correlation of "
        f"{between.min():.2f} to {between.max():.2f}, {np.median(between):.2f} in the middle ({count} configurations: "
        f"chance stays within ±{correlation_interval(0.0, count)[1]:.2f}).",
    ]
    return "\n".join(f"- {line}" for line in lines)


def decisions() -> str:
    """How the picks turned out that each decision was made for, the family of each target left out of all evidence.

    One to four data sets, drawn, are one's own: they are the proxies, and are backtested; all others are published.
    """
    judged, scores, _ = judged_runs(records(), "win_rate")
    of = dict(zip(judged["dataset"], families(judged), strict=True))
    names = list(of)
    here = {name: (judged["dataset"] == name).to_numpy() for name in names}
    parts = {name: judged[rows] for name, rows in here.items()}
    shares = {name: beats(scores[rows]) for name, rows in here.items()}
    rng = np.random.default_rng(0)
    drawn = {k: {frozenset(rng.choice(names, k, replace=False)) for _ in range(SETS)} for k in (1, 2, 3, 4)}
    cases: list[tuple[str, float]] = []
    for rule in map(parse_rule, DECIDED):

        @cache
        def worth(target: str, chosen: frozenset, rule=rule) -> float:
            table = pd.concat([parts[name] for name in sorted(chosen)])
            return worth_of_pick(rule, lambda: rule.fit(table), parts[target], shares[target])

        for target, (size, sets) in itertools.product(names, drawn.items()):
            apart = [chosen for chosen in sets if of[target] not in {of[name] for name in chosen}]
            others = [name for name in names if of[name] != of[target]]
            values = {
                name: np.array([worth(name, s) for s in apart if of[name] not in {of[one] for one in s}])
                for name in others
            }
            for own in apart:
                mine = {name: worth(name, own - {name}) for name in own} if size > 1 else {}
                mine = {name: value for name, value in mine.items() if not np.isnan(value)}
                published = Evidence.of(size, {name: v for name, v in values.items() if name not in own and len(v)})
                if not np.isnan(outcome := worth(target, own)):
                    cases.append((decide(mine, published), outcome))
    found = pd.DataFrame(cases, columns=["decision", "p"]).groupby("decision")["p"]
    rows = []
    for decision in (USE, BETTER, DO_NOT):
        if decision in found.groups:
            p = found.get_group(decision)
            shares_below = [f"{(p < 0.5).mean():.0%}", f"{(p < 0.25).mean():.0%}"]
            rows.append([decision, f"{len(p):,}", f"{p.mean():.2f}", *shares_below])
    head = ["decision", "picks", "mean P(beats a random run)", "worse than half of the runs", "than three quarters"]
    return markdown(head, rows)


def leaderboard() -> str:
    """What all criteria and rules are worth in the arena, part by part and half by half."""
    texts = []
    table = evidence()
    for part in table["part"].unique():
        result = arena(everything_known(part, ROOT / "evidence"), part=part, evidence=ROOT / "evidence")
        halves = [half for half in HALVES if half in set(result.table["half"])]
        shown = result.shown.assign(half=result.table["half"])
        for half in halves if len(halves) > 2 else halves[:1]:
            rows = shown[shown["half"] == half]
            order = result.table.loc[rows.index, "p"].sort_values(ascending=False, kind="stable").index
            cells = [
                [f"`{row['criterion or rule']}`", *row.drop(["criterion or rule", "data sets", "half"])]
                for _, row in rows.loc[order].iterrows()
            ]
            sizes = result.table[result.table["half"] == half].iloc[0]
            of = f"{sizes['datasets']} data sets of {sizes['families']} famil{'y' if sizes['families'] == 1 else 'ies'}"
            head = ["criterion or rule", *rows.columns.drop(["criterion or rule", "data sets", "half"])]
            texts.append(f"Part `{part}`, {half} ({of}):\n\n{markdown(head, cells)}")
    return "\n\n".join(texts)


def goals() -> str:
    """What was asked of which rule, and what came out, on the part of most families."""
    result = arena(list(GOALS), part=most_families(evidence()))
    rows = []
    for rule, goal in GOALS.items():
        own = result.table[result.table["what"] == rule].set_index("half")
        cells = [
            bracket(*own.loc[half, ["p", "p_low", "p_high"]].astype(float)) if half in own.index else "none yet"
            for half in HALVES
        ]
        rows.append([f"`{rule}`", goal, *cells])
    halves = result.table.drop_duplicates("half").set_index("half")["datasets"]
    return markdown(["rule", "goal", *(f"{half} ({halves.get(half, 0)} data sets)" for half in HALVES)], rows)


def contents() -> str:
    """What the records hold, and their fingerprint, by which a test sees that the tables were made from them."""
    table = evidence()
    rows = []
    for (part, half), own in table.groupby(
        ["part", table["judging"].map({True: "judging", False: "looked at"})], sort=False
    ):
        sets = ", ".join(own["dataset"].unique())
        hours = own["seconds"].sum() / 60
        diverged, few = (own["status"] == "diverged").sum(), with_few_latents(own).sum()
        told = [f"{hours:.0f}", f"{diverged}", f"{few} ({few / len(own):.0%})"]
        rows.append([f"`{part}`", str(half), sets, f"{len(own):,}", *told])
    head = ["part", "half", "data sets", "runs", "minutes of training", "diverged", "at most one active latent"]
    return f"{markdown(head, rows)}\n\nRecords `{fingerprint()}`."


def moved() -> str:
    """What rules would be worth on the same data sets, had any one family not been among their proxies."""
    judged, scores, _ = judged_runs(records(), "win_rate")
    kinds, rows = dict(zip(judged["dataset"], families(judged), strict=True)), []
    for text in GOALS_BY_PROXIES:
        everything = worths_without_families(parse_rule(text), judged, scores)
        cells = []
        for names in (judging(), list(kinds)):
            table = everything.loc[names]
            others, whole = table.mean(), np.mean([table.loc[name, kinds[name]] for name in names])
            low, high = (f"{others.agg(end):.2f}" for end in ("min", "max"))
            changed = f"{low} ({others.idxmin()}) to {high} ({others.idxmax()})"
            cells += [f"{whole:.2f}", changed if low != high else f"{low} whichever"]
        rows.append([f"`{text}`", *cells])
    return markdown(["rule", "judging", "without any one family", "all", "without any one family"], rows)


def frozen_labels() -> str:
    """Picks by few labels as the protocol of docs/evidence.md settled them before `latent_share` was what it is now."""
    table = records()
    folder = ROOT / "evidence" / table["part"].iloc[0]
    found: dict[str, list[list[float]]] = {"judging": [], "looked at": []}
    unseen = judging()
    for name, own in table.groupby("dataset"):
        with np.load(folder / f"{name}.npz") as file:
            codes, factors = file["mean"].astype(float), file["factors"]
            shares = pd.Series(beats(run_scores(own)), index=own["candidate"])[file["candidates"]].to_numpy()
        half = found["judging" if name in unseen else "looked at"]
        half.append([_frozen_pick(codes, factors, shares, count) for count in FROZEN_LABELS])
    rows = [[half, *(f"{value:.2f}" for value in np.mean(values, axis=0))] for half, values in found.items()]
    return markdown(["half", *(f"{count} labels" for count in FROZEN_LABELS)], rows)


def _frozen_pick(codes: np.ndarray, factors: np.ndarray, shares: np.ndarray, count: int, draws: int = 1_000) -> float:
    """Mean over draws of the images of what the run with the largest score by labels beats."""
    worth = []
    for draw in range(draws):
        rows = np.random.default_rng([draw, count]).choice(len(factors), count, replace=False)
        latents = _standard(rankdata(codes[:, rows].transpose(1, 0, 2).reshape(count, -1), axis=0))
        squared = (_standard(rankdata(factors[rows], axis=0)).T @ latents / count) ** 2
        best = squared.reshape(-1, len(codes), codes.shape[2]).max(axis=2)
        best[np.ptp(factors[rows], axis=0) == 0] = np.nan
        scores = np.nanmean(best - (1 - best) / (count - 2), axis=0)
        worth.append(shares[scores == scores.max()].mean())
    return float(np.mean(worth))


def collapsed() -> str:
    """Where runs kept one active latent or none."""
    told = []
    for part, own in evidence().groupby("part", sort=False):
        few = with_few_latents(own)
        names = pd.Series({f"{name} {share:.0%}": share for name, share in few.groupby(own["dataset"]).mean().items()})
        worst = ", ".join(names[names > 0].sort_values(ascending=False).index) or "none on any data set"
        told.append(f"- `{part}`: {few.sum()} of {len(own):,} runs, {few.mean():.1%}: {worst}.")
    return "\n".join(told)


def settled() -> str:
    """How the ranks of runs after a quarter and after half of their steps agree with those at the end."""
    table = rank_stability(pd.read_csv(STEPS))
    halves = table["dataset"].isin(judging()).map({True: "judging", False: "looked at"})
    names = [name for name in table if name in DISENTANGLEMENT]
    rows, lasts = [], []
    for (half, dataset), own in table.groupby([halves, "dataset"], sort=False):
        cells = [correlation_text(row.win_rate, row.runs) for row in own.sort_values("steps").itertuples()]
        rows.append([dataset, str(half), str(own["runs"].iloc[0]), *cells])
    for _, own in table.groupby("steps"):
        lasts.append(own[["win_rate", *names]].median())
    rows.append(["median", "", "", *(f"{last['win_rate']:.2f}" for last in lasts)])
    steps = [f"after {steps:,} steps" for steps in sorted(table["steps"].unique())]
    by_metric = [[f"`{name}`", *(f"{last[name]:.2f}" for last in lasts)] for name in names]
    by_metric_head = ["median over data sets, by", *steps]
    head = ["data set", "half", "runs", *steps]
    return f"{markdown(head, rows)}\n\n{markdown(by_metric_head, by_metric)}"


def agreement() -> str:
    """How a criterion computed from the published codes agrees with its record, on other images and in more digits."""
    rows = []
    table = evidence()
    for part in [name for name in table["part"].unique() if has_codes(name, ROOT / "evidence")]:
        own = evidence(part)
        for column in [c for c in own if c.startswith("criterion.")]:
            name = column.removeprefix("criterion.")
            described = criterion_of(name)
            if described is None or not can_compute(described):
                continue
            try:
                again = computed(name, described, own, part, ROOT / "evidence")
            except ValueError:
                continue
            both = pd.DataFrame({"record": own[column], "again": again, "dataset": own["dataset"]}).dropna()
            ranks = [g["record"].corr(g["again"], "spearman") for _, g in both.groupby("dataset")]
            apart = (both["record"] - both["again"]).abs().median()
            rows.append(
                [f"`{part}`", f"`{name}`", f"{np.nanmin(ranks):.3f}", f"{np.nanmedian(ranks):.3f}", f"{apart:.2g}"]
            )
    head = ["part", "criterion", "rank correlation, worst data set", "middle", "median difference"]
    return markdown(head, rows)


def folder() -> str:
    """What is known of the pick of `selectdis pick` before it has seen any picture, and of distance."""
    table, rule = records(), parse_rule("win_rate > udr_lasso @ 3")
    part, sets = table["part"].iloc[0], table["dataset"].unique()
    untrained = [name for name in table["objective"].unique() if takes_pairs(name)]  # as folders give no pairs
    lines = []
    for text, label in ((rule.label, "The default"), ("any > auto @ 3", "For comparison, `--rule auto`")):
        found = published_evidence(parse_rule(text), len(sets), without_objectives=untrained, part=part)
        low, high = (f"{100 * end:.0f}" for end in (found.next_low, found.next_high))
        p, decision = bracket(found.p, found.low, found.high), decide({}, found)
        lines.append(
            f"{label} (`{text}`): on {len(found.values)} data sets of `{part}`, each the target once with those of "
            f"the other families as its proxies, its pick beat another run with probability {p}, which says "
            f'"{decision}"; on one more data set, {low} to {high} of 100 runs.'
        )
    paired = published_evidence(rule, len(sets), part=part)
    lines.append(
        f"Both without the runs of {', '.join(untrained)}, which a folder cannot train. With them, "
        f"as in [evidence](evidence.md#what-came-out), the default has {bracket(paired.p, paired.low, paired.high)}, "
        f'which says "{decide({}, paired)}".'
    )
    trained_first = rule.configurations(table[~table["objective"].isin(untrained)])[: rule.top]
    own = table[(table["dataset"] == sets[0]) & table["configuration"].isin(trained_first)]
    runs = own.assign(numbers=own["channels"] * own["image_size"] ** 2)
    images = published_statistics().loc[(part, sets[0])]
    told = [distance_to(part, images, which, rule=rule, without_objectives=untrained) for which in (None, runs)]
    alone, trained = (bracket(one.correlation, one.low, one.high) for one in told)
    lines.append(
        f"The rank correlation of distance with what the default's pick was worth, over these data sets: {alone} by "
        f"the images alone, {trained} with how the runs trained. Each had its nearest of another family at "
        f"{told[1].among.min():.2f} to {told[1].among.max():.2f}."
    )
    return "\n".join(f"- {line}" for line in lines)


def portfolio() -> str:
    """What else could have been trained with as many runs, and what its picks are worth."""
    count, found = plans(records()["part"].iloc[0], DRAWS)
    rows = []
    for (configurations, seeds), row in found.iterrows():
        own, best = ([f"{row[labels, kind]:.2f}" for labels in (0, 10, 20)] for kind in ("portfolio", "best"))
        rows.append([f"{configurations} x {seeds}", *own, ", ".join(best)])
    head = ["configurations x seeds", "no labels", "10 labels", "20 labels"]
    head += ["the same number of the best by their mean: no, 10, 20 labels"]
    return f"Over {count} data sets and {DRAWS} draws of the labelled images:\n\n{markdown(head, rows)}"


MAKE: dict[str, Callable[[], str]] = {
    "contents": contents,
    "collapsed": collapsed,
    "settled": settled,
    "moved": moved,
    "frozen_labels": frozen_labels,
    "goals": goals,
    "readme": readme,
    "rules": rules,
    "gains": gains,
    "paper": paper,
    "proxies": proxies,
    "facts": facts,
    "decisions": decisions,
    "agreement": agreement,
    "folder": folder,
    "portfolio": portfolio,
    "leaderboard": leaderboard,
}

if __name__ == "__main__":
    main()
