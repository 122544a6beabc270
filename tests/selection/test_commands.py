"""`selectdis backtest` and `selectdis analyze` on files."""

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from selectdis.cli._analyze import analyze
from selectdis.cli._backtest import backtest

from .records import make_records

app = typer.Typer()
app.command()(backtest)
app.command()(analyze)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    records = make_records(3, 12, 3, rng=np.random.default_rng(0))
    parts = [part for _, part in records.groupby("dataset")]
    parts[0].to_csv(folder / "a.csv", index=False)
    parts[1].to_csv(folder / "b.csv.gz", index=False)
    parts[2].to_parquet(folder / "c.parquet")
    return [str(folder / name) for name in ("a.csv", "b.csv.gz", "c.parquet")]


def invoke(*arguments):
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_backtest(files, tmp_path):
    out = tmp_path / "rules.csv"
    found = invoke("backtest", *files, "--bootstrap", "5", "--rule", "any > udr_lasso", "--out", str(out))
    assert found.exit_code == 0
    assert "3 labelled data sets, 108 runs" in found.output
    assert "rule 'any > udr_lasso' beat a random run with probability" in found.output
    assert set(pd.read_csv(out)["rule"]) == {"any > udr_lasso", "oracle", "random run", "average configuration"}


def test_analyze(files, tmp_path):
    found = invoke("analyze", *files, "--out", str(tmp_path / "tables"))
    assert found.exit_code == 0
    assert "Share of the variance of win_rate" in found.output
    assert {"variance.csv", "metrics.csv", "criteria.csv", "datasets.csv", "annealing.csv"} == {
        file.name for file in (tmp_path / "tables").iterdir()
    }


def test_a_file_given_twice_counts_once(files):
    with pytest.warns(UserWarning, match="108 records were left out"):
        found = invoke("backtest", *files, *files, "--bootstrap", "2", "--rule", "any > udr_lasso")
    assert "3 labelled data sets, 108 runs" in found.output
    with pytest.warns(UserWarning, match="36 records were left out"):
        invoke("analyze", *files, files[0])
