"""Data sets of one family are no proxies of each other; parts of the evidence are told apart."""

import numpy as np
import pandas as pd

import selectdis as sd
from selectdis.records import families
from selectdis.selection import Rule, backtest
from selectdis.selection._folds import judged_runs, leave_one_out

from .records import make_records


def folds(records):
    judged, scores, _ = judged_runs(records, "win_rate")
    found = leave_one_out(judged, scores, 1, np.random.default_rng(0))
    return {fold.name: set(fold.proxies["dataset"]) for fold in found}


def test_a_fold_leaves_out_the_whole_family():
    records = make_records(4, 4, 2, rng=np.random.default_rng(0))
    records["family"] = records["dataset"].replace({"data1": "data0"}).where(records["dataset"] != "data3")
    found = folds(records)
    assert found["data0"] == found["data1"] == {"data2", "data3"}
    assert found["data3"] == {"data0", "data1", "data2"}  # no family is told: it is its own
    assert set(families(records.assign(family="one"))) == set(records["dataset"])
    assert folds(records.assign(family="one"))["data0"] == {"data1", "data2", "data3"}


def test_two_parts_have_their_own_data_sets_of_a_name():
    records = make_records(2, 4, 3, rng=np.random.default_rng(0))
    other = make_records(2, 4, 3, rng=np.random.default_rng(1))
    other["configuration"] += "b"
    both = pd.concat([records.assign(part="a"), other.assign(part="b")]).assign(family=lambda t: t["dataset"])
    result = backtest(both, [Rule()], n_bootstrap=2)
    assert set(result.by_dataset["dataset"]) == {"data0 (a)", "data1 (a)", "data0 (b)", "data1 (b)"}
    assert folds(both)["data0 (a)"] == {"data1 (a)", "data1 (b)"}


def test_the_evidence_says_of_each_run_where_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path))
    table = sd.evidence()
    assert table[["part", "family", "judging", "image_size", "channels", "dataset", "candidate"]].notna().all(axis=None)
    assert set(table.loc[table["family"] == "sprites", "dataset"]) == {"sprites", "color_dsprites", "noisy_dsprites"}
    assert set(table.loc[table["channels"] == 3, "dataset"]) >= {"color_dsprites"}
    assert not table.loc[table["family"] == "sprites", "judging"].any()
    conv32 = sd.evidence("conv32")
    assert set(conv32["architecture"]) == {"conv"}
    assert len(conv32) == (table["part"] == "conv32").sum() == 210
    assert conv32.notna().any().all()
