"""What a rule did on the published records, which come with the package, by the number of proxies that it had."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import pandas as pd

from selectdis.records import DATASET
from selectdis.selection._folds import Picker, judged_runs, worth_of_pick
from selectdis.selection._intervals import prediction_range, probability_interval
from selectdis.selection._scores import WIN_RATE, beats

__all__ = ["Evidence", "published_evidence", "published_records", "worths_by_proxies"]


@dataclass(frozen=True)
class Evidence:
    """What a rule did on data sets that each played the unlabelled target.

    Attributes
    ----------
    n_proxies
        How many labelled data sets the rule had to learn from.
    values
        Data set -> P(the pick beats a random run), the mean over the choices of its proxies.
    p, low, high
        Mean over data sets, and its interval.
    next_low, next_high
        Between which the pick on one more data set is expected, whichever its proxies are.
    """

    n_proxies: int
    values: dict[str, float]
    p: float
    low: float
    high: float
    next_low: float
    next_high: float

    @classmethod
    def of(cls, n_proxies: int, worths: Mapping[str, np.ndarray]) -> Evidence | None:
        """Sum up data set -> P(the pick beats a random run) for each choice of proxies; None with one data set."""
        known = {name: values[~np.isnan(values)] for name, values in worths.items()}
        known = {name: values for name, values in known.items() if len(values)}
        if len(known) < 2:
            return None
        means = {name: float(values.mean()) for name, values in known.items()}
        found = np.array(list(means.values()))
        single = float(np.var(np.concatenate(list(known.values())), ddof=1))
        interval, single_picks = probability_interval(found), prediction_range(found, variance=single)
        return cls(n_proxies, means, float(found.mean()), *interval, *single_picks)


@lru_cache(maxsize=1)
def published_records() -> pd.DataFrame:
    """Return the records of ``studies/transfer-cpu.csv.gz`` with the columns that rules look at."""
    with (files("selectdis.selection") / "published.csv.gz").open("rb") as file:
        return pd.read_csv(file, compression="gzip")


def published_evidence(
    rule: Picker, n_proxies: int, *, score: str | Sequence[str] = WIN_RATE, without: Collection[str] = ()
) -> Evidence | None:
    """Return what `rule` did on the published data sets with so many of the others as proxies.

    Parameters
    ----------
    rule
        The rule.
    n_proxies
        How many labelled data sets it has; more than there are others count as all of them.
    score
        What picks are judged by.
    without
        Names of data sets that are taken for neither, such as the one that the pick is for.

    Returns
    -------
    Evidence or None
        For each data set the mean over all choices of its proxies; None where the rule has nothing to go by on two of
        them.

    Raises
    ------
    SelectdisError
        The published records lack a column that the rule or the score reads.
    """
    records = published_records()
    judged, scores, _ = judged_runs(records[~records[DATASET].isin(list(without))], score)
    known = min(n_proxies, judged[DATASET].nunique() - 1)
    return Evidence.of(known, worths_by_proxies(rule, judged, scores, known))


def worths_by_proxies(rule: Picker, judged: pd.DataFrame, scores: np.ndarray, n_proxies: int) -> dict[str, np.ndarray]:
    """Return data set -> P(the pick beats a random run there), for each choice of `n_proxies` of the others."""
    names = list(judged[DATASET].unique())
    parts = {name: judged[judged[DATASET] == name] for name in names}
    shares = {name: beats(scores[(judged[DATASET] == name).to_numpy()]) for name in names}
    found = {}
    for target in names:
        choices = itertools.combinations([name for name in names if name != target], n_proxies)
        found[target] = np.array(
            [
                worth_of_pick(rule, pd.concat([parts[name] for name in chosen]), parts[target], shares[target])
                for chosen in choices
            ]
        )
    return found
