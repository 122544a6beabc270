"""The benchmark of training runs, and what does not fit into a device's memory costs its row alone."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def on_device(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import networks
    import on_device

    on_device.networks = networks
    return on_device


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
    rows, printed = run(tmp_path, "--device", "cpu", "--counts", "1", "2", "--precisions", "bf16", "float32")
    assert [row["variant"] for row in rows] == [
        "plain loop, float32",
        *("K = 1, bf16", "K = 2, bf16", "K = 6, bf16, six objectives"),
        *("K = 1, float32", "K = 2, float32", "K = 6, float32, six objectives"),
    ]
    for row in rows:
        assert row["days"] == pytest.approx(12_600 * 300_000 / row["rate"] / 86_400)
        assert ("share" in row) == (row["variant"].endswith(("bf16", "float32")) and "plain" not in row["variant"])
        assert f"{row['rate']:.1f} steps/s" in printed


def test_what_cannot_be_built_is_left_out_and_the_others_go_on(on_device, capsys):
    counted = dict.fromkeys(("plain", "small", "large", "alone"), 0)

    def building(name, error=None):
        def step():
            counted[name] += 1
            if error is not None and counted[name] == 3:
                raise error
            return 8

        return lambda: step

    builders = {
        "plain": building("plain"),
        "large": building("large", torch.OutOfMemoryError("CUDA out of memory.")),
        "alone": building("alone", RuntimeWarning("a step cannot be captured")),
        "small": building("small"),
    }
    rates = on_device.rates(builders, "cpu", "float32", 2, 0.001)
    assert [name for name, rate in rates.items() if math.isnan(rate)] == ["large", "alone"]
    assert counted["large"] == counted["alone"] == 3
    assert counted["small"] > 7
    assert "large: OutOfMemoryError: CUDA out of memory." in capsys.readouterr().out
    failed = on_device.row(on_device.Case("fc", "fc", 16, 128), "cuda", "large", rates["large"], math.nan)
    assert on_device.described(failed).endswith("failed")


def test_a_cohort_of_the_benchmark_has_all_objectives_and_its_own_seeds(on_device):
    from selectdis.training._cohort import Cohort

    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cohort, "step", seen.append)
        case = on_device.Case("fc 128, 16 pixels", "fc", 16, 8)
        assert on_device.built(case, "cpu", "float32", count=12, mixed=True)() == 12
    (cohort,) = seen
    assert [c.objective for c in cohort.candidates][::2] == list(on_device.networks.SIX)
    assert len({c.seed for c in cohort.candidates}) == 12
