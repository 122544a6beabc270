"""The rule `auto`: whichever of a short written list did best when each proxy was the target in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import DATASET, families
from selectdis.selection._configurations import by_win_rate
from selectdis.selection._folds import judged_runs, worth_of_pick
from selectdis.selection._intervals import UNIFORM_VARIANCE
from selectdis.selection._rules import FittedRule, Rule
from selectdis.selection._run_choosers import by_criterion
from selectdis.selection._scores import WIN_RATE, beats, current_score_name
from selectdis.selection.learned._hierarchical import hierarchical

__all__ = ["Auto", "Choice", "auto", "choose", "listed_rules", "standard_error", "worths"]


@lru_cache(maxsize=1)
def listed_rules() -> tuple[Rule, ...]:
    """Return the list of docs/evidence.md, the simplest first."""
    return (
        Rule(by_win_rate(), by_criterion("udr_lasso")),
        Rule(by_win_rate(), by_criterion("udr_lasso_pool")),
        Rule(by_win_rate(), by_criterion("model_centrality")),
        Rule(by_win_rate(), by_criterion("udr_lasso"), top=3),
        Rule(None, hierarchical()),
    )


@dataclass(frozen=True)
class Choice:
    """Which rule was chosen, and why.

    Attributes
    ----------
    rule
        The rule.
    why
        A sentence.
    values
        (rules, data sets): P(the pick beats a random run) with the data sets of other families as proxies; NaN where a
        rule has nothing to go by.
    """

    rule: Rule
    why: str
    values: pd.DataFrame


@dataclass(frozen=True)
class AutoScores:
    """What the chosen rule says of the target's runs, NaN of those that it would not pick."""

    choice: Choice
    fitted: FittedRule

    def __call__(self, target: pd.DataFrame) -> np.ndarray:
        allowed, scores = self.fitted.scores(target)
        return np.where(allowed, scores, np.nan)

    @property
    def why(self) -> str:
        return self.choice.why


@dataclass(frozen=True, repr=False)
class Auto:
    """A chooser that takes the rule that the proxies speak for; see `auto`."""

    rules: tuple[Rule, ...] = ()
    score: str = WIN_RATE
    target_columns: tuple[str, ...] = ()

    label = "auto"

    @property
    def words(self) -> str:
        return (
            f"the one that the best of {len(self.rules or listed_rules())} rules picks, the simplest of those that did "
            "best when each labelled data set was the target in turn"
        )

    def __repr__(self) -> str:
        given = [f"{list(self.rules)}"] if self.rules else []
        return f"auto({', '.join(given + ([] if self.score == WIN_RATE else [f'score={self.score!r}']))})"

    def fit(self, proxies: pd.DataFrame) -> AutoScores:
        """Choose a rule, and let it learn on all proxies."""
        choice = self.choice(proxies)
        return AutoScores(choice, choice.rule.fit(proxies))

    def choice(self, proxies: pd.DataFrame) -> Choice:
        """Return which rule the proxies speak for, and why."""
        rules = self.rules or listed_rules()
        try:
            judged, scores, _ = judged_runs(proxies, self.score)
        except SelectdisError as error:
            return Choice(rules[0], f"{rules[0].label!r}, the simplest: {error}", pd.DataFrame())
        return choose(rules, worths(rules, judged, scores))


def auto(rules: Sequence[Rule] | None = None, *, score: str = WIN_RATE) -> Auto:
    """Let the proxies choose the rule: each is the target in turn, and the simplest of the best is taken.

    Of the rules, in their order, the first whose mean P(the pick beats a random run) over the proxies lies at most one
    standard error of the difference below that of the best (the one-standard-error rule of Breiman et al. 1984). The
    variance of the difference is moderated by one prior degree of freedom at 1/12, so that few proxies speak for the
    simplest. With fewer than two proxies it is the first rule.

    Parameters
    ----------
    rules
        The simplest first; default: the list of docs/evidence.md.
    score
        What picks on the proxies are judged by.
    """
    return Auto(() if rules is None else tuple(rules), current_score_name(score))


def worths(rules: Sequence[Rule], judged: pd.DataFrame, scores: np.ndarray) -> pd.DataFrame:
    """Return P(the pick beats a random run), rules by data sets, each with the data sets of other families as proxies.

    `judged` and `scores` are as from `judged_runs`.
    """
    kinds = families(judged)
    columns = {}
    for name in judged[DATASET].unique():
        here = (judged[DATASET] == name).to_numpy()
        proxies, target, shares = judged[kinds != kinds[here][0]], judged[here], beats(scores[here])
        if len(proxies):
            columns[str(name)] = [_worth(rule, proxies, target, shares) for rule in rules]
    return pd.DataFrame(columns, index=[rule.label for rule in rules])


def _worth(rule: Rule, proxies: pd.DataFrame, target: pd.DataFrame, shares: np.ndarray) -> float:
    try:
        return worth_of_pick(rule, lambda: rule.fit(proxies), target, shares)
    except SelectdisError:  # it reads a column that these records do not have
        return float("nan")


def standard_error(differences: np.ndarray) -> float:
    """Return that of the mean of two or more differences of P, the variance moderated by one prior value of 1/12."""
    count = len(differences)
    return float(np.sqrt(((count - 1) * differences.var(ddof=1) + UNIFORM_VARIANCE) / count / count))


def choose(rules: Sequence[Rule], values: pd.DataFrame) -> Choice:
    """Return the first rule that is at most one standard error worse than the best one; see `auto`."""
    simplest, count = rules[0], values.shape[1]
    if count < 2:
        return Choice(simplest, f"{simplest.label!r}, the simplest: one data set cannot tell rules apart", values)
    table = values.to_numpy()
    known = np.flatnonzero(np.isfinite(table).all(axis=1))
    if len(known) == 0:
        return Choice(simplest, f"{simplest.label!r}, the simplest: no rule has something to go by everywhere", values)
    best = int(known[table[known].mean(axis=1).argmax()])
    for chosen in map(int, known):
        lost = table[best] - table[chosen]
        error = standard_error(lost)
        if lost.mean() <= error:
            break
    won = f"{rules[chosen].label!r} ({table[chosen].mean():.2f} over {count} labelled data sets"
    if chosen == best:
        return Choice(rules[chosen], f"{won}, the best of {len(known)} rules)", values)
    rest = f"; {rules[best].label!r} has {table[best].mean():.2f}, within one standard error ({error:.2f}): the simpler"
    return Choice(rules[chosen], f"{won}{rest} is taken)", values)
