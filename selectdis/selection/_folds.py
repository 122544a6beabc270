"""The folds of a backtest: who plays the target, what a rule may see of it, and what its pick was worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import CONFIGURATION, DATASET, each_run_once, labelled, need, without_labels
from selectdis.selection._intervals import group_resamples
from selectdis.selection._rules import Weights
from selectdis.selection._scores import beats, run_scores

__all__ = ["ORACLE", "Fold", "Picker", "judged_runs", "leave_one_out", "measure", "seed_splits", "with_two_runs"]

ORACLE = "oracle"


class Picker(Protocol):
    """What `backtest` asks of a rule; `Rule` is one, and so is anything that you write with these three."""

    @property
    def label(self) -> str: ...

    @property
    def target_columns(self) -> tuple[str, ...]: ...

    def fit(self, proxies: pd.DataFrame) -> Weights: ...


@dataclass(frozen=True)
class Fold:
    """One target with its proxies, and resamples of the target's seeds."""

    name: str
    proxies: pd.DataFrame
    target: pd.DataFrame
    scores: np.ndarray
    resamples: np.ndarray


def judged_runs(records: pd.DataFrame, score: str | Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Labelled, finished, scored runs, and their scores (ranks are among these runs)."""
    need(records, DATASET, CONFIGURATION)
    known = each_run_once(labelled(records))
    scores = run_scores(known, score)
    rows = np.isfinite(scores)
    if not rows.any():
        raise SelectdisError(f"no finished run of the records has the score {score!r}")
    known = known[rows].reset_index(drop=True)
    texts = known.select_dtypes(["string", "object"]).columns
    return known.astype(dict.fromkeys(texts, object)), scores[rows]  # rows of Arrow strings are slow to take


def with_two_runs(judged: pd.DataFrame) -> tuple[np.ndarray, dict[str, str]]:
    sizes = judged.groupby(DATASET, observed=True)[DATASET].transform("size").to_numpy()
    left_out = {str(name): "fewer than two scored runs" for name in judged[DATASET][sizes < 2].unique()}
    if (sizes < 2).all():
        raise SelectdisError("no labelled data set has two scored runs: there is nothing to choose between")
    return sizes >= 2, left_out


def leave_one_out(records: pd.DataFrame, scores: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[Fold]:
    for name in records[DATASET].unique():
        here = (records[DATASET] == name).to_numpy()
        target = records[here]
        codes = pd.factorize(target[CONFIGURATION])[0]
        yield Fold(str(name), records[~here], target, scores[here], group_resamples(codes, count, rng))


def seed_splits(records: pd.DataFrame, scores: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[Fold]:
    """Half of each configuration's seeds are the proxy, the others the target; one run alone is always a target."""
    codes = pd.factorize(records[CONFIGURATION])[0]
    sizes = np.bincount(codes)
    if (sizes < 2).all():
        raise SelectdisError(
            "one labelled data set with one seed per configuration cannot be backtested: give a second labelled data "
            "set, or more seeds"
        )
    name = str(records[DATASET].iloc[0])
    for _ in range(max(count, 1)):
        order = np.lexsort((rng.random(len(codes)), codes))
        place = np.empty(len(codes), dtype=np.int64)
        place[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        proxy = place < sizes[codes] // 2
        nothing = np.empty((0, int((~proxy).sum())), dtype=np.int64)
        yield Fold(name, records[proxy], records[~proxy], scores[~proxy], nothing)


def measure(
    rules: Mapping[str, Picker], folds: Iterator[Fold], show: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """One row per rule and fold: what the pick was worth, and in ``*_replicates`` the same under resampled seeds.

    `show` is told how many folds are done.
    """
    rows: list[dict] = []
    for done, fold in enumerate(folds):
        show(done)
        draws = [np.arange(len(fold.scores)), *fold.resamples]
        facts = {"dataset": fold.name, "runs": len(fold.scores), "variance": float(np.var(fold.scores))}
        facts |= {"mean": float(fold.scores.mean()), "best": float(fold.scores.max())}
        for label, worth in _worths(rules, fold, draws).items():
            row = {"rule": label, **facts, **dict(zip(("p", "score", "regret"), worth[0], strict=True))}
            rows.append({**row, "p_replicates": worth[1:, 0], "regret_replicates": worth[1:, 2]})
        nothing = np.zeros(len(draws) - 1)
        row = {"rule": ORACLE, **facts, "p": beats(fold.scores).max(), "score": facts["best"], "regret": 0.0}
        rows.append({**row, "p_replicates": nothing + row["p"], "regret_replicates": nothing})
    return pd.DataFrame(rows)


def _worths(rules: Mapping[str, Picker], fold: Fold, draws: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Label -> (n_draws, 3): P(beats random), score and regret of the pick from each drawn set of the target's runs."""
    fitted = {label: rule.fit(fold.proxies) for label, rule in rules.items()}
    allowed = {rule.target_columns for rule in rules.values()}
    # A copy is one block of memory: each resample takes rows from it.
    visible = {columns: without_labels(fold.target, columns).copy() for columns in allowed}
    worth = {label: np.empty((len(draws), 3)) for label in rules}
    for k, drawn in enumerate(draws):
        scores = fold.scores[drawn]
        shares, best = beats(scores), scores.max()
        tables = {columns: table if k == 0 else table.take(drawn) for columns, table in visible.items()}
        for label, rule in rules.items():
            weights = _checked(label, fitted[label](tables[rule.target_columns]), len(drawn))
            worth[label][k] = weights @ shares, weights @ scores, best - weights @ scores
    return worth


def _checked(label: str, weights: np.ndarray, runs: int) -> np.ndarray:
    """Check the weights of a rule: how likely it is to pick each run."""
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (runs,) or not (np.all(weights >= 0) and np.isclose(weights.sum(), 1.0)):
        raise SelectdisError(
            f"rule {label!r} must say for each of {runs} runs how likely it picks it, adding up to 1; "
            "to go by the scores of runs, put what gives them into a rule: Rule(configuration=None, run=...)"
        )
    return weights
