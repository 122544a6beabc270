"""What to train on a data set that nobody has labelled: good configurations, and different ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from selectdis.records import CONFIGURATION, OBJECTIVE, families, pickable
from selectdis.selection._rules import Rule
from selectdis.selection._scores import run_scores

__all__ = ["SEEDS", "Portfolio", "plan_runs", "portfolio", "shrunk_scores"]

SEEDS, MOST_SEEDS = 5, 10  # of a configuration: as the evidence has them, and where there is time for more


class Portfolio(NamedTuple):
    """Configurations to train, the most wanted first, and how many seeds each gets."""

    configurations: list[str]
    seeds: int


def shrunk_scores(records: pd.DataFrame, score: str) -> pd.Series:
    """Return configurations with their mean score, shrunk to the mean of all by what data sets and seeds blur.

    With m_c the mean of a configuration over families, s_c^2 / F the squared error of that mean, from its spread over
    the F families, and v the variance of the m_c: the factor is 1 - mean(s_c^2 / F) / v, and at least 0 (the
    estimator of James and Stein, for configurations that all families have).

    Parameters
    ----------
    records
        Labelled runs, one row each.
    score
        ``"win_rate"`` or a metric.

    Returns
    -------
    Series
        Index configuration, best first.
    """
    runs = records[pickable(records)]
    scores = pd.Series(run_scores(runs, score), index=runs.index)
    table = scores.groupby([runs[CONFIGURATION], families(runs)]).mean().unstack()
    means = table.mean(axis=1)
    count = table.notna().sum(axis=1)
    blur, spread = float((table.var(axis=1) / count).mean()), float(means.var())
    kept = 1.0 if np.isnan(blur) or spread == 0 else max(1 - blur / spread, 0.0)
    return (means.mean() + kept * (means - means.mean())).sort_values(ascending=False, kind="stable")


def portfolio(records: pd.DataFrame, rule: Rule, score: str) -> list[str]:
    """Return all configurations in the order in which they are worth training.

    First those that `rule` chooses from, as it was backtested; then the best of each objective that is not among them,
    so that a few labels choose among runs that differ; then the others. Within these by `shrunk_scores`.
    """
    scores = shrunk_scores(records, score)
    order = [str(name) for name in scores.index]
    objective = records.drop_duplicates(CONFIGURATION).set_index(CONFIGURATION)[OBJECTIVE]
    first = [] if rule.configuration is None else rule.configurations(records)[: rule.top]
    seen = {objective[name] for name in first}
    others: list[str] = []
    for name in order:
        if name not in first and objective[name] not in seen:
            seen.add(objective[name])
            others.append(name)
    return list(dict.fromkeys([*first, *others, *order]))


def plan_runs(order: list[str], runs: int) -> Portfolio:
    """Share `runs` among configurations: five seeds each for as many as there is time for, more where all have them.

    Seeds come first: what a run is worth without labels is seen by what the other seeds of its configuration learned.

    Parameters
    ----------
    order
        From `portfolio`.
    runs
        How many can be trained.
    """
    count = min(max(runs // SEEDS, 1), len(order))
    return Portfolio(order[:count], min(max(runs // count, 1), MOST_SEEDS))
