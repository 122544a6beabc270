"""Tables of records: read from files, and cut down to the runs that count."""

import numpy as np
import pandas as pd
import pytest

from selectdis.errors import SelectdisError
from selectdis.records import each_run_once, labelled, labelled_datasets, read_records

from ..selection.records import make_records


@pytest.fixture
def records():
    return make_records(2, 3, 2, rng=np.random.default_rng(0))


def test_tables_of_every_kind_are_read_as_one(records, tmp_path):
    files = [tmp_path / name for name in ("a.csv", "b.csv.gz", "c.parquet")]
    records.to_csv(files[0], index=False)
    records.to_csv(files[1], index=False)
    records.to_parquet(files[2])
    table = read_records(files)
    assert list(table.index) == list(range(3 * len(records)))
    assert list(table) == list(records)
    assert table["metric.mig"].tolist() == pytest.approx(records["metric.mig"].tolist() * 3)
    assert len(read_records(str(files[0]))) == len(records)


@pytest.mark.parametrize("name", ["missing.csv", "broken.parquet", "notes.txt"])
def test_files_that_cannot_be_read(tmp_path, name):
    if name != "missing.csv":
        (tmp_path / name).write_text("no table")
    with pytest.raises(SelectdisError, match=name):
        read_records(tmp_path / name)
    with pytest.raises(SelectdisError, match="no records given"):
        read_records([])


def test_a_compressed_table_that_is_cut_short_or_damaged(records, tmp_path):
    path = tmp_path / "a.csv.gz"
    records.to_csv(path, index=False)
    whole = path.read_bytes()
    for content in (whole[:500], whole[:1000] + b"\xff" * 40 + whole[1040:], b""):
        path.write_bytes(content)
        with pytest.raises(SelectdisError, match=r"a\.csv\.gz cannot be read as a table of records"):
            read_records(path)


def test_labelled_runs_finished_and_have_one_metric_or_more(records):
    records.loc[0, "status"] = "diverged"
    records.loc[1, "metric.mig"] = np.nan
    metrics = [column for column in records if column.startswith("metric.")]
    records.loc[2, metrics] = np.nan
    assert labelled(records).index.tolist() == [1, *range(3, 12)]
    records.loc[records["dataset"] == "data0", metrics] = np.nan
    assert labelled_datasets(records) == ["data1"]


def test_a_run_is_known_by_its_data_set_candidate_and_steps(records):
    again = pd.concat(
        [records, records.iloc[:2].assign(seconds=1.0), records.iloc[:1].assign(steps=7, **{"criterion.useless": 0.5})]
    )
    with pytest.warns(UserWarning, match="2 records were left out"):
        kept = each_run_once(again)
    assert len(kept) == len(records) + 1
    unnamed = again[["dataset", "configuration", "metric.mig"]]
    assert len(each_run_once(unnamed)) == len(again)  # nothing tells runs apart
    with pytest.warns(UserWarning, match="2 records were left out"):
        each_run_once(again.drop(columns=["candidate", "seed"]))  # but their scores do
