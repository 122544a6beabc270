"""Giving up the further seeds of configurations that are worse than the best one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import wilcoxon

__all__ = ["given_up"]

GIVE_UP_P = 0.1


def given_up(
    number: int, values: Mapping[int, Mapping[int, float]], seeds: Sequence[int], *, maximize: bool = True
) -> bool:
    """Wilcoxon's signed-rank test of a configuration against the best one, over the seeds that both have.

    As `optuna.pruners.WilcoxonPruner`, which however compares with finished trials alone: here all are under way
    together.

    Parameters
    ----------
    number
        The configuration.
    values
        Configuration -> seed -> value.
    seeds
        Those that count: later ones, which an earlier driver may have done, must not change the decision.
    """
    sign = 1 if maximize else -1
    known = {n: {seed: sign * own[seed] for seed in seeds if seed in own} for n, own in values.items()}
    own = known.pop(number, {})
    best = max(known.values(), key=lambda other: float(np.mean([*other.values()])) if other else -np.inf, default={})
    ahead = [best[seed] - own[seed] for seed in own if seed in best]
    return len(ahead) > 2 and bool(wilcoxon(ahead, alternative="greater", zero_method="zsplit").pvalue < GIVE_UP_P)
