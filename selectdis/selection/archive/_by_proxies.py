"""What a rule did on the published records, by the number of proxies that it had."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import DATASET, FAMILY, OBJECTIVE, PART, families
from selectdis.selection._folds import Picker, judged_runs, worth_of_pick
from selectdis.selection._intervals import prediction_range, probability_interval
from selectdis.selection._rules import Weights
from selectdis.selection._scores import WIN_RATE, beats
from selectdis.selection.archive._table import evidence, is_added

__all__ = ["Evidence", "published_evidence", "without_one_family", "worths_by_proxies", "worths_without_families"]


@dataclass(frozen=True)
class Evidence:
    """What a rule did on data sets that each played the unlabelled target.

    Attributes
    ----------
    n_proxies
        How many labelled data sets the rule had to learn from, at most.
    values
        Data set -> P(the pick beats a random run), the mean over the choices of its proxies.
    p, low, high
        Mean over data sets, and its interval.
    next_low, next_high
        Between which the pick on one more data set is expected, whichever its proxies are.
    without_one
        Between which `p` would lie, had any one family not been among the proxies, where `without_one_family` was
        asked.
    fewest
        How many it had at least: fewer, where the target has relatives or its part has few data sets.
    added
        On how many of the data sets runs of one's own count, which ``selectdis evidence add`` put there.
    """

    n_proxies: int
    values: dict[str, float]
    p: float
    low: float
    high: float
    next_low: float
    next_high: float
    without_one: tuple[float, float] | None = None
    fewest: int | None = None
    added: int = 0

    @property
    def moved(self) -> str:
        """`without_one` of 100 runs, in words: ``59 to 80``; nothing where it was not asked."""
        ends = [f"{100 * end:.0f}" for end in self.without_one or ()]
        return " to ".join(dict.fromkeys(ends))

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


CHOICES = 10  # of the proxies of one target, drawn where there are more


def published_evidence(
    rule: Picker,
    n_proxies: int,
    *,
    score: str | Sequence[str] = WIN_RATE,
    without: Collection[str] = (),
    without_objectives: Collection[str] = (),
    part: str | None = None,
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
        Names of data sets that are taken for neither, such as the one that the pick is for; nor are others of their
        families.
    without_objectives
        Whose runs are left out of proxies and targets, and of the runs that a pick is compared with: what cannot be
        trained where the pick is made.
    part
        Of the records, which alone counts; by default all.

    Returns
    -------
    Evidence or None
        For each data set the mean over the choices of its proxies among those of other families, each part of the
        records by itself; None where the rule has nothing to go by on two of them.

    Raises
    ------
    SelectdisError
        No part of the records has the columns that the rule and the score read; one that lacks them is no evidence.
    """
    worths: dict[str, list[np.ndarray]] = {}
    had: set[int] = set()
    added: set[str] = set()
    problems = []
    for runs in _parts(part, without, without_objectives):
        try:
            judged, scores, _ = judged_runs(runs, score)
            by_name = worths_by_proxies(rule, judged, scores, n_proxies)
        except SelectdisError as error:  # one's own may lack a column: the published ones still count
            problems.append(error)
            continue
        kinds = dict(zip(judged[DATASET], families(judged), strict=True))
        known = [name for name, found in by_name.items() if not np.isnan(found).all()]
        had.update(min(n_proxies, sum(kind != kinds[name] for kind in kinds.values())) for name in known)
        added.update(known if is_added(str(judged[PART].iloc[0])) else ())
        for name in known:
            worths.setdefault(name, []).append(by_name[name])
    if problems and not worths:
        raise problems[0]
    told = Evidence.of(max(had, default=0), {name: np.concatenate(found) for name, found in worths.items()})
    return told and replace(told, fewest=min(had), added=len(added))


def _parts(part: str | None, without: Collection[str], without_objectives: Collection[str]) -> Iterator[pd.DataFrame]:
    """Yield the runs of each part of the records that has two families or more."""
    table = evidence(part)
    table = table[~table[OBJECTIVE].isin(list(without_objectives))]
    left_out = table.loc[table[DATASET].isin(list(without)), FAMILY]
    for _, runs in table[~table[FAMILY].isin(left_out)].groupby(PART, sort=False):
        if runs[FAMILY].nunique() > 1:
            yield runs.dropna(axis="columns", how="all")


def without_one_family(
    rule: Picker,
    part: str,
    *,
    score: str | Sequence[str] = WIN_RATE,
    without: Collection[str] = (),
    without_objectives: Collection[str] = (),
) -> tuple[float, float] | None:
    """Return the least and the largest mean P(the pick beats a random run), had one family not been among the proxies.

    The data sets that play the target stay the same. The interval of `published_evidence` is one over data sets, with
    the proxies as they are: a rule that hangs on one of them shows here alone. None with fewer than three families, or
    fewer than two data sets on which the rule has something to go by whichever is missing.
    Options are those of `published_evidence`. It fits the rule once for each two families.
    """
    runs = next(_parts(part, without, without_objectives), None)
    if runs is None:
        return None
    judged, scores, _ = judged_runs(runs, score)
    if len(set(families(judged))) < 3:
        return None
    known = worths_without_families(rule, judged, scores).dropna()
    if len(known) < 2:
        return None
    means = known.mean()
    return float(means.min()), float(means.max())


def worths_without_families(rule: Picker, judged: pd.DataFrame, scores: np.ndarray) -> pd.DataFrame:
    """Return P(the pick beats a random run), data sets by the family that is missing among their proxies.

    A data set's own family is never among them: its column has what the rule did with all proxies. Three families or
    more; `judged` and `scores` are as from `judged_runs`.
    """
    kinds = families(judged)

    @cache
    def fitted(*left_out: str) -> Weights:
        return rule.fit(judged[~np.isin(kinds, left_out)])

    rows = {}
    for name, family in dict(zip(judged[DATASET], kinds, strict=True)).items():
        here = (judged[DATASET] == name).to_numpy()
        target, shares = judged[here], beats(scores[here])
        pairs = {missing: sorted({family, missing}) for missing in sorted(set(kinds))}
        rows[name] = {
            missing: worth_of_pick(rule, partial(fitted, *pair), target, shares) for missing, pair in pairs.items()
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def worths_by_proxies(rule: Picker, judged: pd.DataFrame, scores: np.ndarray, n_proxies: int) -> dict[str, np.ndarray]:
    """Return data set -> P(the pick beats a random run there), for each choice of its proxies from other families.

    `n_proxies` at most; of more than `CHOICES` choices, so many are drawn.
    """
    names = dict(zip(judged[DATASET], families(judged), strict=True))
    parts = {name: judged[judged[DATASET] == name] for name in names}
    shares = {name: beats(scores[(judged[DATASET] == name).to_numpy()]) for name in names}
    rng = np.random.default_rng(0)

    @cache  # the same proxies come up for many targets
    def fitted(chosen: tuple[str, ...]) -> Weights:
        return rule.fit(pd.concat([parts[name] for name in chosen]))

    found = {}
    for target, family in names.items():
        others = [name for name, own in names.items() if own != family]
        found[target] = np.array(
            [
                worth_of_pick(rule, partial(fitted, chosen), parts[target], shares[target])
                for chosen in _choices(others, min(n_proxies, len(others)), rng)
            ]
        )
    return found


def _choices(names: list[str], size: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Return the choices of `size` of the names; `CHOICES` different ones, drawn, where there are more."""
    if math.comb(len(names), size) <= CHOICES:
        return list(itertools.combinations(names, size))
    drawn: set[tuple[str, ...]] = set()
    while len(drawn) < CHOICES:
        drawn.add(tuple(names[k] for k in sorted(rng.choice(len(names), size, replace=False))))
    return sorted(drawn)
