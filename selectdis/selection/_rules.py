"""A rule: configurations by what is known on labelled proxies, then a run by what is known on the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import CANDIDATE, CONFIGURATION, SEED, need, pickable
from selectdis.selection._configurations import ConfigurationScore
from selectdis.selection._run_choosers import RandomChooser, RunChooser, RunScores
from selectdis.selection._scores import NothingToGoByError

__all__ = ["AverageConfiguration", "FittedRule", "Pick", "RandomRun", "Rule", "Weights", "shared_pick"]

Weights = Callable[[pd.DataFrame], np.ndarray]
"""Target's runs -> (n_runs,) probability of picking each; sums to 1."""


@dataclass(frozen=True)
class Pick:
    """The run that a rule picked, and why."""

    candidate: str
    configuration: str
    seed: int | None
    row: object
    tied: int
    why: str


@dataclass(frozen=True)
class FittedRule:
    """A rule that has seen the proxies: the target's runs -> (n_runs,) probability of picking each."""

    ranking: pd.Series | None
    choose: RunScores
    top: int

    def __call__(self, target: pd.DataFrame) -> np.ndarray:
        return shared_pick(*self.scores(target))

    def scores(self, target: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Return which runs may be picked, and the chooser's score of each: (n_runs,) bool and float."""
        allowed = _allowed(target, self.ranking, self.top)
        scores = np.full(len(target), np.nan)
        scores[allowed] = self.choose(target if allowed.all() else target[allowed])
        return allowed, scores


@dataclass(frozen=True)
class Rule:
    """A way to pick one run on a data set without labels.

    Parameters
    ----------
    configuration
        How configurations are ranked on the proxies (`by_mean`, `by_median`, `by_lcb`, `by_win_rate`), or None: every
        configuration is in, and no proxy is needed for this half.
    run
        How the run is chosen on the target among the runs of these configurations (`by_criterion`, `by_few_labels`,
        `calibrated`, `at_random`).
    top
        How many configurations are in: the best `top` that have a finished run on the target. All those tied with the
        last one come in as well.

    Notes
    -----
    Diverged and failed runs are never picked. A NaN score never wins; where every run in question has NaN, any of
    them is as likely as the other, and the pick says so.
    """

    configuration: ConfigurationScore | None = field(default_factory=ConfigurationScore)
    run: RunChooser = field(default_factory=RandomChooser)
    top: int = 1

    def __post_init__(self) -> None:
        if self.top < 1:
            raise SelectdisError(f"a rule needs top >= 1 configurations, got {self.top}")

    @property
    def label(self) -> str:
        """As `parse_rule` reads it, such as ``lcb:mig > udr_lasso @ 3``."""
        configuration = "any" if self.configuration is None else self.configuration.label
        return f"{configuration} > {self.run.label}" + (f" @ {self.top}" if self.top > 1 else "")

    @property
    def target_columns(self) -> tuple[str, ...]:
        return self.run.target_columns

    def configurations(self, proxies: pd.DataFrame) -> list[str]:
        """Return the `top` configurations on the proxies, best first: what to train on the target.

        Where every configuration is in: all of them, those with the best win rate first.
        """
        proxies = proxies[pickable(proxies)]
        if self.configuration is not None:
            return [str(name) for name in _best(self.configuration.scores(proxies), self.top)]
        names = [str(name) for name in proxies[CONFIGURATION].unique()]
        try:
            ranked = [str(name) for name in ConfigurationScore().scores(proxies).index]
        except SelectdisError:  # nothing is known of which are good
            ranked = []
        return list(dict.fromkeys([*ranked, *names]))

    def fit(self, proxies: pd.DataFrame, rankings: dict[ConfigurationScore, pd.Series] | None = None) -> FittedRule:
        """Learn from the proxies; the result maps the target's runs to the probability of picking each.

        Parameters
        ----------
        proxies
            The labelled runs.
        rankings
            Rankings of their configurations that are known already, to which this rule's is added.
        """
        alive = pickable(proxies)
        proxies = proxies if alive.all() else proxies[alive]
        rankings = {} if rankings is None else rankings
        if self.configuration is not None and self.configuration not in rankings:
            rankings[self.configuration] = self.configuration.scores(proxies)
        ranking = None if self.configuration is None else rankings[self.configuration]
        return FittedRule(ranking, self.run.fit(proxies), self.top)

    def weights(self, proxies: pd.DataFrame, target: pd.DataFrame) -> np.ndarray:
        """Return the probability of picking each run of `target`, (n_runs,): 1 for one run, shared by ties."""
        return self.fit(proxies)(target)

    def pick(self, proxies: pd.DataFrame, target: pd.DataFrame, *, seed: int = 0) -> Pick:
        """Pick one run of `target`; `seed` breaks ties.

        Raises
        ------
        SelectdisError
            A column is missing, no run has finished, or no configuration is on both the proxies and the target.
        """
        fitted = self.fit(proxies)
        shares = fitted(target)
        where = int(np.random.default_rng(seed).choice(len(shares), p=shares))
        row, tied = target.iloc[where], int((shares > 0).sum())
        number = row.get(SEED)
        return Pick(
            candidate=str(row.get(CANDIDATE, target.index[where])),
            configuration=str(row[CONFIGURATION]),
            seed=None if number is None or pd.isna(number) else int(number),
            row=target.index[where],
            tied=tied,
            why=self.label
            + (f"; chosen: {why}" if (why := getattr(fitted.choose, "why", "")) else "")
            + (f"; {tied} runs tied, one of them drawn at random" if tied > 1 else ""),
        )

    def rank(self, proxies: pd.DataFrame, target: pd.DataFrame) -> pd.DataFrame:
        """Return the target's runs as the rule sees them, best first: those it may pick by its score, then the others.

        Adds to `target` the columns ``rule_score`` (of the run chooser, higher is better; NaN for a run out of the
        question) and ``pick`` (probability of being picked).
        """
        allowed, scores = self.fit(proxies).scores(target)
        ranked = target.assign(rule_score=scores, pick=shared_pick(allowed, scores))
        return ranked.sort_values(["pick", "rule_score"], ascending=False, na_position="last", kind="stable")


@dataclass(frozen=True)
class RandomRun:
    """The baseline to beat: any finished run of the target."""

    label: str = "random run"
    target_columns: tuple[str, ...] = ()

    def fit(self, proxies: pd.DataFrame) -> Weights:
        return lambda target: _normalised(pickable(target).astype(float))


@dataclass(frozen=True)
class AverageConfiguration:
    """Any configuration, then any of its finished runs: differs from a random run where seed counts do."""

    label: str = "average configuration"
    target_columns: tuple[str, ...] = ()

    def fit(self, proxies: pd.DataFrame) -> Weights:
        def weights(target: pd.DataFrame) -> np.ndarray:
            codes, names = pd.factorize(target[CONFIGURATION], use_na_sentinel=False)
            alive = pickable(target)
            counts = np.bincount(codes[alive], minlength=len(names))
            return _normalised(alive / np.maximum(counts[codes], 1))

        return weights


def _allowed(target: pd.DataFrame, ranking: pd.Series | None, top: int) -> np.ndarray:
    need(target, CONFIGURATION)
    alive = pickable(target)
    if not alive.any():
        raise SelectdisError(f"no run on the target has finished: there is nothing to pick among {len(target)} runs")
    codes, names = pd.factorize(target[CONFIGURATION])
    alive &= codes >= 0
    if not alive.any():
        raise SelectdisError("no finished run on the target says which configuration it has")
    if ranking is None:
        return alive
    there = set(names[np.bincount(codes[alive], minlength=len(names)) > 0].tolist())
    present = ranking[[name in there for name in ranking.index.tolist()]]
    if present.empty:
        raise NothingToGoByError(
            "the proxies and the target have no configuration in common: train on the target what "
            "rule.configurations(proxies) names"
        )
    best = set(_best(present, top))
    return alive & np.array([name in best for name in names.tolist()])[codes]


def _best(ranking: pd.Series, top: int) -> list:
    """Return the best `top`, and all those tied with the last of them."""
    return ranking.index[(ranking >= ranking.iloc[min(top, len(ranking)) - 1]).to_numpy()].tolist()


def shared_pick(allowed: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the probability of picking each run: the best that is allowed, shared by ties; all of them where NaN."""
    known = allowed & ~np.isnan(scores)
    return _normalised((known & (scores == scores[known].max()) if known.any() else allowed).astype(float))


def _normalised(weights: np.ndarray) -> np.ndarray:
    total = weights.sum()
    if total == 0:
        raise SelectdisError(f"no run on the target has finished: there is nothing to pick among {len(weights)} runs")
    return weights / total
