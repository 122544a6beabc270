"""`selectdis pick` and `--dry-run`: what is said before anything is trained, and what is refused."""

import re

import numpy as np
import pytest
import yaml
from PIL import Image

import selectdis.study.picking._plan as plan_module
from selectdis.execution._estimate import TimeEstimate
from tests.cli.test_commands import STUDY


@pytest.fixture(autouse=True)
def two_seconds_a_run(monkeypatch):
    def estimate(runs, job, **_):
        return TimeEstimate(len(runs), 2.0 * len(runs), measured=7)

    monkeypatch.setattr(plan_module, "estimate_time", estimate)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for k in range(25):
        pixels = np.random.default_rng(k).integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")
    return folder


def test_a_dry_run_of_a_pick_says_what_and_how_long_and_leaves_nothing(call, pictures, tmp_path):
    said = call("pick", f"folder:{pictures}", "--minutes", "1", "--dry-run")
    assert said.code == 0, said
    assert re.search(r"25 pictures. From the evidence \(part \w+.*\): \d+ x \d+ pixels in colour", said.out)
    assert "time: about 50 seconds for 25 runs in one process" in said.out  # five configurations with five seeds
    assert [path.name for path in tmp_path.iterdir()] == ["pictures"]


def test_other_choices_are_said_to_be_untried(call, pictures):
    said = call("pick", f"folder:{pictures}", "-o", "image_size=64", "--dry-run")
    assert "This transfer was never backtested: image_size 64, where the evidence has" in said.out


def test_labels_with_wrong_cells_are_refused_before_anything_is_trained(call, pictures, tmp_path):
    (tmp_path / "labels.csv").write_text('image,"size=small,large"\n0,small\n30,large\n')
    said = call("pick", f"folder:{pictures}", "--labels", "labels.csv")
    assert "has labels for image '30': images are numbered 0 to 24" in said.refusal
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_of_a_study_leaves_nothing(call, tmp_path):
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(STUDY))
    said = call("run", "tiny.yaml", "--dry-run", "--jobs", "1")
    assert "time: about 12 seconds for 6 runs" in said.out
    assert not (tmp_path / "runs").exists()
    assert "has no runs on its proxy yet" in call("transfer", "tiny.yaml", "--dry-run").refusal
