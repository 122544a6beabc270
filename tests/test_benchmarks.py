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
        patch.setattr(Cohort, "step", lambda cohort: seen.append(cohort))
        case = on_device.Case("fc 128, 16 pixels", "fc", 16, 8)
        assert on_device.built(case, "cpu", "float32", count=12, mixed=True)() == 12
    (cohort,) = seen
    assert [c.objective for c in cohort.candidates][::2] == list(on_device.networks.SIX)
    assert len({c.seed for c in cohort.candidates}) == 12


def test_all_tiles_that_are_tried_give_the_same(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    import kernels

    (case,) = (case for case in kernels.CASES if case.name == "conv, 16 pixels")
    passes = kernels.passes_of(case, batch=1)
    assert [str(own) for own in passes[:3]] == [
        "conv 4x4 at 16, 1 to 32, forward",
        "conv 4x4 at 16, 1 to 32, to_weight",
        "conv 2x2 at 8, 32 to 64, forward",
    ]
    assert str(passes[-1]) == "image 4x4 at 8, 32 to 1, to_weight"
    kinds = {(own.layer, own.way): own for own in passes}
    for own in (kinds["conv", "to_weight"], kinds["dense", "forward"]):
        rule = kernels.rule_of(own, "cpu", "float32")
        call, tiles = kernels.call_of(own, 1, "cpu", "float32"), kernels.tried(own, rule, "float32")
        assert tiles[0] == rule
        assert len(set(tiles)) == len(tiles) > 5
        found = []
        for each in {own[:3] + own[5:]: own for own in tiles}.values():  # warps and stages are the compiler's
            with kernels.every_tile(each) as seen:
                made = call()
            assert seen[0] == each
            found.append(made[0] if isinstance(made, tuple) else made)
        assert all(torch.allclose(found[0], other, rtol=1e-4, atol=1e-4) for other in found)
