"""Backtest: each labelled data set in turn plays the unlabelled target, and a rule is judged by what it picked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from selectdis._progress import progress_bar
from selectdis.errors import SelectdisError, whole_number
from selectdis.records import DATASET, METRIC
from selectdis.selection._defaults import default_rules
from selectdis.selection._folds import ORACLE, Picker, judged_runs, leave_one_out, measure, seed_splits, with_two_runs
from selectdis.selection._intervals import (
    UNIFORM_VARIANCE,
    hierarchical_variance,
    moderated_interval,
)
from selectdis.selection._rules import AverageConfiguration, RandomRun
from selectdis.selection._scores import WIN_RATE, current_score_name, score_metrics
from selectdis.selection._transfer_table import transfer_table

__all__ = ["BacktestResult", "Picker", "backtest"]

RANDOM, AVERAGE = "random run", "average configuration"


@dataclass(frozen=True, repr=False)
class BacktestResult:
    """How far each rule can be trusted.

    Attributes
    ----------
    table
        One row per rule, best first, baselines included. ``p_beats_random`` (probability that the pick beats another
        run drawn at random from the target; ties count one half) with ``p_low`` and ``p_high``; ``percentile`` and
        ``percentile_worst`` (median and lowest over data sets, 0 to 100); ``regret`` to the best run, in units of the
        score, with ``regret_low`` and ``regret_high``; ``gap_closed``: the share of the way from a random run to
        the best one.
    by_dataset
        One row per rule and data set that played the target.
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
    rules: Mapping[str, Picker] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Say in a line what the numbers rest on, then show the table of rules as on a screen."""
        padded = self.shown.apply(lambda column: column.str.ljust(column.str.len().max()))
        table = padded.to_string(index=False, justify="left")
        left_out = "".join(f"\nleft out: {name} ({why})" for name, why in self.left_out.items())
        return f"{self.summary}\n{table}{left_out}"

    @property
    def summary(self) -> str:
        """What the numbers rest on, in one line."""
        data = f"{self.n_datasets} labelled data set{'s' if self.n_datasets != 1 else ''}, {self.n_runs} runs"
        return f"{self.protocol}: {data}, judged by {self.score}, {self.level:.0%} intervals"

    @property
    def shown(self) -> pd.DataFrame:
        """`table` for a screen: interval in brackets, the lowest data set's percentile in parentheses."""
        t = self.table
        return pd.DataFrame(
            {
                "rule": t["rule"],
                "beats random": [_bracket(*row) for row in t[["p_beats_random", "p_low", "p_high"]].to_numpy()],
                "percentile": [f"{a:.0f} ({b:.0f})" for a, b in t[["percentile", "percentile_worst"]].to_numpy()],
                "regret": [f"{regret:.2f}" for regret in t["regret"]],
            }
        )

    def row(self, rule: Picker | str) -> pd.Series:
        """Return the row of `table` of a rule, by the rule itself or by its label."""
        label = rule if isinstance(rule, str) else next((k for k, v in self.rules.items() if v == rule), rule.label)
        found = self.table[self.table["rule"] == label]
        if found.empty:
            raise SelectdisError(f"the backtest holds no rule {label!r}: give it to backtest(records, rules=[...])")
        return found.iloc[0]


def backtest(
    records: pd.DataFrame,
    rules: Mapping[str, Picker] | Sequence[Picker] | None = None,
    *,
    score: str | Sequence[str] = WIN_RATE,
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
        One row per run (``dataset``, ``configuration``, ``metric.*``, ``criterion.*``); unlabelled data sets, diverged
        and failed runs, and runs without the score are left out.
    rules
        Rules, or label -> rule; default: `default_rules`. The random run, the average configuration, and the oracle
        (the best run) always stand beside them.
    score
        What a pick is judged by: ``"win_rate"``, a metric, or several metrics to take the win rate over.
    n_bootstrap
        Resamples of the target's seeds within each configuration (one data set: random splits of the seeds).
    level
        Of the intervals (see `moderated_interval` for how they are made, and docs/selection.md for their coverage).
    seed
        Of the resamples.

    Returns
    -------
    BacktestResult
        The table of rules, best first, the same for each data set, and what the numbers rest on.

    Raises
    ------
    SelectdisError
        No labelled data set, a column that a rule needs is missing, one data set with one seed per configuration, or a
        negative seed.
    """
    rng = np.random.default_rng(whole_number("seed", seed, 0))
    score = current_score_name(score) if isinstance(score, str) else score
    named = _named(rules, records)
    judged, scores = judged_runs(records, score)
    _refuse_cheats(named, judged, score)
    kept, left_out = with_two_runs(judged)
    judged, scores = judged[kept], scores[kept]
    names = list(judged[DATASET].unique())
    alone = len(names) == 1
    folds = seed_splits(judged, scores, n_bootstrap, rng) if alone else leave_one_out(judged, scores, n_bootstrap, rng)
    with progress_bar("folds") as show:
        n_folds = n_bootstrap if alone else len(names)
        measured = measure(named, folds, lambda done: show("backtesting", done, n_folds))
    table, by_dataset = (_summarise_splits if alone else _summarise)(measured, level, rng)
    return BacktestResult(
        table=table.sort_values("p_beats_random", ascending=False, kind="stable", ignore_index=True),
        by_dataset=by_dataset,
        paper=transfer_table(judged, level=level),
        protocol="seeds split" if alone else "leave one data set out",
        score=score if isinstance(score, str) else f"win rate of {', '.join(score)}",
        level=level,
        n_datasets=len(names),
        n_runs=len(judged),
        n_bootstrap=n_bootstrap,
        left_out=left_out,
        rules=named,
    )


def _bracket(middle: float, low: float, high: float) -> str:
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


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


def _exact(row: dict) -> tuple[float, float] | None:
    """Return what is known of a baseline that picks no run, or the best one: that is no estimate."""
    return (row["p_beats_random"],) * 2 if row["rule"] in (RANDOM, AVERAGE, ORACLE) else None


_COLUMNS = [
    *("rule", "p_beats_random", "p_low", "p_high", "percentile", "percentile_worst"),
    *("regret", "regret_low", "regret_high", "gap_closed"),
]


def _summarise(measured: pd.DataFrame, level: float, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    table = []
    for label, rows in measured.groupby("rule", sort=False):
        row = _row(str(label), rows)
        variances = [hierarchical_variance(np.stack(list(rows[k])), rng) for k in ("p_replicates", "regret_replicates")]
        row["p_low"], row["p_high"] = _exact(row) or moderated_interval(
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
    """Give the interval of one split's pick: splits share runs, so that their mean looks surer than it is.

    It is widened by the share that one run makes up: no pick's percentile is known any finer.
    """
    tails = [0.5 - level / 2, 0.5 + level / 2]
    table, means = [], []
    for label, rows in measured.groupby("rule", sort=False):
        row = _row(str(label), rows)
        (low, high), finest = rows["p"].quantile(tails), 1 / rows["runs"].iloc[0]
        row["p_low"], row["p_high"] = _exact(row) or (max(0.0, low - finest), min(1.0, high + finest))
        row["regret_low"], row["regret_high"] = rows["regret"].quantile(tails)
        table.append(row)
        numbers = ["runs", "p", "score", "regret", "mean", "best"]
        means.append({"rule": label, "dataset": rows["dataset"].iloc[0], **rows[numbers].mean()})
    return pd.DataFrame(table)[_COLUMNS], pd.DataFrame(means).astype({"runs": int})
