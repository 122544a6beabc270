"""The arena: what a criterion or a rule is worth on the published runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from selectdis._progress import progress_bar
from selectdis.criteria import TO_TRY, Criterion
from selectdis.errors import SelectdisError, nearest, whole_number
from selectdis.records import CRITERION, DATASET, FAMILY, JUDGING, PART, SAMPLED, criterion_names, metric_names
from selectdis.selection._backtest import bracket, summarise
from selectdis.selection._configurations import by_win_rate
from selectdis.selection._defaults import parse_rule
from selectdis.selection._folds import ORACLE, judged_runs, leave_one_out, measure
from selectdis.selection._intervals import UNIFORM_VARIANCE, moderated_interval
from selectdis.selection._rules import Rule
from selectdis.selection._run_choosers import by_criterion, labels_taken
from selectdis.selection._scores import WIN_RATE
from selectdis.selection.archive._codes import has_codes
from selectdis.selection.archive._compute import computed, criterion_of, functions_in, takes
from selectdis.selection.archive._nested import Nested, nested
from selectdis.selection.archive._table import evidence as evidence_table
from selectdis.selection.learned._auto import Auto, listed_rules

__all__ = ["ArenaResult", "arena", "everything_known"]

COMPARED = ("win_rate > random @ 3", "any > calibrated")
TRIED = "tried: "  # before names in tables of rules, where a function may be called as a baseline is
HALVES = ("looked at", "judging", "all")
What = str | Rule | Criterion | Callable[[Any], Any]


@dataclass(frozen=True)
class Entry:
    """One thing that is tried: its name, the rule that is judged, and the rules that join the list with it."""

    name: str
    rule: Rule
    joining: tuple[Rule, ...]


@dataclass(frozen=True, repr=False)
class ArenaResult:
    """What criteria and rules are worth on the published runs.

    Attributes
    ----------
    table
        One row for each thing tried and half of the data sets (``looked at`` while selectdis was built, ``judging``,
        which nobody looked at before rules were settled, ``all``):

        - ``p``, ``p_low``, ``p_high``: the probability that its pick, among all runs of a data set, beats another run
          drawn at random, the mean over data sets and its interval; ``next_low``, ``next_high``: between which the
          pick on one more data set is expected;
        - ``gain``, ``gain_low``, ``gain_high``: what the seed that it chooses gains over a random seed of the same
          configuration, in the same unit, the mean over all configurations;
        - ``adds``, ``adds_low``, ``adds_high``: by how much P grows over the rule that the other data sets choose from
          the list of docs/evidence.md, where it replaces that rule because it is more than one standard error better on
          the other data sets (a criterion on its own, within the best configuration on the proxies, or within the best
          three); ``taken``: on which share of the data sets it did;
        - ``datasets``, ``families``: on how many.
    by_dataset
        P of each thing on each data set, with ``half``; ``without`` and ``chosen``: which rule the other data sets
        choose from the list, and which with it.
    part, score, level
        What was tried on, what runs were judged by, and the level of the intervals.
    notes
        What is left out, and why.
    """

    table: pd.DataFrame
    by_dataset: pd.DataFrame
    part: str
    score: str
    level: float
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return "\n".join([self.summary, self.shown.to_string(index=False), *self.notes])

    @property
    def summary(self) -> str:
        """What the numbers rest on, in a line."""
        rows = self.table.drop_duplicates("half").set_index("half")
        sizes = ", ".join(
            f"{half}: {row['datasets']} data sets of {row['families']} "
            f"{'family' if row['families'] == 1 else 'families'}"
            for half, row in rows.iterrows()
        )
        return f"runs of the part {self.part} ({sizes}), judged by {self.score}, {self.level:.0%} intervals"

    @property
    def shown(self) -> pd.DataFrame:
        """`table` for a screen or a page: each number with its interval."""
        t = self.table
        columns: dict[str, Any] = {"criterion or rule": t["what"], "data sets": t["half"]}
        columns["beats random"] = [bracket(*row) for row in t[["p", "p_low", "p_high"]].to_numpy(dtype=float)]
        for name, title in (("gain", "gain over a random seed"), ("adds", "adds to the best rule")):
            values = t[[name, f"{name}_low", f"{name}_high"]].to_numpy(dtype=float)
            columns[title] = ["-" if np.isnan(a) else f"{a:+.3f} [{b:+.3f}, {c:+.3f}]" for a, b, c in values]
        columns["taken"] = ["-" if np.isnan(share) else f"{share:.0%}" for share in t["taken"].astype(float)]
        return pd.DataFrame(columns)


def arena(
    what: What | Sequence[What],
    *,
    part: str | None = None,
    evidence: str | Path | None = None,
    higher_is_better: bool | None = None,
    score: str = WIN_RATE,
    n_bootstrap: int = 100,
    level: float = 0.95,
    seed: int = 0,
) -> ArenaResult:
    """Say what a criterion or a rule is worth, on the published runs and those of one's own beside them.

    Parameters
    ----------
    what : function, str, Rule, Criterion, or several of them
        - A function of a `run` (`selectdis.criteria.TrainedRun`), which gives a number, or of a `pool` of all runs of a
          data set (`selectdis.criteria.TrainedPool`), which gives one for each run; its argument has that name. NaN
          is no value. Where lower is better, the function's attribute ``higher_is_better`` is False.
        - The name of a criterion of selectdis, such as ``"udr_lasso"``, a rule such as ``"win_rate > udr_lasso @ 3"``,
          or the path of a Python file that defines such functions.
    part
        Which part of the evidence; default: the one of most families.
    evidence
        The folder ``evidence`` of the repository, which functions are computed from.
    higher_is_better
        Of functions and criteria; default: what they say themselves, and otherwise True.
    score
        What runs are judged by: ``"win_rate"`` or a metric.
    n_bootstrap, level, seed
        As in `backtest`.

    Returns
    -------
    ArenaResult
        P(its pick beats a random run), what it gains over a random seed, and what it adds to the best rule, with
        intervals, on the data sets that were looked at and on those that were not.

    Raises
    ------
    SelectdisError
        There is no such criterion, rule or part, a function fails, or the files that it needs are not there.
    """
    given: list[Any] = list(what) if isinstance(what, Iterable) and not isinstance(what, str) else [what]
    if not given:
        raise SelectdisError("there is nothing to try: give a function, the name of a criterion, or a rule")
    records = evidence_table(part or most_families(evidence_table()))
    entries = []
    for one in given:
        for name, thing in _named(one):
            entry, records = _entry(
                name, thing, records, higher_is_better, None if evidence is None else Path(evidence)
            )
            entries.append(entry)
    if len({entry.name for entry in entries}) < len(entries):
        raise SelectdisError("two things to try have the same name: give each one of its own")
    return _judge(entries, records, score, n_bootstrap, level, whole_number("seed", seed, 0))


def everything_known(part: str | None = None, evidence: str | Path | None = None) -> list[str]:
    """Return the names of all criteria and rules that selectdis has for a part: what its leaderboard is made of.

    The criteria of the records, those to try where the files that they are computed from are there, the rules that
    docs/evidence.md lists, and few labels where the records have them.
    """
    records = evidence_table(part or most_families(evidence_table()))
    folder = None if evidence is None else Path(evidence)
    names = [name for name in criterion_names(records) if not name.endswith(SAMPLED)]
    if has_codes(str(records[PART].iloc[0]), folder):
        names += [name for name in TO_TRY if name not in names]
    rules = ["auto", *(rule.label for rule in listed_rules()), *COMPARED]
    few = [name for name in metric_names(records) if name.startswith("latent_share.few")]
    few = sorted(few, key=lambda name: labels_taken(name) or 0)
    return [*names, *rules, *(f"any > labels:{name}" for name in few)]


def most_families(table: pd.DataFrame) -> str:
    """Return the part with the most families, the first of several."""
    return str(table.groupby(PART, sort=False)[FAMILY].nunique().idxmax())


def _named(what: What) -> list[tuple[str, What]]:
    if isinstance(what, str) and what.endswith(".py"):
        return list(functions_in(Path(what)).items())
    if isinstance(what, str):
        return [(what, what)]
    if callable(what) and not isinstance(what, Rule | Criterion):
        if takes(what) is None:
            raise SelectdisError(f"{what!r:.80} is no criterion: a function of one argument called `run` or `pool` is")
        return [(getattr(what, "__name__", "function"), what)]
    return [(getattr(what, "label", "") or getattr(what, "name", "") or str(what), what)]


def _entry(
    name: str, what: What, records: pd.DataFrame, up: bool | None, folder: Path | None
) -> tuple[Entry, pd.DataFrame]:
    """Return what is tried under a name, and the records with its column."""
    if isinstance(what, str) and (">" in what or what.strip() == "auto"):
        what = parse_rule(what)
        name = what.label
    if isinstance(what, Rule):
        return Entry(name, what, () if isinstance(what.run, Auto) else (what,)), records  # auto chooses from the list
    if isinstance(what, str):
        known = criterion_of(what)
        if known is None and CRITERION + what not in records:
            raise SelectdisError(f"there is no criterion {what!r}{nearest(what, criterion_names(records))}")
        if known is None or CRITERION + what in records:
            return _of_criterion(what, up), records
        what = known
    elif CRITERION + name in records:
        raise SelectdisError(f"the records have a criterion {name!r} already: give the function another name")
    values = computed(name, what, records, str(records[PART].iloc[0]), folder)
    if not isinstance(what, Criterion) and up is None:
        up = bool(getattr(what, "higher_is_better", True))
    return _of_criterion(name, up), records.assign(**{CRITERION + name: values})


def _of_criterion(name: str, up: bool | None) -> Entry:
    run = by_criterion(name, higher_is_better=up)
    alone = Rule(None, run)
    return Entry(name, alone, (alone, Rule(by_win_rate(), run), Rule(by_win_rate(), run, top=3)))


def _judge(
    entries: list[Entry], records: pd.DataFrame, score: str, n_bootstrap: int, level: float, seed: int
) -> ArenaResult:
    judged, scores, left_out = judged_runs(records, score)
    facts = judged[[DATASET, FAMILY, JUDGING]].drop_duplicates(DATASET).set_index(DATASET)
    rng = np.random.default_rng(seed)
    with progress_bar("folds") as show:
        folds = leave_one_out(judged, scores, n_bootstrap, rng)
        rules = {TRIED + entry.name: entry.rule for entry in entries}
        measured, nowhere = measure(rules, folds, lambda done: show("judging", done, len(facts)))
    measured = measured[measured["rule"] != ORACLE]
    if measured.empty:
        one = nowhere.iloc[0]
        name = one["rule"].removeprefix(TRIED)
        raise SelectdisError(f"{name!r} is judged on no data set; on {one['dataset']}: {one['why']}")
    everything = nested([*listed_rules(), *(rule for entry in entries for rule in entry.joining)], judged, scores)
    added = {entry.name: _added(entry, everything) for entry in entries}
    rows = []
    for half in HALVES:
        names = facts.index if half == "all" else facts.index[facts[JUDGING].astype(bool) == (half == "judging")]
        part = measured[measured["dataset"].isin(names)]
        if not len(names) or part.empty:
            continue
        table, _ = summarise(part, level, rng)
        rows += [_row(entry, half, table, added[entry.name], facts.loc[names], level) for entry in entries]
    notes = [f"left out: {name} ({why})" for name, why in left_out.items()]
    for rule, where, why in nowhere.to_numpy():
        notes.append(f"{rule.removeprefix(TRIED)!r} is not judged on {where} ({why})")
    for rule, blind in measured[measured["tied"] == measured["runs"]].groupby("rule", sort=False):
        notes.append(
            f"{str(rule).removeprefix(TRIED)!r} tells no run from another on {', '.join(blind['dataset'])}: its pick "
            "there is any run"
        )
    for name, table in added.items():
        if len(table) and (known := int(table["adds"].notna().sum())) < len(facts):
            notes.append(
                f"what {name!r} adds is known on {known} of {len(facts)} data sets: for the others fewer than two are "
                "left to choose by, or it has no value on one of them"
            )
    if not facts[JUDGING].astype(bool).any():
        notes.append("no data set that judges is among these runs: none was kept from view until rules were settled")
    table = pd.DataFrame(rows)
    order = table["half"].map(HALVES.index)
    return ArenaResult(
        table.iloc[np.lexsort((order, -table.groupby("what")["p"].transform("last").fillna(0)))].reset_index(drop=True),
        _by_dataset(measured, added, facts),
        str(records[PART].iloc[0]),
        score,
        level,
        notes,
    )


def _added(entry: Entry, everything: Nested) -> pd.DataFrame:
    """Return for each data set the rules chosen without and with the entry, and by how much P differs."""
    own = [rule.label for rule in entry.joining]
    if not own:
        return pd.DataFrame(columns=["without", "chosen", "adds", "taken"])
    listed = [rule for rule in listed_rules() if rule.label not in own]
    return everything.joined(listed, entry.joining)


def _row(
    entry: Entry, half: str, table: pd.DataFrame, added: pd.DataFrame, facts: pd.DataFrame, level: float
) -> dict[str, Any]:
    row: dict[str, Any] = {"what": entry.name, "half": half, "p": np.nan, "p_low": np.nan, "p_high": np.nan}
    found = table[table["rule"] == TRIED + entry.name]
    if len(found):
        known = found.iloc[0]
        row |= {"p": known["p_beats_random"]} | {name: known[name] for name in (*_BOUNDS, *_GAIN)}
    own = added[added.index.isin(facts.index)].dropna(subset=["adds"])
    row |= {"adds": np.nan, "adds_low": np.nan, "adds_high": np.nan, "taken": np.nan}
    if len(own):
        values, taken = own["adds"].to_numpy(dtype=float), float(own["taken"].mean())
        prior = UNIFORM_VARIANCE * taken  # where it is never taken it adds nothing, and that is certain
        low, high = moderated_interval(values, prior_variance=prior, level=level, bounds=(-1.0, 1.0))
        row |= {"adds": values.mean(), "adds_low": low, "adds_high": high, "taken": taken}
    return row | {"datasets": len(facts), "families": facts[FAMILY].nunique()}


_BOUNDS = ("p_low", "p_high", "next_low", "next_high")
_GAIN = ("gain", "gain_low", "gain_high")


def _by_dataset(measured: pd.DataFrame, added: dict[str, pd.DataFrame], facts: pd.DataFrame) -> pd.DataFrame:
    rows = measured[["rule", "dataset", "runs", "p"]].rename(columns={"rule": "what"})
    rows["what"] = rows["what"].str.removeprefix(TRIED)
    rows["half"] = np.where(facts.loc[rows["dataset"], JUDGING].astype(bool), "judging", "looked at")
    chosen = pd.concat({name: table[["without", "chosen", "adds"]] for name, table in added.items()}, names=["what"])
    chosen.index.names = ["what", "dataset"]
    return rows.merge(chosen.reset_index(), on=["what", "dataset"], how="left")
