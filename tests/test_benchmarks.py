"""The benchmark of training runs, and what does not fit into a device's memory costs its row alone."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def training(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import training

    return training


def run(tmp_path, *arguments):
    out = tmp_path / "rows.json"
    command = [sys.executable, FOLDER / "training.py", "--only", "fc 128", "--seconds", "0.05", "--rounds", "1"]
    done = subprocess.run([*command, "--out", out, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(out.read_text()), done.stdout


@pytest.mark.slow
def test_against_the_plain_loop(tmp_path):
    rows, printed = run(tmp_path)
    assert [row["variant"].split(",")[0] for row in rows] == ["plain loop", "plain loop", "selectdis", "selectdis bf16"]
    assert rows[0]["ratio"] == 1
    for row in rows:
        assert row["rate"] > 0
        assert row["ratio"] == pytest.approx(row["rate"] / rows[0]["rate"])
        assert 0 < row["share"] < 3  # of a peak in float32, on a machine that may be busy
    assert "no CUDA device" in printed


@pytest.mark.slow
def test_cohorts_on_a_device(tmp_path):
    rows, _ = run(tmp_path, "--device", "cpu", "--counts", "1", "2", "--precisions", "float32")
    assert [row["variant"] for row in rows] == [
        "plain loop",
        "K = 1, float32",
        "K = 1, float32, compiled",
        "K = 2, float32",
        "K = 2, float32, compiled",
    ]
    for row in rows:
        assert row["days"] == pytest.approx(12_600 * 300_000 / row["rate"] / 86_400)


def test_what_fails_is_left_out_and_the_others_go_on(training, monkeypatch):
    tried = []

    def measure(case, kind, processes, threads, seconds, *, count=0, **more):
        tried.append(count)
        if count == 256:
            raise training.Failed("out of memory")
        return 10.0 * (count or 1), 1.0

    monkeypatch.setattr(training, "measure", measure)
    options = {f"K = {count}": {"count": count} for count in (1, 256, 8)}
    rates = training.rates_on_device(training.CASES[0], 3, 1.0, "cuda", options)
    assert math.isnan(rates.pop("K = 256"))
    assert rates == {"plain loop": 10.0, "K = 1": 10.0, "K = 8": 80.0}
    assert tried.count(256) == 1
    assert tried.count(8) == 3
