"""The folds of a backtest: who plays the target, what a rule may see of it, and what its pick was worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from selectdis.errors import SelectdisError
from selectdis.records import (
    CONFIGURATION,
    DATASET,
    PART,
    copied_datasets,
    each_run_once,
    families,
    labelled,
    need,
    without_labels,
)
from selectdis.selection._configurations import ConfigurationScore
from selectdis.selection._intervals import group_resamples
from selectdis.selection._rules import AverageConfiguration, FittedRule, RandomRun, Rule, Weights, shared_pick
from selectdis.selection._scores import NothingToGoByError, beats, run_scores

__all__ = ["ORACLE", "Fold", "Picker", "judged_runs", "leave_one_out", "measure", "seed_splits", "worth_of_pick"]

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
    """One target with its proxies: (n_runs,) scores, configurations as numbers, and resamples of their seeds."""

    name: str
    proxies: pd.DataFrame
    target: pd.DataFrame
    scores: np.ndarray
    codes: np.ndarray
    resamples: np.ndarray


def judged_runs(records: pd.DataFrame, score: str | Sequence[str]) -> tuple[pd.DataFrame, np.ndarray, dict[str, str]]:
    """Return the labelled, finished runs that are judged, their scores, and what is left out: name -> why.

    Where the records are of several parts, a data set is one of its part: ``sprites (conv32)``.
    """
    need(records, DATASET, CONFIGURATION)
    if PART in records and records[PART].nunique() > 1:
        records = records.assign(**{DATASET: records[DATASET] + " (" + records[PART] + ")"})
    nameless = records[CONFIGURATION].isna() & records[DATASET].notna()
    left_out = _count(records[nameless], "they do not say which configuration they have")
    known = labelled(records[~nameless])
    copies = copied_datasets(known)
    left_out |= copies
    known = each_run_once(known[~known[DATASET].astype(str).isin(list(copies))])
    scores = run_scores(known, score)
    rows = np.isfinite(scores)
    if not rows.any():
        raise SelectdisError(f"no finished run of the records has the score {score!r}")
    left_out |= _count(known[~rows], f"they lack what the others are judged by ({_named(score)})")
    sizes = known[rows].groupby(DATASET, observed=True)[DATASET].transform("size").to_numpy()
    left_out |= {str(name): "fewer than two scored runs" for name in known[rows][DATASET][sizes < 2].unique()}
    if (sizes < 2).all():
        raise SelectdisError("no labelled data set has two scored runs: there is nothing to choose between")
    keep = np.flatnonzero(rows)[sizes >= 2]
    judged = known.iloc[keep].reset_index(drop=True)
    texts = judged.select_dtypes(["string", "object"]).columns
    # Folds take rows: slow from Arrow strings, and from many blocks of memory, of which a copy makes few.
    return judged.astype(dict.fromkeys(texts, object)).copy(), scores[keep], left_out


def _named(score: str | Sequence[str]) -> str:
    return score if isinstance(score, str) else ", ".join(score)


def _count(runs: pd.DataFrame, why: str) -> dict[str, str]:
    counts = runs.groupby(DATASET, sort=False, observed=True).size()
    return {f"{count} {'run' if count == 1 else 'runs'} of {name}": why for name, count in counts.items()}


def leave_one_out(records: pd.DataFrame, scores: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[Fold]:
    """Let each data set be the target once, with `count` resamples of its seeds; its proxies are of other families."""
    kinds = families(records)
    for name in records[DATASET].unique():
        here = (records[DATASET] == name).to_numpy()
        target = records[here]
        codes = pd.factorize(target[CONFIGURATION])[0]
        yield Fold(
            str(name), records[kinds != kinds[here][0]], target, scores[here], codes, group_resamples(codes, count, rng)
        )


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
    # Splits of many runs differ little, and each costs as much as a fold: 20 do for 25,000 runs.
    for _ in range(max(min(count, max(20, 400_000 // len(codes))), 1)):
        order = np.lexsort((rng.random(len(codes)), codes))
        place = np.empty(len(codes), dtype=np.int64)
        place[order] = np.arange(len(codes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        proxy = place < sizes[codes] // 2
        nothing = np.empty((0, int((~proxy).sum())), dtype=np.int64)
        yield Fold(name, records[proxy], records[~proxy], scores[~proxy], codes[~proxy], nothing)


def measure(
    rules: Mapping[str, Picker], folds: Iterator[Fold], show: Callable[[int], None] = lambda done: None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what each pick was worth, and which rule had nothing to go by where.

    `show` is told how many folds are done.

    Returns
    -------
    measured
        One row per rule and fold; in ``*_replicates`` the same under resampled seeds.
    left_out
        ``rule``, ``dataset``, ``why``.
    """
    rows: list[dict] = []
    left_out: dict[tuple[str, str], str] = {}
    for done, fold in enumerate(folds):
        show(done)
        draws = [np.arange(len(fold.scores)), *fold.resamples]
        shares = [beats(fold.scores[drawn]) for drawn in draws]
        facts = {"dataset": fold.name, "runs": len(fold.scores), "variance": float(np.var(fold.scores))}
        facts |= {"mean": float(fold.scores.mean()), "best": float(fold.scores.max())}
        rankings: dict[ConfigurationScore, pd.Series] = {}  # many rules begin alike
        for label, rule in rules.items():
            try:
                rows.append({"rule": label, **facts, **_judged(label, rule, fold, draws, shares, rankings)})
            except NothingToGoByError as error:
                left_out[label, fold.name] = str(error)
        nothing = np.zeros(len(draws) - 1)
        row = {"rule": ORACLE, **facts, "p": shares[0].max(), "score": facts["best"], "regret": 0.0}
        row |= {"tied": int((shares[0] == shares[0].max()).sum()), "gains": None, "gain_variance": np.nan}
        rows.append({**row, "p_replicates": nothing + row["p"], "regret_replicates": nothing})
    missing = [{"rule": rule, "dataset": dataset, "why": why} for (rule, dataset), why in left_out.items()]
    return pd.DataFrame(rows), pd.DataFrame(missing, columns=["rule", "dataset", "why"])


def _judged(
    label: str,
    rule: Picker,
    fold: Fold,
    draws: list[np.ndarray],
    shares: list[np.ndarray],
    rankings: dict[ConfigurationScore, pd.Series],
) -> dict[str, Any]:
    """Return what the pick of `rule` is worth on the fold's target, and on each drawn set of its runs."""
    fitted = rule.fit(fold.proxies, rankings) if isinstance(rule, Rule) else rule.fit(fold.proxies)
    target = without_labels(fold.target, rule.target_columns)
    worth = np.empty((len(draws), 3))
    for k, weights in enumerate(_weights(label, rule, fitted, target, draws)):
        scores = fold.scores[draws[k]]
        picked = weights @ scores
        worth[k] = weights @ shares[k], picked, scores.max() - picked
        if k == 0:
            tied = int((weights > 0).sum())
    gains, variance = (
        _gains(fitted, target, fold.codes, shares[0]) if isinstance(fitted, FittedRule) else (None, np.nan)
    )
    return {
        **dict(zip(("p", "score", "regret"), worth[0], strict=True)),
        "tied": tied,
        "gains": gains,
        "gain_variance": variance,
        "p_replicates": worth[1:, 0],
        "regret_replicates": worth[1:, 2],
    }


def _weights(
    label: str, rule: Picker, fitted: Weights, target: pd.DataFrame, draws: list[np.ndarray]
) -> Iterator[np.ndarray]:
    """Yield the probability of each pick, for each set of drawn runs.

    A rule's scores are looked up once: a drawn run keeps its score, and whether its configuration is in. Rules of
    somebody else's get the drawn table.
    """
    if isinstance(fitted, FittedRule):
        allowed, scores = fitted.scores(target)
        if np.isnan(scores[allowed]).all():
            raise NothingToGoByError(f"no run that it could pick there has a value of {_chooser(rule)!r}")
        for drawn in draws:
            yield shared_pick(allowed[drawn], scores[drawn])
        return
    first = _checked(label, fitted(target), len(target))
    yield first
    table = target.copy()  # one block of memory: each resample takes rows from it
    for drawn in draws[1:]:
        if isinstance(rule, RandomRun | AverageConfiguration):  # the resamples keep the runs of each configuration
            yield first[drawn] / first[drawn].sum()
        else:
            yield _checked(label, fitted(table.take(drawn)), len(drawn))


def _chooser(rule: Picker) -> str:
    return str(getattr(getattr(rule, "run", rule), "label", rule.label))


def _gains(fitted: FittedRule, target: pd.DataFrame, codes: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, float]:
    """Return what the choice of a seed gains over a random seed of the same configuration.

    Returns
    -------
    gains
        (n_configurations,): P(the chosen seed beats a random run) - the mean of it over the seeds; NaN where the
        configuration is not there, has a single run, or no value to choose by.
    variance
        Of the mean over configurations, were every seed drawn at random.
    """
    scores = fitted.choose(target)
    known = ~np.isnan(scores)
    runs = np.bincount(codes)
    best = np.full(len(runs), -np.inf)
    np.maximum.at(best, codes[known], scores[known])
    chosen = known & (scores == best[codes])
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(codes, shares) / runs
        gains = np.bincount(codes, chosen * shares) / np.bincount(codes, chosen) - means
        spread = np.bincount(codes, shares**2) / runs - means**2
    gains[runs < 2] = np.nan
    counted = np.isfinite(gains)
    return gains, float(spread[counted].sum() / max(counted.sum(), 1) ** 2)


def worth_of_pick(rule: Picker, fit: Callable[[], Weights], target: pd.DataFrame, shares: np.ndarray) -> float:
    """Return the mean of `shares`, (n_runs,), over what `rule` picks once `fit` has fitted it.

    NaN where it has nothing to go by.
    """
    everything = [np.arange(len(target))]
    try:
        seen = without_labels(target, rule.target_columns)
        return float(next(_weights(rule.label, rule, fit(), seen, everything)) @ shares)
    except NothingToGoByError:
        return float("nan")


def _checked(label: str, weights: np.ndarray, runs: int) -> np.ndarray:
    """Check the weights of a rule: how likely it is to pick each run."""
    weights = np.asarray(weights, dtype=float)
    if weights.shape != (runs,) or not (np.all(weights >= 0) and np.isclose(weights.sum(), 1.0)):
        raise SelectdisError(
            f"rule {label!r} must say for each of {runs} runs how likely it picks it, adding up to 1; "
            "to go by the scores of runs, put what gives them into a rule: Rule(configuration=None, run=...)"
        )
    return weights
