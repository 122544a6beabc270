"""The numbers of README.md and docs/selection.md, from the published records.

    python benchmarks/published_numbers.py [--quick]

Prints the tables as they stand in the documents. --quick leaves out what takes a minute: how often a decision is
wrong.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))

from selectdis.selection import (
    backtest,
    correlation_interval,
    dataset_transfer,
    default_rules,
    parse_rule,
    read_records,
    variance_explained,
)
from selectdis.selection._backtest import BacktestResult, bracket
from selectdis.selection._folds import judged_runs, worth_of_pick
from selectdis.selection._scores import beats
from selectdis.selection._trust import BETTER, DO_NOT, USE, decide
from selectdis.selection.archive._by_proxies import Evidence, published_evidence

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "evidence/dense32-v1/transfer-cpu.csv.gz"
README = {
    "the best configuration on the proxies, then UDR": "win_rate > udr_lasso",
    "a regression from criteria to scores, learned on the proxies": "any > calibrated",
    "the best configuration on the proxies, any seed": "win_rate > random",
    "UDR on the target alone": "any > udr_lasso",
    "likelihood on the target alone": "any > elbo",
}
BY_PROXIES = ["win_rate > udr_lasso", "any > calibrated", "win_rate > random", "any > udr_lasso"]
BASELINES = ["oracle", "average configuration", "random run"]
TRIED = ["win_rate > udr_lasso @ 2", "win_rate > udr_lasso_pool", "win_rate > model_centrality", "mig > udr_lasso"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    records = read_records(SOURCE)
    print("\n\n".join(tables(records, quick=options.quick)))


def tables(records: pd.DataFrame, *, quick: bool) -> list[str]:
    result = backtest(records)
    found = [readme(result), rules(result), gains(result), paper(result), proxies()]
    return found if quick else [*found, *facts(records), decisions(records)]


def markdown(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, *rows]).replace(
        "\n", f"\n|{'---|' * len(head)}\n", 1
    )


def interval(row: pd.Series) -> str:
    return bracket(row["p_beats_random"], row["p_low"], row["p_high"])


def spread(low: float, high: float) -> str:
    return f"{low:.2f} to {high:.2f}"


def readme(result: BacktestResult) -> str:
    rows = []
    for words, rule in README.items():
        row = result.row(rule)
        rows.append([f"{words} (`{rule}`)", interval(row), spread(row["next_low"], row["next_high"])])
    head = ["rule", "probability, 95% interval of the mean", "one more data set"]
    return markdown(head, [*rows, ["a random run", "0.50", ""]])


def rules(result: BacktestResult) -> str:
    rows = []
    for _, row in result.table[
        ~result.table["rule"].isin(["oracle", "average configuration", "random run"])
    ].iterrows():
        single = spread(row["next_low"], row["next_high"])
        rows.append([f"`{row['rule']}`", interval(row), single, str(row["datasets"]), f"{row['percentile_worst']:.0f}"])
    return markdown(["rule", "P(beats a random run)", "one more data set", "data sets", "worst percentile"], rows)


def gains(result: BacktestResult) -> str:
    rows = [[f"`{chosen}`", gain] for chosen, gain in result.shown_gains.itertuples(index=False)]
    return markdown(["the seed is chosen by", "gain over a random seed of the same configuration"], rows)


def paper(result: BacktestResult) -> str:
    rows = [[row["metric"], row["data_set"], interval(row)] for _, row in result.paper.iterrows()]
    return markdown(["metric", "data set", "P(beats a random run)"], rows)


def proxies() -> str:
    rows = []
    for text in BY_PROXIES:
        found = [published_evidence(parse_rule(text), k) for k in (1, 2, 3, 4)]
        rows.append([f"`{text}`", *(bracket(e.p, e.low, e.high) for e in found if e is not None)])
    return markdown(["rule", "1 proxy", "2 proxies", "3 proxies", "4 proxies"], rows)


def facts(records: pd.DataFrame) -> list[str]:
    """The sentences of docs/selection.md that hold numbers."""
    four = records[records["dataset"] != "noisy_dsprites"]
    texts = ["any > calibrated", "win_rate > elbo @ 3"]
    first, second = (interval(backtest(four, [rule]).row(rule)) for rule in map(parse_rule, texts))
    tried = [f"any > calibrated{model}" for model in ("", ":forest", ":boosting")]
    tried += [f"win_rate > udr_lasso{top}" for top in ("", " @ 3", " @ 4")]
    result = backtest(records, [parse_rule(text) for text in tried])
    ridge, forest, boosting, *tops = (f"{result.row(text)['p_beats_random']:.2f}" for text in tried)
    variance = variance_explained(records, ["win_rate"]).pivot(index="dataset", columns="source", values="adjusted")
    seed, kind = ((variance[source].min(), variance[source].max()) for source in ("seed", "objective"))
    where = variance["seed"].idxmin(), variance["seed"].idxmax()
    between = dataset_transfer(records).to_numpy()[np.triu_indices(5, 1)]
    return [
        f"On the first four `any > calibrated` had {first} and `win_rate > elbo @ 3` {second}: what four data sets "
        "promised, the fifth took back in part.",
        f"Models of the calibrated rule differ as rules do: ridge {ridge}, forest {forest}, boosting {boosting}.",
        f"`top` matters by luck alone: `win_rate > udr_lasso` has {tops[0]}, {tops[1]} and {tops[2]} with 1, 3 and 4 "
        "configurations.",
        f"The seed explains {seed[0]:.0%} ({where[0]}) to {seed[1]:.0%} ({where[1]}) of the variance of the win rate, "
        f"the objective {kind[0]:.0%} to {kind[1]:.0%}, adjusted for the number of groups.",
        "Configurations that do well on one data set do so on another with a rank correlation of "
        f"{between.min():.2f} to {between.max():.2f} (24 configurations: chance stays within "
        f"±{correlation_interval(0.0, 24)[1]:.2f}).",
    ]


def decisions(records: pd.DataFrame) -> str:
    """How the picks turned out that each decision was made for, each data set left out of all evidence in turn.

    One to four of the other data sets are one's own: they are the proxies, and are backtested; all others are the
    published ones.
    """
    judged, scores, _ = judged_runs(records, "win_rate")
    names = list(judged["dataset"].unique())
    parts = {name: judged[judged["dataset"] == name] for name in names}
    shares = {name: beats(scores[(judged["dataset"] == name).to_numpy()]) for name in names}
    cases: list[tuple[str, float]] = []
    for rule in [*default_rules(judged), *map(parse_rule, TRIED)]:
        worth: dict[tuple[str, frozenset[str]], float] = {}
        for target, size in itertools.product(names, range(1, len(names))):
            for chosen in map(frozenset, itertools.combinations([n for n in names if n != target], size)):
                table = pd.concat([parts[name] for name in sorted(chosen)])
                worth[target, chosen] = worth_of_pick(rule, table, parts[target], shares[target])
        for (target, own), outcome in worth.items():
            if not np.isnan(outcome):
                cases.append((decide(*_evidence(worth, set(names) - {target}, own)), outcome))
    found = pd.DataFrame(cases, columns=["decision", "p"]).groupby("decision")["p"]
    rows = []
    for decision in (USE, BETTER, DO_NOT):
        p = found.get_group(decision)
        rows.append([decision, f"{len(p):,}", f"{p.mean():.2f}", f"{(p < 0.5).mean():.0%}", f"{(p < 0.25).mean():.0%}"])
    head = ["decision", "picks", "mean P(beats a random run)", "worse than half of the runs", "than three quarters"]
    return markdown(head, rows)


def _evidence(
    worth: dict[tuple[str, frozenset[str]], float], others: set[str], own: frozenset[str]
) -> tuple[dict[str, float], Evidence | None]:
    mine = {name: worth[name, own - {name}] for name in own if len(own) > 1}
    size = min(len(own), len(others) - 1)
    choices = {name: map(frozenset, itertools.combinations(sorted(others - {name}), size)) for name in others}
    published = {name: np.array([worth[name, chosen] for chosen in choices[name]]) for name in others}
    return {name: value for name, value in mine.items() if not np.isnan(value)}, Evidence.of(size, published)


if __name__ == "__main__":
    main()
