"""Leaderboards of labelled and unlabelled data."""

import numpy as np
import pandas as pd
import pytest

from selectdis.errors import SelectdisError
from selectdis.selection import leaderboard, pareto

from .records import METRICS, make_records


@pytest.fixture(scope="module")
def records():
    return make_records(2, 6, 3, rng=np.random.default_rng(0))


def test_configurations(records):
    board = leaderboard(records, score="mig")
    assert len(board) == 12
    first = board.iloc[0]
    mine = records[(records["dataset"] == "data0") & (records["configuration"] == first["configuration"])]["metric.mig"]
    assert (first["dataset"], first["rank"], first["ranked_by"], first["seeds"]) == ("data0", 1, "mig", 3)
    assert first["mean"] == pytest.approx(mine.mean())
    assert first["sd"] == pytest.approx(mine.std())
    assert first["lcb"] == pytest.approx(mine.mean() - mine.std() / np.sqrt(3))
    assert first["metric.mig"] == pytest.approx(mine.mean())
    for _, part in board.groupby("dataset"):
        assert part["mean"].is_monotonic_decreasing
        assert part["rank"].tolist() == list(range(1, 7))


def test_order_by_another_statistic(records):
    for order in ("median", "lcb"):
        board = leaderboard(records, order=order)
        assert board[board["dataset"] == "data1"][order].is_monotonic_decreasing


def test_runs(records):
    board = leaderboard(records, "run")
    assert len(board) == 36
    assert {"candidate", "configuration", "seed", "score", "metric.mig", "criterion.useless"} <= set(board)
    assert board[board["dataset"] == "data0"]["score"].is_monotonic_decreasing


def test_unlabelled_data_is_ranked_by_a_criterion(records):
    mixed = records.copy()
    mixed.loc[mixed["dataset"] == "data1", [f"metric.{m}" for m in METRICS]] = np.nan
    board = leaderboard(mixed, "run").groupby("dataset").first()
    assert board["ranked_by"].to_dict() == {"data0": "win_rate", "data1": "udr_lasso"}
    best = mixed[mixed["dataset"] == "data1"].set_index("candidate")["criterion.udr_lasso"].idxmax()
    assert board.loc["data1", "candidate"] == best
    other = mixed.rename(columns={"criterion.useless": "criterion.kl"})
    low = other[other["dataset"] == "data1"].set_index("candidate")["criterion.kl"].idxmin()
    assert leaderboard(other, "run", criterion="kl").groupby("dataset").first().loc["data1", "candidate"] == low


def test_a_criterion_can_rank_labelled_data(records):
    board = leaderboard(records, "run", score="udr_lasso")
    assert board["ranked_by"].eq("udr_lasso").all()
    best = (
        leaderboard(records.assign(**{"criterion.kl": records["seed"]}), "run", score="kl").groupby("dataset").first()
    )
    assert best["seed"].tolist() == [0, 0]  # less of it is better


def test_failed_runs_are_out_and_unscored_runs_last(records):
    lost = records.copy()
    lost.loc[0, "status"] = "diverged"
    lost.loc[1, [c for c in lost if c.startswith("metric.")]] = np.nan
    board = leaderboard(lost, "run")
    assert lost["candidate"][0] not in set(board[board["dataset"] == "data0"]["candidate"])
    assert board[board["dataset"] == "data0"]["candidate"].iloc[-1] == lost["candidate"][1]


def test_mistakes_are_named(records):
    with pytest.raises(SelectdisError, match="configuration"):
        leaderboard(records, "seed")
    with pytest.raises(SelectdisError, match=r"did you mean 'metric\.mig'"):
        leaderboard(records, score="mgi")
    with pytest.raises(SelectdisError, match="neither metrics nor criteria"):
        leaderboard(records[["dataset", "configuration"]])


def test_a_single_metric_column_is_enough():
    frame = pd.DataFrame({"dataset": "d", "configuration": ["a", "a", "b"], "metric.mig": [0.1, 0.2, 0.9]})
    assert leaderboard(frame)["configuration"].tolist() == ["b", "a"]


def test_the_front_holds_what_no_other_configuration_beats():
    scores = {"a": (0.9, 50.0), "b": (0.5, 10.0), "c": (0.5, 20.0), "d": (0.1, 90.0), "e": (0.9, 50.0)}
    rows = [
        {
            "dataset": "x",
            "configuration": name,
            "seed": seed,
            "metric.mig": mig + seed,
            "criterion.reconstruction": loss,
        }
        for name, (mig, loss) in scores.items()
        for seed in (-0.1, 0.1)
    ]
    table = pareto(pd.DataFrame(rows), ["mig", "reconstruction"]).set_index("configuration")
    assert table["front"].to_dict() == {"a": True, "b": True, "c": False, "d": False, "e": True}
    assert table.loc["b", "mig"] == pytest.approx(0.5)
    assert pareto(pd.DataFrame(rows)).set_index("configuration")["front"].to_dict() == table["front"].to_dict()
    with pytest.raises(SelectdisError, match="two scores or more, found mig"):
        pareto(pd.DataFrame(rows), ["mig"])
    with pytest.raises(SelectdisError, match="mgi"):
        pareto(pd.DataFrame(rows), ["mig", "mgi"])
