"""How far a pick can be trusted, in a sentence or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.selection._backtest import BacktestResult, Picker, backtest

__all__ = ["Trust", "trust"]

_UNKNOWN = (
    "Nothing is known of how rule '{rule}' does on another data set: {why}. "
    "A backtest needs at least two labelled data sets."
)


@dataclass(frozen=True, repr=False)
class Trust:
    """What a backtest says of one rule; ``str()`` and ``repr()`` give the sentences.

    Attributes
    ----------
    rule
        Label of the rule.
    known
        ``"other data sets"``, ``"same data set"`` (one labelled data set: its seeds were split) or ``"nothing"``.
    p, low, high
        Probability that the rule's pick beats a random run, and its interval; NaN where nothing is known.
    regret
        Mean distance to the best run in units of `score`.
    picked, average, best
        Mean score of the rule's picks, of the average run beside them, and of the best one.
    n_datasets, n_runs, score, level
        What the numbers rest on.
    why
        With ``"nothing"``: the reason.
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

    def __str__(self) -> str:
        if self.known == "nothing":
            return _UNKNOWN.format(rule=self.rule, why=self.why)
        numbers = f"probability {self.p:.2f} [{self.low:.2f}, {self.high:.2f}] (random: 0.50)"
        gain = (
            f"Its picks had a {self.score} of {self.picked:.3g} on average, against {self.average:.3g} for the average "
            f"run ({self.picked - self.average:+.3g}) and {self.best:.3g} for the best."
        )
        if self.known == "same data set":
            return (
                f"On the one labelled data set ({self.n_runs} runs), with half of its seeds as the proxy and the other "
                f"half as the target, rule '{self.rule}' beat a random run with {numbers}. {gain} "
                "Nothing is known of how it does on another data set."
            )
        return (
            f"Over {self.n_datasets} labelled data sets ({self.n_runs} runs), each played as the target in turn, rule "
            f"'{self.rule}' beat a random run with {numbers}. {gain} {self._verdict}"
        )

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
        numbers = {
            name: None if pd.isna(value := getattr(self, name)) else value
            for name in ("p", "low", "high", "regret", "picked", "average", "best")
        }
        rest = {
            name: getattr(self, name) for name in ("rule", "known", "n_datasets", "n_runs", "score", "level", "why")
        }
        return {**rest, **numbers, "text": str(self)}


def trust(rule: Picker, evidence: BacktestResult | pd.DataFrame | None, **options: Any) -> Trust:
    """Say what is known of `rule`.

    Parameters
    ----------
    rule
        The rule that picked.
    evidence
        A backtest that holds the rule; or labelled records, to be backtested here (leave out those of the target that
        the pick is for: they are its answer); or None where there are none.
    **options
        With records: for `backtest`, such as ``score`` and ``seed``.

    Returns
    -------
    Trust
        Where records cannot be backtested: that nothing is known, and why.

    Raises
    ------
    SelectdisError
        The backtest did not try this rule.
    """
    if isinstance(evidence, BacktestResult):
        return _told(rule, evidence)
    if evidence is None:
        return Trust(rule.label, "nothing", why="no labelled data set was given")
    try:
        return _told(rule, backtest(evidence, [rule], **options))
    except SelectdisError as error:
        return Trust(rule.label, "nothing", why=str(error))


def _told(rule: Picker, result: BacktestResult) -> Trust:
    row = result.row(rule)
    where = result.by_dataset[result.by_dataset["rule"] == row["rule"]]
    return Trust(
        rule=str(row["rule"]),
        known="same data set" if result.n_datasets == 1 else "other data sets",
        p=float(row["p_beats_random"]),
        low=float(row["p_low"]),
        high=float(row["p_high"]),
        regret=float(row["regret"]),
        picked=float(where["score"].mean()),
        average=float(where["mean"].mean()),
        best=float(where["best"].mean()),
        n_datasets=result.n_datasets,
        n_runs=result.n_runs,
        score=result.score.replace("_", " "),
        level=result.level,
    )
