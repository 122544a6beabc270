"""Backtest: each labelled data set in turn plays the unlabelled target, and a rule is judged by what it picked."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from selectdis._progress import progress_bar
from selectdis.errors import SelectdisError, whole_number
from selectdis.records import DATASET, METRIC
from selectdis.selection._defaults import default_rules
from selectdis.selection._folds import ORACLE, Picker, judged_runs, leave_one_out, measure, seed_splits
from selectdis.selection._intervals import (
    hierarchical_variance,
    moderated_interval,
    prediction_range,
    probability_interval,
)
from selectdis.selection._rules import AverageConfiguration, RandomRun
from selectdis.selection._run_choosers import labels_taken
from selectdis.selection._scores import WIN_RATE, current_score_name, score_metrics
from selectdis.selection._transfer_table import transfer_table

__all__ = ["BacktestResult", "Picker", "backtest"]

RANDOM, AVERAGE = "random run", "average configuration"
SPLIT = "seeds split"
MOST_LABELS = 1_000  # with more, a score from few labels is the metric itself


@dataclass(frozen=True, repr=False)
class BacktestResult:
    """How far each rule can be trusted.

    Attributes
    ----------
    table
        One row per rule, best first, baselines included:

        - ``p_beats_random``: probability that the pick beats another run drawn at random from the target (ties count
          one half), the mean over data sets, with its interval ``p_low``, ``p_high``;
        - ``next_low``, ``next_high``: between which the pick on one more data set is expected (`prediction_range`);
          with one data set, between which the picks of single splits of its seeds lay;
        - ``gain``: what the chosen seed gains over a random seed of the same configuration, in the same unit, the mean
          over all configurations and data sets, with its interval ``gain_low``, ``gain_high``; NaN where a rule
          chooses no seed, and for rules of another kind than `Rule`;
        - ``ties``: share of picks that were drawn among ties; ``datasets``: on how many the rule was judged;
        - ``percentile``, ``percentile_worst``: median and lowest over data sets, 0 to 100;
        - ``regret`` to the best run, in units of the score, with ``regret_low`` and ``regret_high``;
        - ``gap_closed``: the share of the way from a random run to the best one.
    by_dataset
        One row per rule and data set that played the target; ``tied``: how many runs shared the pick.
    paper
        The table of Locatello et al. 2019, section 5.6, on these records (see `transfer_table`).
    protocol
        ``"leave one data set out"``, or with one labelled data set ``"seeds split"``: then the target is the same data
        set with other seeds, which says nothing about another data set.
    score, level, n_datasets, n_runs, n_bootstrap
        What was judged by, and how much there was to judge on.
    left_out
        Data sets and runs that are not judged, and why.
    not_judged
        ``rule``, ``dataset``, ``why``: where a rule had nothing to go by, and is not judged.
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
    not_judged: pd.DataFrame = field(default_factory=pd.DataFrame)
    rules: Mapping[str, Picker] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Say in a line what the numbers rest on, then show the table of rules as on a screen of 80 columns."""
        return "\n".join([self.summary, _as_text(self.shown), *self.notes])

    @property
    def summary(self) -> str:
        """What the numbers rest on, in one line."""
        data = f"{self.n_datasets} labelled data set{'s' if self.n_datasets != 1 else ''}, {self.n_runs} runs"
        return f"{self.protocol}: {data}, judged by {self.score}, {self.level:.0%} intervals"

    @property
    def shown(self) -> pd.DataFrame:
        """`table` for a screen: [low, high] is an interval of the mean, "low to high" the range of single picks."""
        t = self.table
        single = "one split" if self.protocol == SPLIT else "one more set"
        drawn = (t["ties"] * t["datasets"]).round()
        ties = [f"{tied:.0f}/{n}" for tied, n in zip(drawn, t["datasets"], strict=True)]
        return pd.DataFrame(
            {
                "rule": t["rule"],
                "beats random": [bracket(*row) for row in t[["p_beats_random", "p_low", "p_high"]].to_numpy()],
                single: [_range(*row) for row in t[["next_low", "next_high"]].to_numpy()],
                "ties": [f"{share:.0%}" for share in t["ties"].fillna(0)] if self.protocol == SPLIT else ties,
            }
        )

    @property
    def shown_gains(self) -> pd.DataFrame:
        """What each way to choose a run gains over a random seed of the same configuration, best first."""
        chosen = [getattr(getattr(self.rules.get(rule), "run", None), "label", "") for rule in self.table["rule"]]
        t = self.table.assign(choice=chosen).dropna(subset="gain").drop_duplicates("choice")
        t = t.sort_values("gain", ascending=False, kind="stable")
        gains = [f"{a:+.3f} [{b:+.3f}, {c:+.3f}]" for a, b, c in t[["gain", "gain_low", "gain_high"]].to_numpy()]
        return pd.DataFrame({"chosen by": t["choice"].to_list(), "gain over a random seed": gains})

    @property
    def notes(self) -> list[str]:
        """What is left out, and why: one line for each data set, kind of run, and rule."""
        lines = [f"left out: {name} ({why})" for name, why in self.left_out.items()]
        for rule, rows in self.not_judged.groupby("rule", sort=False):
            why = "; ".join(rows["why"].unique())
            lines.append(f"{rule!r} is not judged on {', '.join(rows['dataset'])} ({why})")
        return lines

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
        Resamples of the target's seeds within each configuration (one data set: random splits of the seeds, of which
        20 do where there are more than 20,000 runs).
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
    judged, scores, left_out = judged_runs(records, score)
    _refuse_cheats(named, judged, score)
    names = list(judged[DATASET].unique())
    alone = len(names) == 1
    folds = seed_splits(judged, scores, n_bootstrap, rng) if alone else leave_one_out(judged, scores, n_bootstrap, rng)
    with progress_bar("folds") as show:
        n_folds = n_bootstrap if alone else len(names)
        measured, not_judged = measure(named, folds, lambda done: show("backtesting", done, n_folds))
    if not (set(measured["rule"]) - {RANDOM, AVERAGE, ORACLE}) and not not_judged.empty:
        raise SelectdisError(not_judged["why"].iloc[0])
    table, by_dataset = (_summarise_splits if alone else summarise)(measured, level, rng)
    nowhere = pd.DataFrame({"rule": [label for label in named if label not in set(measured["rule"])], "datasets": 0})
    table = pd.concat([table, nowhere], ignore_index=True)
    return BacktestResult(
        table=table.sort_values("p_beats_random", ascending=False, kind="stable", ignore_index=True),
        by_dataset=by_dataset,
        paper=transfer_table(judged, level=level),
        protocol=SPLIT if alone else "leave one data set out",
        score=score if isinstance(score, str) else f"win rate of {', '.join(score)}",
        level=level,
        n_datasets=len(names),
        n_runs=len(judged),
        n_bootstrap=n_bootstrap,
        left_out=left_out,
        not_judged=not_judged,
        rules=named,
    )


def bracket(middle: float, low: float, high: float) -> str:
    """Return a probability with its interval, which is what brackets mean here."""
    return "-" if np.isnan(middle) else f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def _range(low: float, high: float) -> str:
    return "-" if np.isnan(low) else f"{low:.2f} to {high:.2f}"


def _as_text(shown: pd.DataFrame, width: int = 80) -> str:
    """Return a table as text; what is longer than the first column has room for goes on in the next line."""
    rest = shown.columns[1:]
    widths = [max(map(len, [name, *shown[name]])) for name in rest]
    room = max(width - sum(widths) - 2 * len(widths), 12)
    lines = []
    for row in [tuple(shown.columns), *shown.itertuples(index=False)]:
        first, *more = textwrap.wrap(row[0], room, subsequent_indent="  ") or [""]
        cells = [text.ljust(size) for text, size in zip(row[1:], widths, strict=True)]
        lines += ["  ".join([first.ljust(room), *cells]).rstrip(), *more]
    return "\n".join(lines)


def _named(rules: Mapping[str, Picker] | Sequence[Picker] | None, records: pd.DataFrame) -> dict[str, Picker]:
    if rules is None:
        rules = default_rules(records)
    named = dict(rules) if isinstance(rules, Mapping) else {rule.label: rule for rule in rules}
    if len(named) < len(rules):
        raise SelectdisError("two rules have the same label: give rules={'a name': rule, ...} to tell them apart")
    return {**named, AVERAGE: AverageConfiguration(), RANDOM: RandomRun()}


def _refuse_cheats(rules: Mapping[str, Picker], records: pd.DataFrame, score: str | Sequence[str]) -> None:
    """Refuse a rule that sees on the target what it is judged by, under its own name or another."""
    judges = score_metrics(records, score)
    for label, rule in rules.items():
        for column in rule.target_columns:
            name = column.removeprefix(METRIC)
            if name in judges:
                raise SelectdisError(f"rule {label!r} looks at {column!r} on the target, which it is judged by")
            if (labels := labels_taken(name)) is None or labels > MOST_LABELS:
                raise SelectdisError(
                    f"rule {label!r} looks at {column!r} on the target, which takes {labels or 'all'} labels there "
                    f"and so is what it is judged by under another name: few labels are at most {MOST_LABELS:,}, as in "
                    "'metric.mig.few100'"
                )


def _row(label: str, rows: pd.DataFrame) -> dict:
    gap = (rows["best"] - rows["mean"]).sum()
    return {
        "rule": label,
        "p_beats_random": rows["p"].mean(),
        "percentile": 100 * rows["p"].median(),
        "percentile_worst": 100 * rows["p"].min(),
        "regret": rows["regret"].mean(),
        "gap_closed": (rows["score"] - rows["mean"]).sum() / gap if gap > 0 else np.nan,
        "ties": (rows["tied"] > 1).mean(),
        "datasets": rows["dataset"].nunique(),
    }


def _exact(row: dict) -> dict | None:
    """Return what is known of a baseline that picks no run, or the best one: that is no estimate."""
    p = row["p_beats_random"]
    return {"p_low": p, "p_high": p} if row["rule"] in (RANDOM, AVERAGE, ORACLE) else None


def _pair(name: str, interval: tuple[float, float]) -> dict:
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}


_COLUMNS = [
    *("rule", "p_beats_random", "p_low", "p_high", "next_low", "next_high", "gain", "gain_low", "gain_high"),
    *("ties", "datasets", "percentile", "percentile_worst", "regret", "regret_low", "regret_high", "gap_closed"),
]


def summarise(measured: pd.DataFrame, level: float, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table of rules over the data sets that are `measured`, and the rows of each data set."""
    table = []
    for label, rows in measured.groupby("rule", sort=False):
        row, p = _row(str(label), rows), rows["p"].to_numpy()
        variances = [hierarchical_variance(np.stack(list(rows[k])), rng) for k in ("p_replicates", "regret_replicates")]
        interval = probability_interval(p, bootstrap_variance=variances[0], level=level)
        row |= _exact(row) or {**_pair("p", interval), **_pair("next", prediction_range(p, level=level))}
        regret = moderated_interval(
            rows["regret"].to_numpy(),
            prior_variance=0.0 if label == ORACLE else float(rows["variance"].mean()),
            bootstrap_variance=variances[1],
            level=level,
            bounds=(0.0, np.inf),
        )
        gains = np.array(
            [np.nan if found is None or np.isnan(found).all() else np.nanmean(found) for found in rows["gains"]]
        )
        table.append(row | _pair("regret", regret) | _gain(gains, rows["gain_variance"].mean(), level))
    columns = ["rule", "dataset", "runs", "p", "score", "regret", "mean", "best", "tied"]
    return pd.DataFrame(table, columns=_COLUMNS), measured[columns]


def _gain(gains: np.ndarray, random_variance: float, level: float) -> dict:
    """Return the mean gain and its interval, over data sets or over the configurations of one."""
    gains = gains[np.isfinite(gains)]
    if not gains.any():  # there are none, or no seed is ever preferred to another
        return {}
    interval = moderated_interval(gains, prior_variance=random_variance, level=level, bounds=(-1.0, 1.0))
    return {"gain": gains.mean(), **_pair("gain", interval)}


def _summarise_splits(
    measured: pd.DataFrame, level: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give the interval for new seeds of the same data set, and the range of the picks of single splits.

    Splits share runs: however many there are, they tell as much as two that do not, so that their mean counts as that
    of two values with the variance of single splits. The range is widened by the share that one run makes up: no pick's
    percentile is known any finer.
    """
    tails = [0.5 - level / 2, 0.5 + level / 2]
    table, means = [], []
    for label, rows in measured.groupby("rule", sort=False):
        row = _row(str(label), rows)
        (low, high), finest = rows["p"].quantile(tails), 1 / rows["runs"].iloc[0]
        two = np.full(2, row["p_beats_random"])
        interval = probability_interval(two, bootstrap_variance=float(rows["p"].var(ddof=0)) / 2, level=level)
        low, high = max(0.0, low - finest), min(1.0, high + finest)
        inside = max(interval[0], low), min(interval[1], high)  # a mean is known no worse than a single split
        row |= _exact(row) or {**_pair("p", inside), **_pair("next", (low, high))}
        row["regret_low"], row["regret_high"] = rows["regret"].quantile(tails)
        gains = np.array([found for found in rows["gains"] if found is not None])
        if gains.size:
            counts = np.isfinite(gains).sum(axis=0)
            gains = np.nansum(gains, axis=0)[counts > 0] / counts[counts > 0]  # a value for each configuration
            row |= _gain(gains, len(gains) * rows["gain_variance"].mean(), level)
        table.append(row)
        numbers = ["runs", "p", "score", "regret", "mean", "best"]
        means.append({"rule": label, "dataset": rows["dataset"].iloc[0], **rows[numbers].mean()})
    return pd.DataFrame(table, columns=_COLUMNS), pd.DataFrame(means).astype({"runs": int})
