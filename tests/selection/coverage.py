"""How often the backtest's intervals hold the truth; see ``benchmarks/coverage.py``.

The configurations are fixed; each simulation draws new data sets (with one data set: new seeds on it), and the truth is
the mean over all simulations of what the backtest estimates without bias, the probability itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from selectdis.selection import Rule, at_random, backtest, by_criterion, by_win_rate

from .records import make_records


def criterion(name: str) -> Rule:
    return Rule(None, by_criterion(name, higher_is_better=True))


RULES = {
    "useless criterion": criterion("useless"),
    "good criterion": criterion("udr_lasso"),
    "perfect criterion": criterion("perfect"),
    "criterion of varying use": criterion("varies"),
    "backwards on 1 data set in 5": criterion("gamble"),
    "win rate > random run": Rule(by_win_rate(), at_random()),
    "win rate > useless criterion": Rule(by_win_rate(), by_criterion("useless", higher_is_better=True)),
}


def simulate(datasets: int, rules: dict[str, Rule], simulations: int, n_bootstrap: int, seed: int = 0) -> pd.DataFrame:
    """One row per simulation and rule: estimate, low, high."""
    rng = np.random.default_rng([seed, datasets])
    found = []
    for _ in range(simulations):
        fixed = {"shared_rng": np.random.default_rng(1)}
        if datasets == 1:
            fixed["own_rng"] = np.random.default_rng(2)
        records = make_records(datasets, 8, 4, rng=rng, **fixed)
        quality = records["criterion.perfect"]
        use = (
            np.exp(np.random.default_rng(3).uniform(-1.5, 2))
            if datasets == 1
            else np.exp(rng.uniform(-1.5, 2, datasets))
        )
        codes = pd.factorize(records["dataset"])[0]
        records["criterion.varies"] = quality + np.atleast_1d(use)[codes] * rng.normal(size=len(records))
        backwards = np.zeros(1) if datasets == 1 else rng.random(datasets) < 0.2
        records["criterion.gamble"] = quality * np.where(backwards[codes], -1, 1)
        result = backtest(records, rules, n_bootstrap=n_bootstrap, seed=int(rng.integers(2**31)))
        found.append(result.table[result.table["rule"].isin(list(rules))])
    return pd.concat(found)


def coverage(found: pd.DataFrame, truth: pd.Series | None = None) -> pd.DataFrame:
    """Rule -> truth, share of the intervals that hold it, mean width."""
    truth = found.groupby("rule")["p_beats_random"].mean() if truth is None else truth
    aim = found["rule"].map(truth)
    inside = (found["p_low"] <= aim) & (aim <= found["p_high"])
    facts = found.assign(truth=aim, coverage=inside, width=found["p_high"] - found["p_low"])
    return facts.groupby("rule")[["truth", "coverage", "width"]].mean()
