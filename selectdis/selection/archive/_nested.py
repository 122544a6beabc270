"""What a rule adds to a list of rules, where the data set that judges it chose nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from selectdis.records import DATASET, families
from selectdis.selection._folds import Picker, worth_of_pick
from selectdis.selection._rules import Rule
from selectdis.selection._scores import beats
from selectdis.selection.learned._auto import choose

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

    def chosen(self, rules: Sequence[Rule]) -> pd.DataFrame:
        """Return which of `rules` is chosen for each data set by the others, and its P there: ``rule``, ``p``."""
        labels = [rule.label for rule in rules]
        rows = {}
        for name, values in self.inner.items():
            label = choose(rules, values.loc[labels].dropna(axis="columns", how="all")).rule.label
            rows[name] = {"rule": label, "p": self.outer.loc[label, name]}
        return pd.DataFrame(rows).T.astype({"p": float})


def nested(rules: Sequence[Rule], judged: pd.DataFrame, scores: np.ndarray) -> Nested:
    """Let every data set be the target, and inside of each such fold every other one that is not of its family."""
    rules = tuple({rule.label: rule for rule in rules}.values())
    labels = [rule.label for rule in rules]
    kinds = families(judged)
    of = dict(zip(judged[DATASET], kinds, strict=True))
    targets = {name: judged[judged[DATASET] == name] for name in of}
    shares = {name: beats(scores[(judged[DATASET] == name).to_numpy()]) for name in of}
    known: dict[tuple[frozenset, str], list[float]] = {}  # what is left out for (a, b) is left out for (b, a)

    def worth(name: str, without: frozenset) -> list[float]:
        if (without, name) not in known:
            proxies = judged[~pd.Series(kinds).isin(without).to_numpy()]
            known[without, name] = [_worth(rule, proxies, targets[name], shares[name]) for rule in rules]
        return known[without, name]

    outer = pd.DataFrame({name: worth(name, frozenset([of[name]])) for name in of}, index=labels)
    inner = {
        name: pd.DataFrame(
            {one: worth(one, frozenset([of[name], of[one]])) for one in of if of[one] != of[name]}, index=labels
        )
        for name in of
    }
    return Nested(rules, outer, inner)


def _worth(rule: Picker, proxies: pd.DataFrame, target: pd.DataFrame, shares: np.ndarray) -> float:
    return worth_of_pick(rule, proxies, target, shares) if len(proxies) else float("nan")
