"""Choosing a run on the target: a function of the proxies that gives a function of the target's runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import CRITERION, METRIC, direction, need, score_label
from selectdis.selection._scores import beats

__all__ = [
    *("AverageChooser", "CriterionChooser", "FewLabelsChooser", "RandomChooser", "RunChooser", "RunScores"),
    *("at_random", "by_average", "by_criterion", "by_few_labels", "labels_taken"),
]

RunScores = Callable[[pd.DataFrame], np.ndarray]
"""(n_runs rows) -> (n_runs,): higher is better, equal scores share the pick, and NaN never wins."""


def labels_taken(name: str) -> int | None:
    """Return how many labels a score took by its name (``mig.few100``, ``downstream_lr_100``); None: all there are."""
    found = re.search(r"(?:_|\.few)(\d+)(?:_|\.|$)", name)
    return int(found[1]) if found else None


class RunChooser(Protocol):
    """What a rule asks of its `run`. Anything with these attributes will do.

    Two more are read where they are there, for sentences: `goes_by`, a few words ("chance", "UDR (lasso)"), and
    `words`, which run it takes ("the one with the highest UDR (lasso)").
    """

    @property
    def label(self) -> str: ...

    @property
    def target_columns(self) -> tuple[str, ...]:
        """The ``metric.`` columns that it may see on the target: labels that the user would have to pay for."""
        ...

    def fit(self, proxies: pd.DataFrame) -> RunScores: ...


@dataclass(frozen=True, repr=False)
class RandomChooser:
    """Any run, each as likely as the other."""

    label = "random"
    goes_by = "chance"
    words = "any"
    target_columns: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "at_random()"

    def fit(self, proxies: pd.DataFrame) -> RunScores:
        return lambda target: np.zeros(len(target))


@dataclass(frozen=True, repr=False)
class CriterionChooser:
    """The run with the best unsupervised score on the target."""

    name: str
    higher_is_better: bool | None = None
    target_columns: tuple[str, ...] = ()

    def __repr__(self) -> str:
        way = "" if self.higher_is_better is None else f", higher_is_better={self.higher_is_better}"
        return f"by_criterion({self.name!r}{way})"

    @property
    def label(self) -> str:
        return {None: "", True: "+", False: "-"}[self.higher_is_better] + self.name

    @property
    def goes_by(self) -> str:
        return {None: "", True: "the highest ", False: "the lowest "}[self.higher_is_better] + score_label(self.name)

    @property
    def words(self) -> str:
        way = "highest" if self.sign > 0 else "lowest"
        return f"the one with the {way} {score_label(self.name)}, a score that needs no labels"

    @property
    def sign(self) -> int:
        if self.higher_is_better is None:
            return direction(self.name)
        return 1 if self.higher_is_better else -1

    def fit(self, proxies: pd.DataFrame) -> RunScores:
        column = CRITERION + self.name

        def scores(target: pd.DataFrame) -> np.ndarray:
            need(target, column)  # before its direction: a misspelt name has none
            return self.sign * target[column].to_numpy(dtype=float)

        return scores


@dataclass(frozen=True, repr=False)
class AverageChooser:
    """The run that beats most others on the target by several unsupervised scores, averaged."""

    names: tuple[str, ...]
    target_columns: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"by_average({list(self.names)})"

    @property
    def label(self) -> str:
        return "+".join(self.names)

    @property
    def goes_by(self) -> str:
        return f"the mean rank by {', '.join(map(score_label, self.names))}"

    @property
    def words(self) -> str:
        return f"the one with the best {self.goes_by.removeprefix('the ')}, which need no labels"

    def fit(self, proxies: pd.DataFrame) -> RunScores:
        columns = [CRITERION + name for name in self.names]

        def scores(target: pd.DataFrame) -> np.ndarray:
            need(target, *columns)
            values = target[columns].to_numpy(dtype=float) * [direction(name) for name in self.names]
            return beats(values).mean(axis=1)

        return scores


@dataclass(frozen=True, repr=False)
class FewLabelsChooser:
    """The run with the best supervised score from a few labels of the target."""

    name: str

    def __post_init__(self) -> None:
        if labels_taken(self.name) is None:
            raise SelectdisError(
                f"by_few_labels needs a score whose name says how many labels it took, such as 'mig.few100'; "
                f"{self.name!r} uses every label, which a target does not have"
            )

    def __repr__(self) -> str:
        return f"by_few_labels({self.name!r})"

    @property
    def label(self) -> str:
        return f"labels:{self.name}"

    @property
    def goes_by(self) -> str:
        return score_label(self.name)

    @property
    def words(self) -> str:
        name = score_label(self.name.partition(".few")[0])
        return f"the one with the best {name} on {labels_taken(self.name):,} labelled images of the target"

    @property
    def target_columns(self) -> tuple[str, ...]:
        return (METRIC + self.name,)

    def fit(self, proxies: pd.DataFrame) -> RunScores:
        column = METRIC + self.name

        def scores(target: pd.DataFrame) -> np.ndarray:
            need(target, column)
            return direction(self.name) * target[column].to_numpy(dtype=float)

        return scores


def at_random() -> RandomChooser:
    """Choose any run of the configurations that are in."""
    return RandomChooser()


def by_criterion(name: str, *, higher_is_better: bool | None = None) -> CriterionChooser:
    """Choose the run with the best criterion.

    Parameters
    ----------
    name
        Such as ``"udr_lasso"``.
    higher_is_better
        Needed where nothing says which way is good; see `direction`.
    """
    return CriterionChooser(name, higher_is_better)


def by_average(names: Sequence[str]) -> AverageChooser:
    """Choose the run that beats most of the others by several criteria: the mean of the shares that it beats.

    Parameters
    ----------
    names
        Such as ``["udr_lasso_pool", "model_centrality"]``; which way each is good is known.
    """
    return AverageChooser(tuple(names))


def by_few_labels(name: str) -> FewLabelsChooser:
    """Choose the run with the best score from a few labels on the target.

    Parameters
    ----------
    name
        Such as ``"mig.few100"``.

    Raises
    ------
    SelectdisError
        The name carries no number of labels: a score from every label would be the oracle.
    """
    return FewLabelsChooser(name)
