"""The transfer table of the paper."""

import itertools

import numpy as np
import pandas as pd
import pytest

from selectdis.selection import transfer_table

from .records import METRICS, make_records


def cell(table, metric, data):
    return table.query("metric == @metric and data_set == @data").iloc[0]


def test_against_every_draw_one_by_one():
    """The mean over all draws of (metric, data set, seed) and destination, by plain loops."""
    records = make_records(3, 5, 3, rng=np.random.default_rng(0))
    shape = (3, 5, 3)
    scores = np.stack([records[f"metric.{metric}"].to_numpy().reshape(shape) for metric in METRICS], axis=-1)
    wins = {}
    for d, m, s, e, k in itertools.product(range(3), range(6), range(3), range(3), range(6)):
        chosen = scores[d, :, s, m].argmax()
        runs = np.delete(scores[e, :, :, k], s, axis=1)
        mine = [np.mean([value > rival for j, rival in enumerate(runs.ravel()) if j != 2 * chosen + i])
                for i, value in enumerate(runs[chosen])]  # fmt: skip
        wins.setdefault((m == k, d == e), []).append(np.mean(mine))
    table = transfer_table(records)
    for (metric, data), found in wins.items():
        names = {True: "same", False: "different"}
        assert cell(table, names[metric], names[data])["p_beats_random"] == pytest.approx(np.mean(found))


def test_a_configuration_that_is_all_always_wins():
    records = make_records(3, 20, 3, shared=10, own=0, spread=1e-6, metric_noise=0, rng=np.random.default_rng(0))
    p = transfer_table(records)["p_beats_random"].to_numpy()
    assert (p > 0.97).all()  # its own other seeds are rivals as well


def test_seeds_alone_give_one_half():
    records = make_records(4, 40, 6, shared=0, own=0, rng=np.random.default_rng(0))
    np.testing.assert_allclose(transfer_table(records)["p_beats_random"], 0.5, atol=0.08)


@pytest.mark.parametrize(("drop", "missing"), [("datasets", 2), ("seeds", 4), ("metrics", 2)])
def test_a_cell_without_its_data_is_nan(drop, missing):
    records = make_records(2, 5, 3, rng=np.random.default_rng(0))
    if drop == "datasets":
        records = records[records["dataset"] == "data0"]
    elif drop == "seeds":
        records = records[records["seed"] == 0]
    else:
        records = records.drop(columns=[f"metric.{m}" for m in METRICS if m != "mig"])
    table = transfer_table(records)
    assert table["p_beats_random"].isna().sum() == missing
    assert len(table) == 4


def test_unbalanced_seeds_and_missing_scores():
    records = make_records(3, 6, 4, rng=np.random.default_rng(0)).sample(frac=0.7, random_state=0)
    records.loc[records.index[::4], "metric.mig"] = np.nan
    table = transfer_table(pd.concat([records, records.head(2).assign(status="diverged")]))
    assert table["p_beats_random"].between(0, 1).all()
