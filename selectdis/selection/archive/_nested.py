"""What a rule adds to a list of rules, where the data set that judges it chose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import DATASET, families, without_labels
from selectdis.selection._configurations import ConfigurationScore
from selectdis.selection._rules import FittedRule, Rule, shared_pick
from selectdis.selection._scores import beats
from selectdis.selection.learned._auto import choose, standard_error

__all__ = ["Nested", "nested"]


@dataclass(frozen=True)
class Nested:
    """P(the pick beats a random run) of rules, in the outer folds of a backtest and in the folds inside of each.

    Attributes
    ----------
    rules
        In the order in which they are listed.
    outer : DataFrame
        (rules, data sets): with the data sets of all other families as proxies.
    inner : dict
        Data set -> (rules, data sets of the other families): each of them as the target, without the family of the
        first.
    """

    rules: tuple[Rule, ...]
    outer: pd.DataFrame
    inner: dict[str, pd.DataFrame]

    def joined(self, rules: Sequence[Rule], joining: Sequence[Rule]) -> pd.DataFrame:
        """Say for each data set what the others choose of `rules`, and whether one of `joining` is clearly better.

        Returns
        -------
        DataFrame
            ``without``: the rule of `rules` that the other data sets choose; ``chosen``: the best of `joining` where it
            is more than one standard error better than that on the others, and otherwise the same; ``adds``: how much
            P grows by it on the data set itself, NaN where the others cannot tell: they are fewer than two, or none of
            `joining` has something to go by on all of them; ``taken``: whether it did join.
        """
        rows = {}
        for name, values in self.inner.items():
            values = values.dropna(axis="columns", how="all")
            without = choose(rules, values.loc[[rule.label for rule in rules]]).rule.label
            best = values.loc[[rule.label for rule in joining]].dropna().mean(axis=1)
            if not len(best) or values.shape[1] < 2:
                rows[name] = {"without": without, "chosen": without, "adds": np.nan, "taken": False}
                continue
            first = str(best.idxmax())
            won = values.loc[first].to_numpy(float) - values.loc[without].to_numpy(float)
            chosen = first if won.mean() > standard_error(won) else without
            adds = float(self.outer[name][chosen]) - float(self.outer[name][without])
            rows[name] = {"without": without, "chosen": chosen, "adds": adds, "taken": chosen != without}
        return pd.DataFrame.from_dict(rows, orient="index")


def nested(rules: Sequence[Rule], judged: pd.DataFrame, scores: np.ndarray) -> Nested:
    """Let every data set be the target, and inside of each such fold every other one that is not of its family.

    What is learned without the families a and b serves both a's fold and b's.
    """
    rules = tuple({rule.label: rule for rule in rules}.values())
    labels = [rule.label for rule in rules]
    kinds = families(judged)
    of = dict(zip(judged[DATASET], kinds, strict=True))
    here = {name: (judged[DATASET] == name).to_numpy() for name in of}
    targets = {name: _Target(judged[rows], scores[rows]) for name, rows in here.items()}
    learned: dict[frozenset, list[FittedRule | None]] = {}

    def worth(name: str, *without: str) -> list[float]:
        key = frozenset(without)
        if key not in learned:
            learned[key] = _fitted(rules, judged[~pd.Series(kinds).isin(key).to_numpy()])
        return [targets[name].worth(rule, fitted) for rule, fitted in zip(rules, learned[key], strict=True)]

    outer = pd.DataFrame({name: worth(name, of[name]) for name in of}, index=labels)
    inner = {
        name: pd.DataFrame({one: worth(one, of[name], of[one]) for one in of if of[one] != of[name]}, index=labels)
        for name in of
    }
    return Nested(rules, outer, inner)


def _fitted(rules: Sequence[Rule], proxies: pd.DataFrame) -> list[FittedRule | None]:
    """Return what each rule learns from the proxies; None where it has nothing to go by."""
    rankings: dict[ConfigurationScore, pd.Series] = {}
    found: list[FittedRule | None] = []
    for rule in rules:
        try:
            found.append(rule.fit(proxies, rankings) if len(proxies) else None)
        except SelectdisError:
            found.append(None)
    return found


class _Target:
    """The runs of one data set, without their labels, and the share of the others that each beats."""

    def __init__(self, runs: pd.DataFrame, scores: np.ndarray) -> None:
        self._runs, self._shares = runs, beats(scores)
        self._seen: dict[tuple[str, ...], pd.DataFrame] = {}

    def worth(self, rule: Rule, fitted: FittedRule | None) -> float:
        """Return P(the pick beats a random run); NaN where the rule has nothing to go by here."""
        if rule.target_columns not in self._seen:
            self._seen[rule.target_columns] = without_labels(self._runs, rule.target_columns)
        if fitted is None:
            return float("nan")
        try:
            allowed, scores = fitted.scores(self._seen[rule.target_columns])
        except SelectdisError:  # a column is not there
            return float("nan")
        if not allowed.any() or np.isnan(scores[allowed]).all():
            return float("nan")
        return float(shared_pick(allowed, scores) @ self._shares)
