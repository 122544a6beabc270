"""Runs of any framework, ranked by their codes of the same images."""

import numpy as np
import pytest

import selectdis as sd
from selectdis.errors import SelectdisError
from selectdis.metrics import latent_share
from selectdis.scoring import load_runs

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(5, size=(300, 3)).astype(float)
ROTATION = np.linalg.qr(RNG.normal(size=(3, 3)))[0]
NOISE = RNG.normal(size=(300, 3)) * 0.1
RUNS = {
    "noise": RNG.normal(size=(300, 4)),
    "good": FACTORS + NOISE,
    "rotated": FACTORS @ ROTATION + NOISE,
    "constant": np.ones((300, 3)),
}


def labels(n):
    table = np.full((300, 3), np.nan)
    rows = np.sort(np.random.default_rng(1).permutation(300)[:n])
    table[rows] = FACTORS[rows]
    return table, rows


def test_a_few_labels_rank_the_runs():
    table, rows = labels(12)
    ranked = sd.rank_codes(RUNS, table)
    assert ranked["run"].tolist()[:2] == ["good", "rotated"]
    assert ranked["rank"].tolist() == [1, 2, 3, 4]
    assert ranked["score"].tolist()[0] == pytest.approx(
        latent_share(RUNS["good"][rows], FACTORS[rows], on="both"), abs=1e-12
    )
    assert ranked["p_best"].sum() == pytest.approx(1)
    assert ranked["p_best"][0] > 0.9
    assert (ranked["error"] >= 0).all()


def test_equal_runs_share_the_probability_of_being_best():
    ranked = sd.rank_codes([FACTORS, -FACTORS[:, ::-1]], labels(8)[0])
    assert ranked["p_best"].tolist() == pytest.approx([0.5, 0.5])
    assert ranked["rank"].tolist() == [1, 1]


def test_without_labels_runs_that_agree_come_first():
    more = {f"again {k}": FACTORS[:, [2, 0, 1]] + RNG.normal(size=FACTORS.shape) * 0.1 for k in range(3)}
    with pytest.warns(UserWarning, match="no latent is active in run"):
        ranked = sd.rank_codes(RUNS | more)
    assert set(ranked["run"][:4]) == {"good", *more}
    assert {"udr", "model_centrality"} <= set(ranked)


def test_mistakes():
    with pytest.raises(SelectdisError, match="at least two runs; found 1"):
        sd.rank_codes([FACTORS])
    with pytest.raises(SelectdisError, match="0 has 300 rows and 1 299"):
        sd.rank_codes([FACTORS, FACTORS[1:]])
    with pytest.raises(SelectdisError, match="no image has a label"):
        sd.rank_codes(RUNS, np.full((300, 2), np.nan))
    same = np.where(np.arange(300)[:, None] < 9, FACTORS[:1], np.nan)  # nine images, and one value of each factor
    with pytest.warns(UserWarning, match="constant"), pytest.raises(SelectdisError, match=r"9 image\(s\) do not tell"):
        sd.rank_codes(RUNS, same)
    with pytest.raises(SelectdisError, match="codes of b must be finite"):
        sd.rank_codes({"a": FACTORS, "b": FACTORS * np.nan}, FACTORS)


def test_runs_are_read_from_files(tmp_path):
    for name in "ba":
        np.save(tmp_path / f"{name}.npy", FACTORS)
    assert [path[-5:] for path in load_runs(f"{tmp_path}/*.npy")] == ["a.npy", "b.npy"]
    with pytest.raises(SelectdisError, match="no file matches"):
        load_runs(f"{tmp_path}/*.npz")
