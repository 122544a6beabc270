"""Backtest: each labelled data set in turn plays the unlabelled target, and a rule is judged by what it picked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from selectdis.errors import SelectdisError
from selectdis.selection.defaults import default_rules
from selectdis.selection.intervals import (
    UNIFORM_VARIANCE,
    group_resamples,
    hierarchical_variance,
    moderated_interval,
)
from selectdis.selection.published import transfer_table
from selectdis.selection.rules import AverageConfiguration, RandomRun, Weights
from selectdis.selection.scores import MEAN_RANK, run_scores, score_metrics
from selectdis.selection.tables import METRIC, labelled, need

__all__ = ["BacktestResult", "Picker", "backtest"]

ORACLE, RANDOM, AVERAGE = "oracle", "random run", "average configuration"


class Picker(Protocol):
    """What `backtest` asks of a rule; `Rule` is one, and so is anything that you write with these three."""

    @property
    def label(self) -> str: ...

    @property
    def target_columns(self) -> tuple[str, ...]: ...

    def fit(self, proxies: pd.DataFrame) -> Weights: ...


@dataclass(frozen=True)
class BacktestResult:
    """How far each rule can be trusted.

    Attributes
    ----------
    table
        One row a rule, best first, baselines included. ``p_beats_random`` (probability that the pick beats another
        run drawn at random from the target; ties count one half) with ``p_low`` and ``p_high``; ``percentile`` and
        ``percentile_worst`` (median and lowest over data sets, 0 to 100); ``regret`` to the best run, in units of the
        score, with ``regret_low`` and ``regret_high``; ``gap_closed``: the share of the way from a random run to
        the best one.
    by_dataset
        One row a rule and data set that played the target.
    paper
        The table of Locatello et al. 2019, section 5.6, on these records (see `transfer_table`).
    protocol
        ``"leave one data set out"``, or with one labelled data set ``"seeds split"``: then the target is the same data
        set with other seeds, which says nothing about another data set.
    score, level, n_datasets, n_runs, n_bootstrap
        What was judged by, and how much there was to judge on.
    left_out
        Data sets that could not play the target, and why.
    rules
        Label -> rule.
    """

    table: pd.DataFrame
    by_dataset: pd.DataFrame
    paper: pd.DataFrame
    protocol: str
    score: str
    level: float
    n_datasets: int
    n_runs: int
    n_bootstrap: int
    left_out: Mapping[str, str] = field(default_factory=dict)
    rules: Mapping[str, Picker] = field(default_factory=dict, repr=False)

    @property
    def summary(self) -> str:
        """What the numbers rest on, in one line."""
        data = f"{self.n_datasets} labelled data set{'s' if self.n_datasets != 1 else ''}, {self.n_runs} runs"
        return f"{self.protocol}: {data}, judged by {self.score}, {self.level:.0%} intervals"

    def row(self, rule: Picker | str) -> pd.Series:
        """The row of `table` of a rule, by the rule itself or by its label."""
        label = rule if isinstance(rule, str) else next((k for k, v in self.rules.items() if v == rule), rule.label)
        found = self.table[self.table["rule"] == label]
        if found.empty:
            raise SelectdisError(f"the backtest holds no rule {label!r}: give it to backtest(records, rules=[...])")
        return found.iloc[0]


@dataclass(frozen=True)
class _Trial:
    """One target with its proxies, and resamples of the target's seeds."""

    name: str
    proxies: pd.DataFrame
    target: pd.DataFrame
    scores: np.ndarray
    resamples: np.ndarray


def backtest(
    records: pd.DataFrame,
    rules: Mapping[str, Picker] | Sequence[Picker] | None = None,
    *,
    score: str | Sequence[str] = MEAN_RANK,
    n_bootstrap: int = 100,
    level: float = 0.95,
    seed: int = 0,
) -> BacktestResult:
    """Let each labelled data set play the unlabelled target, and judge what each rule picks there.

    A rule sees the other data sets whole, and of the target only settings and criteria: the metric columns are taken
    away before the rule gets the table, save those few-label scores that the rule declares (``target_columns``).

    Parameters
    ----------
    records
        One row a run (``dataset``, ``configuration``, ``metric.*``, ``criterion.*``); unlabelled data sets, diverged
        and failed runs, and runs without the score are left out.
    rules
        Rules, or label -> rule; default: `default_rules`. The random run, the average configuration, and the oracle
        (the best run) always stand beside them.
    score
        What a pick is judged by: ``"mean_rank"``, a metric, or several metrics to take the mean rank over.
    n_bootstrap
        Resamples of the target's seeds within each configuration (one data set: random splits of the seeds).
    level
        Of the intervals (see `moderated_interval` for how they are made, and docs/selection.md for their coverage).
    seed
        Of the resamples.

    Raises
    ------
    SelectdisError
        No labelled data set, a column that a rule needs is missing, or one data set with one seed a configuration.
    """
    rng = np.random.default_rng(seed)
    named = _named(rules, records)
    judged, scores = _judged(records, score)
    _refuse_cheats(named, judged, score)
    kept, left_out = _with_two_runs(judged)
    judged, scores = judged[kept], scores[kept]
    names = list(judged["dataset"].unique())
    alone = len(names) == 1
    trials = _splits(judged, scores, n_bootstrap, rng) if alone else _leave_one_out(judged, scores, n_bootstrap, rng)
    measured = _measure(named, trials)
    table, by_dataset = (_summarise_splits if alone else _summarise)(measured, level, rng)
    return BacktestResult(
        table=table.sort_values("p_beats_random", ascending=False, kind="stable", ignore_index=True),
        by_dataset=by_dataset,
        paper=transfer_table(judged, level=level),
        protocol="seeds split" if alone else "leave one data set out",
        score=score if isinstance(score, str) else f"mean rank of {', '.join(score)}",
        level=level,
        n_datasets=len(names),
        n_runs=len(judged),
        n_bootstrap=n_bootstrap,
        left_out=left_out,
        rules=named,
    )


def _named(rules: Mapping[str, Picker] | Sequence[Picker] | None, records: pd.DataFrame) -> dict[str, Picker]:
    if rules is None:
        rules = default_rules(records)
    named = dict(rules) if isinstance(rules, Mapping) else {rule.label: rule for rule in rules}
    if len(named) < len(rules):
        raise SelectdisError("two rules have the same label: give rules={'a name': rule, ...} to tell them apart")
    return {**named, AVERAGE: AverageConfiguration(), RANDOM: RandomRun()}


def _refuse_cheats(rules: Mapping[str, Picker], records: pd.DataFrame, score: str | Sequence[str]) -> None:
    judges = {METRIC + name for name in score_metrics(records, score)}
    for label, rule in rules.items():
        if seen := judges.intersection(rule.target_columns):
            raise SelectdisError(f"rule {label!r} looks at {sorted(seen)[0]!r} on the target, which it is judged by")


def _judged(records: pd.DataFrame, score: str | Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Labelled, finished, scored runs, and their scores (ranks are among these runs)."""
    need(records, "dataset", "configuration")
    known = labelled(records)
    scores = run_scores(known, score)
    rows = np.isfinite(scores)
    if not rows.any():
        raise SelectdisError(f"no finished run of the records has the score {score!r}")
    known = known[rows].reset_index(drop=True)
    texts = known.select_dtypes(["string", "object"]).columns
    return known.astype(dict.fromkeys(texts, object)), scores[rows]  # rows of Arrow strings are slow to take


def _with_two_runs(judged: pd.DataFrame) -> tuple[np.ndarray, dict[str, str]]:
    sizes = judged.groupby("dataset", observed=True)["dataset"].transform("size").to_numpy()
    left_out = {str(name): "fewer than two scored runs" for name in judged["dataset"][sizes < 2].unique()}
    if (sizes < 2).all():
        raise SelectdisError("no labelled data set has two scored runs: there is nothing to choose between")
    return sizes >= 2, left_out


def _leave_one_out(records: pd.DataFrame, scores: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[_Trial]:
    for name in records["dataset"].unique():
        here = (records["dataset"] == name).to_numpy()
        target = records[here]
        codes = pd.factorize(target["configuration"])[0]
        yield _Trial(str(name), records[~here], target, scores[here], group_resamples(codes, count, rng))


def _splits(records: pd.DataFrame, scores: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[_Trial]:
    """Half of each configuration's seeds are the proxy, the others the target; one run alone is always a target."""
    codes = pd.factorize(records["configuration"])[0]
    sizes = np.bincount(codes)
    if (sizes < 2).all():
        raise SelectdisError(
            "one labelled data set with one seed a configuration cannot be backtested: give a second labelled data "
            "set, or more seeds"
        )
    name = str(records["dataset"].iloc[0])
    for _ in range(max(count, 1)):
        order = np.lexsort((rng.random(len(codes)), codes))
        place = np.empty(len(codes), dtype=np.int64)
        place[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        proxy = place < sizes[codes] // 2
        nothing = np.empty((0, int((~proxy).sum())), dtype=np.int64)
        yield _Trial(name, records[proxy], records[~proxy], scores[~proxy], nothing)


def _measure(rules: Mapping[str, Picker], trials: Iterator[_Trial]) -> pd.DataFrame:
    """One row a rule and trial: what the pick was worth, and in ``*_replicates`` the same under resampled seeds."""
    rows: list[dict] = []
    for trial in trials:
        draws = [np.arange(len(trial.scores)), *trial.resamples]
        facts = {"dataset": trial.name, "runs": len(trial.scores), "variance": float(np.var(trial.scores))}
        facts |= {"mean": float(trial.scores.mean()), "best": float(trial.scores.max())}
        for label, worth in _worth(rules, trial, draws).items():
            row = {"rule": label, **facts, **dict(zip(("p", "score", "regret"), worth[0], strict=True))}
            rows.append({**row, "p_replicates": worth[1:, 0], "regret_replicates": worth[1:, 2]})
        nothing = np.zeros(len(draws) - 1)
        row = {"rule": ORACLE, **facts, "p": 1.0, "score": facts["best"], "regret": 0.0}
        rows.append({**row, "p_replicates": nothing + 1, "regret_replicates": nothing})
    return pd.DataFrame(rows)


def _worth(rules: Mapping[str, Picker], trial: _Trial, draws: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Label -> (n_draws, 3): P(beats random), score and regret of the pick from each drawn set of the target's runs."""
    fitted = {label: rule.fit(trial.proxies) for label, rule in rules.items()}
    visible = {columns: _masked(trial.target, columns) for columns in {rule.target_columns for rule in rules.values()}}
    worth = {label: np.empty((len(draws), 3)) for label in rules}
    for k, drawn in enumerate(draws):
        scores = trial.scores[drawn]
        shares, best = _beats(scores), scores.max()
        tables = {columns: table if k == 0 else table.take(drawn) for columns, table in visible.items()}
        for label, rule in rules.items():
            weights = fitted[label](tables[rule.target_columns])
            worth[label][k] = weights @ shares, weights @ scores, best - weights @ scores
    return worth


def _masked(target: pd.DataFrame, allowed: tuple[str, ...]) -> pd.DataFrame:
    hidden = [c for c in target.columns if str(c).startswith(METRIC) and c not in allowed]
    return target.drop(columns=hidden).copy()  # one block of memory: each resample takes rows from it


def _beats(scores: np.ndarray) -> np.ndarray:
    return (rankdata(scores) - 1) / (len(scores) - 1)


def _row(label: str, rows: pd.DataFrame) -> dict:
    gap = (rows["best"] - rows["mean"]).sum()
    return {
        "rule": label,
        "p_beats_random": rows["p"].mean(),
        "percentile": 100 * rows["p"].median(),
        "percentile_worst": 100 * rows["p"].min(),
        "regret": rows["regret"].mean(),
        "gap_closed": (rows["score"] - rows["mean"]).sum() / gap if gap > 0 else np.nan,
    }


_EXACT = {RANDOM: (0.5, 0.5), ORACLE: (1.0, 1.0)}  # by definition, whatever the data
_COLUMNS = [
    *("rule", "p_beats_random", "p_low", "p_high", "percentile", "percentile_worst"),
    *("regret", "regret_low", "regret_high", "gap_closed"),
]


def _summarise(measured: pd.DataFrame, level: float, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = []
    for label, rows in measured.groupby("rule", sort=False):
        row = _row(str(label), rows)
        variances = [hierarchical_variance(np.stack(list(rows[k])), rng) for k in ("p_replicates", "regret_replicates")]
        row["p_low"], row["p_high"] = _EXACT.get(row["rule"]) or moderated_interval(
            rows["p"].to_numpy(), prior_variance=UNIFORM_VARIANCE, bootstrap_variance=variances[0], level=level
        )
        row["regret_low"], row["regret_high"] = moderated_interval(
            rows["regret"].to_numpy(),
            prior_variance=0.0 if label == ORACLE else float(rows["variance"].mean()),
            bootstrap_variance=variances[1],
            level=level,
            bounds=(0.0, np.inf),
        )
        table.append(row)
    columns = ["rule", "dataset", "runs", "p", "score", "regret", "mean", "best"]
    return pd.DataFrame(table)[_COLUMNS], measured[columns]


def _summarise_splits(
    measured: pd.DataFrame, level: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The interval is that of one split's pick: splits share runs, so that their mean looks surer than it is."""
    tails = [0.5 - level / 2, 0.5 + level / 2]
    table, means = [], []
    for label, rows in measured.groupby("rule", sort=False):
        row = _row(str(label), rows)
        row["p_low"], row["p_high"] = _EXACT.get(row["rule"]) or rows["p"].quantile(tails)
        row["regret_low"], row["regret_high"] = rows["regret"].quantile(tails)
        table.append(row)
        numbers = ["runs", "p", "score", "regret", "mean", "best"]
        means.append({"rule": label, "dataset": rows["dataset"].iloc[0], **rows[numbers].mean()})
    return pd.DataFrame(table)[_COLUMNS], pd.DataFrame(means).astype({"runs": int})
