"""How far a pick can be trusted, in plain words that end with a decision."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import DATASET
from selectdis.selection._backtest import BacktestResult, Picker, backtest, bracket
from selectdis.selection._configurations import ConfigurationScore
from selectdis.selection._intervals import probability_interval
from selectdis.selection._rules import Rule
from selectdis.selection._run_choosers import RunChooser
from selectdis.selection._scores import WIN_RATE
from selectdis.selection.archive._by_proxies import Evidence, published_evidence, without_one_family
from selectdis.selection.archive._table import evidence
from selectdis.selection.few_labels._worth import label_worth, worth_sentence

__all__ = [
    *("BETTER", "DO_NOT", "MORE", "UNKNOWN", "USE", "Trust", "by_what", "decide", "never_backtested"),
    *("trust", "trust_in_labels", "trust_of_evidence"),
]

USE, BETTER, DO_NOT = "use it", "better than nothing", "do not rely on this pick: label a few images instead"
UNKNOWN, MORE = "nothing is known here: label a few images", "label more images"
_LEAST_MEAN = 0.55

_NOTHING = (
    "Nothing is known of how rule '{rule}' does on another data set: {why}. "
    "A backtest needs at least two labelled data sets."
)
_DECISIONS = {
    USE: "Decision: use it. On average such picks are better than a random run, which is no promise for this one.",
    BETTER: "Decision: better than nothing. Take it rather than a random run, look at what its latents do, and expect "
    "to be wrong at times.",
    DO_NOT: "Decision: do not rely on this pick: label a few images instead (`selectdis label`).",
    UNKNOWN: "Decision: nothing is known here: label a few images (`selectdis label`).",
    MORE: "Decision: label more images (`selectdis label`): so few were never tried.",
}


@dataclass(frozen=True, repr=False)
class Trust:
    """What is known of one rule; ``str()`` and ``repr()`` give the sentences.

    Attributes
    ----------
    rule
        Label of the rule.
    known
        What one's own records say something of: ``"other data sets"``, ``"same data set"`` (one labelled data set: its
        seeds were split) or ``"nothing"``; ``"evidence"`` where there are none, and the evidence was the proxy;
        ``"never backtested"`` where it was not trained as that was; ``"labels"`` where a few labels picked.
    p, low, high
        Probability that the rule's pick beats a random run, and its interval; NaN where nothing is known. With one
        data set: on new seeds of the same.
    regret
        Mean distance to the best run in units of `score`.
    picked, average, best
        Mean score of the rule's picks, of the average run beside them, and of the best one.
    n_datasets, n_runs, score, level
        What the numbers rest on.
    why
        With ``"nothing"``: the reason.
    next_low, next_high
        Between which the pick on one more data set is expected (one data set: those of single splits lay).
    decision
        ``"use it"``, ``"better than nothing"`` or ``"do not rely on this pick: label a few images instead"``; see
        `decide`. After a pick by labels, ``"label more images"`` in place of the last.
    published
        What the same rule did on the published records with as many proxies, or None.
    words
        The rule in plain words.
    note
        What else bears on the pick: how far its data are from those that the rule was tried on.
    """

    rule: str
    known: str
    p: float = np.nan
    low: float = np.nan
    high: float = np.nan
    regret: float = np.nan
    picked: float = np.nan
    average: float = np.nan
    best: float = np.nan
    n_datasets: int = 0
    n_runs: int = 0
    score: str = ""
    level: float = 0.95
    why: str = ""
    next_low: float = np.nan
    next_high: float = np.nan
    decision: str = DO_NOT
    published: Evidence | None = None
    words: str = ""
    note: str = ""

    def __str__(self) -> str:
        own: dict[str, Callable[[], str]] = {"nothing": self._nothing, "evidence": str, "never backtested": self._never}
        own |= {"labels": lambda: self.why}
        own |= {"same data set": self._one_data_set, "other data sets": self._data_sets}
        parts = [self._published(), own[self.known](), self.note, _DECISIONS[self.decision]]
        if self.known == "other data sets":
            parts[:2] = parts[1::-1]
        return " ".join(filter(None, parts))

    def _published(self) -> str:
        if self.published is None:
            return ""
        found = self.published
        least = "" if found.fewest in (None, found.n_proxies) else f"{found.fewest} to "
        learned = "one data set" if found.n_proxies == 1 else f"{least}{found.n_proxies} data sets"
        sets = f"{len(found.values)} published data sets"
        if found.added:
            sets = f"{len(found.values)} data sets (the published ones, and {found.added} with runs that you added)"
        if found.added == len(found.values):
            sets = f"{found.added} data sets (all with runs that you added)"
        moved = found.moved and (
            " Had any one kind of data sets been missing from what it learned from, it would have been better than "
            f"{found.moved} on average."
        )
        return (
            f"The rule '{self.rule}' means: {self.words}. On {sets} whose labels were hidden "
            f"from it, with {learned} to learn from, its pick beat a random run with probability "
            f"{bracket(found.p, found.low, found.high)} (in brackets: the 95% interval of the average): of 100 trained "
            f"runs it was better than {100 * found.p:.0f} on average, where a blind draw is better than 50; on one "
            f"more data set, than {100 * found.next_low:.0f} to {100 * found.next_high:.0f}.{moved}"
        )

    def _nothing(self) -> str:
        if self.published is None:
            return _NOTHING.format(rule=self.rule, why=self.why)
        return f"Your own runs add nothing to that: {self.why}."

    def _never(self) -> str:
        return f"This transfer was never backtested, so that there is no number for it: {self.why}."

    def _one_data_set(self) -> str:
        text = (
            f"Your own runs {self._tell}: on the one labelled data set ({self.n_runs} runs), with half of its seeds as "
            f"the proxy and the other half as the target, rule '{self.rule}' beat a random run with {self._numbers} on "
            f"average, and with {self.next_low:.2f} to {self.next_high:.2f} in single splits. {self._gain}"
        )
        return text + (" Nothing is known of how it does on another data set." if self.published is None else "")

    def _data_sets(self) -> str:
        return (
            f"Over {self.n_datasets} labelled data sets ({self.n_runs} runs), each played as the target in turn, rule "
            f"'{self.rule}' beat a random run with {self._numbers} on average; on one more data set "
            f"{self.next_low:.2f} to {self.next_high:.2f} is to be expected. {self._gain} {self._verdict}"
        )

    @property
    def _numbers(self) -> str:
        return f"probability {bracket(self.p, self.low, self.high)} (random: 0.50)"

    @property
    def _gain(self) -> str:
        return (
            f"Its picks had a {self.score} of {self.picked:.3g} on average, against {self.average:.3g} for the average "
            f"run ({self.picked - self.average:+.3g}) and {self.best:.3g} for the best."
        )

    @property
    def _tell(self) -> str:
        if self.low > 0.5:
            return "say that it is better than chance on new seeds"
        return "say that it is worse than chance on new seeds" if self.high < 0.5 else "cannot tell"

    __repr__ = __str__

    @property
    def _verdict(self) -> str:
        if self.low > 0.5:
            return "That is better than chance."
        if self.high < 0.5:
            return "That is worse than chance: do not use it."
        return "That cannot be told from chance."

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers and the sentence, ready for JSON: NaN becomes None."""
        names = ("p", "low", "high", "next_low", "next_high", "regret", "picked", "average", "best")
        numbers = {name: None if pd.isna(value := getattr(self, name)) else value for name in names}
        texts = ("rule", "known", "n_datasets", "n_runs", "score", "level", "why", "decision", "words", "note")
        published = self.published and {
            name: getattr(self.published, name)
            for name in ("fewest", "n_proxies", "added", "p", "low", "high", "next_low", "next_high", "without_one")
        }
        rest = {name: getattr(self, name) for name in texts}
        return {**rest, **numbers, "published": published, "text": str(self)}


def trust(
    rule: Picker, evidence: BacktestResult | pd.DataFrame | None, *, target: str | None = None, **options: Any
) -> Trust:
    """Say what is known of `rule`, from one's own records and from the published ones.

    Parameters
    ----------
    rule
        The rule that picked.
    evidence
        A backtest that holds the rule; or labelled records, to be backtested here (leave out those of the target that
        the pick is for: they are its answer); or None where there are none.
    target
        Name of the data set that the pick is for: left out of the published records, should they have it.
    **options
        With records: for `backtest`, such as ``score`` and ``seed``.

    Returns
    -------
    Trust
        Where records cannot be backtested: that they say nothing, and why.

    Raises
    ------
    SelectdisError
        The backtest did not try this rule.
    """
    if evidence is None:
        return _told(rule, None, "no labelled data set was given", options.get("score", WIN_RATE), target)
    if isinstance(evidence, BacktestResult):
        return _told(rule, evidence, "", evidence.score, target)
    try:
        result = backtest(evidence, [rule], **options)
    except SelectdisError as error:
        return _told(rule, None, str(error), options.get("score", WIN_RATE), target)
    return _told(rule, result, "", result.score, target)


def trust_of_evidence(
    rule: Picker,
    part: str,
    *,
    score: str = WIN_RATE,
    target: str | None = None,
    without_objectives: Collection[str] = (),
) -> Trust:
    """Say what is known of `rule` where a part of the evidence was its proxy: what it did on each of its families.

    Parameters
    ----------
    rule
        The rule that picked.
    part
        Of the evidence.
    score, target
        As of `trust`.
    without_objectives
        What the target cannot be trained with, so that the number is one of runs without it.
    """
    everything = evidence(part)[DATASET].nunique()
    without = [target] if target else []
    found = published_evidence(
        rule, everything, score=score, without=without, without_objectives=without_objectives, part=part
    )
    if found is None:
        why = f"the part {part} of the evidence has fewer than two families of data sets"
        return Trust(rule.label, "nothing", why=why, words=in_words(rule))
    if isinstance(rule, Rule) and rule.configuration is not None:  # otherwise a model is learned, or nothing is
        moved = without_one_family(rule, part, score=score, without=without, without_objectives=without_objectives)
        found = replace(found, without_one=moved)
    words, decision = in_words(rule), decide({}, found)
    return Trust(rule.label, "evidence", score=str(score), decision=decision, published=found, words=words)


def trust_in_labels(rule: Picker, n_labels: int, n_configurations: int) -> Trust:
    """Say what picks by as many labels were worth on the families that judge; see `decide` for the decision.

    Labels choose the better the more `n_configurations` the runs are of.
    """
    worth, why = label_worth(n_labels, n_configurations), worth_sentence(n_labels, n_configurations)
    said = Trust(rule.label, "labels", why=why, decision=MORE, words=in_words(rule))
    if worth is None:
        return said
    decision = USE if worth.low > 0.5 else BETTER if worth.p >= _LEAST_MEAN else MORE
    return replace(said, p=worth.p, low=worth.low, high=worth.high, decision=decision)


def never_backtested(rule: Picker, departures: Sequence[str]) -> Trust:
    """Say that nothing is known of `rule` where runs were trained otherwise than the evidence was, and how."""
    return Trust(rule.label, "never backtested", why="; ".join(departures), decision=UNKNOWN, words=in_words(rule))


def decide(own: dict[str, float], published: Evidence | None) -> str:
    """Return what to do with a pick, from what its rule did on data sets that played the target.

    One value counts for each data set, one's own or published; where it is both, their mean. "Use it": three values or
    more, whose interval lies above one half. "Better than nothing": two or more with a mean of at least 0.55.
    Otherwise, and where one's own alone are worse than chance: do not rely on it. ``benchmarks/published_numbers.py``
    measures how often picks of each kind are bad.

    Parameters
    ----------
    own
        Data set -> P(the pick beats a random run); none where there is one data set only.
    published
        From `published_evidence`, or None.
    """
    if len(own) > 1 and probability_interval(np.array(list(own.values())))[1] < 0.5:
        return DO_NOT
    others = {} if published is None else published.values
    both = [{**others, **own}, {**own, **others}]
    values = np.array([np.mean([table[name] for table in both]) for name in both[0]])
    if len(values) > 2 and probability_interval(values)[0] > 0.5:
        return USE
    return BETTER if len(values) > 1 and values.mean() >= _LEAST_MEAN else DO_NOT


def _told(rule: Picker, result: BacktestResult | None, why: str, score: str, target: str | None) -> Trust:
    row = None if result is None else result.row(rule)
    try:
        n_proxies = 1 if result is None else result.n_datasets
        published = published_evidence(rule, n_proxies, score=score, without=[target] if target else [])
    except SelectdisError:  # the rule or the score reads what the published records do not have
        published = None
    label = rule.label if row is None else str(row["rule"])
    told = Trust(label, "nothing", why=why, decision=decide({}, published), published=published, words=in_words(rule))
    if result is None or row is None:
        return told
    if row["datasets"] == 0:
        return replace(told, why=result.not_judged.loc[result.not_judged["rule"] == label, "why"].iloc[0])
    return _with_own(told, result, row)


def _with_own(told: Trust, result: BacktestResult, row: pd.Series) -> Trust:
    where = result.by_dataset[result.by_dataset["rule"] == row["rule"]]
    alone = result.n_datasets == 1
    own = {} if alone else dict(zip(where["dataset"], where["p"], strict=True))
    return replace(
        told,
        known="same data set" if alone else "other data sets",
        p=float(row["p_beats_random"]),
        low=float(row["p_low"]),
        high=float(row["p_high"]),
        next_low=float(row["next_low"]),
        next_high=float(row["next_high"]),
        regret=float(row["regret"]),
        picked=float(where["score"].mean()),
        average=float(where["mean"].mean()),
        best=float(where["best"].mean()),
        n_datasets=int(row["datasets"]),
        n_runs=result.n_runs,
        score=result.score.replace("_", " "),
        level=result.level,
        decision=DO_NOT if row["p_high"] < 0.5 else decide(own, told.published),
    )


def in_words(rule: Picker) -> str:
    """Return what a rule does, for somebody who knows none of its names."""
    if not isinstance(rule, Rule):
        return f"whatever {rule.label!r} says"
    best = "the settings that scored best" if rule.top == 1 else f"the {rule.top} settings that scored best"
    first = "of all runs" if rule.configuration is None else f"train {best} on labelled images; of their runs"
    return f"{first} take {getattr(rule.run, 'words', None) or f'the one that {rule.run.label!r} puts first'}"


def by_what(part: ConfigurationScore | RunChooser) -> str:
    """Return what a half of a rule, its configuration or its run, goes by: ``win rate``, ``UDR (lasso)``."""
    return getattr(part, "goes_by", None) or part.label
