"""What to train where nothing is labelled: good configurations, different ones, and seeds before configurations."""

import numpy as np
import pandas as pd
import pytest

from selectdis.selection import parse_rule
from selectdis.selection.archive._portfolio import plan_runs, portfolio, shrunk_scores


def runs(means, noise=0.0, families=4, seeds=3):
    """Runs of objectives `a1`, `a2`, `b1`, ... with the given mean scores on each family."""
    rng = np.random.default_rng(0)
    rows = [
        {"dataset": f"d{f}", "configuration": name, "objective": name[0], "seed": s, "candidate": f"{name}-{s}"}
        | {"metric.mig": mean + noise * rng.standard_normal(), "status": "complete"}
        for name, mean in means.items()
        for f in range(families)
        for s in range(seeds)
    ]
    return pd.DataFrame(rows)


def test_scores_are_shrunk_by_what_families_blur():
    exact = shrunk_scores(runs({"a1": 0.2, "b1": 0.4, "c1": 0.6}), "mig")
    assert exact.to_dict() == pytest.approx({"c1": 0.6, "b1": 0.4, "a1": 0.2})
    blurred = shrunk_scores(runs({"a1": 0.2, "b1": 0.4, "c1": 0.6}, noise=0.5), "mig")
    assert 0 < blurred.max() - blurred.min() < 0.4
    nothing = shrunk_scores(runs({"a1": 0.4, "b1": 0.4, "c1": 0.4}, noise=1.0, families=40), "mig")
    assert nothing.max() - nothing.min() < 0.1


def test_what_the_rule_chooses_from_comes_first_then_other_objectives():
    records = runs({"a1": 0.9, "a2": 0.8, "a3": 0.7, "b1": 0.5, "b2": 0.6, "c1": 0.1})
    assert portfolio(records, parse_rule("mig > udr_lasso @ 2"), "mig") == ["a1", "a2", "b2", "c1", "a3", "b1"]
    assert portfolio(records, parse_rule("any > udr_lasso"), "mig") == ["a1", "b2", "c1", "a2", "a3", "b1"]


@pytest.mark.parametrize(
    ("count", "configurations", "seeds"),
    [(1, 1, 1), (4, 1, 4), (9, 1, 9), (14, 2, 7), (15, 3, 5), (31, 6, 5), (60, 6, 10)],
)
def test_seeds_come_before_configurations(count, configurations, seeds):
    plan = plan_runs([f"c{k}" for k in range(6)], count)
    assert (len(plan.configurations), plan.seeds) == (configurations, seeds)
