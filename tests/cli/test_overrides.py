"""Overrides on the command line, studies that were made in Python, and `python -m`: read back from every view."""

import subprocess
import sys

import numpy as np
import pytest
import yaml

import selectdis as sd
import selectdis.study._batch as batch_module
from selectdis.execution._study_jobs import run_jobs
from selectdis.spec import read_spec
from tests.study.fakes import fake_work, spec


@pytest.fixture(autouse=True)
def study(monkeypatch, tmp_path):
    """`fake.yaml` in an empty folder, where runs are made up."""
    monkeypatch.setattr(
        batch_module, "run_jobs", lambda jobs, more, **_: run_jobs(jobs, more, n_jobs=1, work=fake_work)
    )
    (tmp_path / "fake.yaml").write_text(yaml.safe_dump(spec(select={"run": "reconstruction", "seeds": 1})))
    return tmp_path


GIVEN = ["training.steps=7", "seeds=2", "search.objective.beta_vae.beta=[1, 8]"]


def test_overrides_are_kept_in_the_folder_and_used_by_the_next_commands(study, call):
    said = call("run", "fake.yaml", *GIVEN, "--jobs", 1)
    assert said.code == 0, said.err
    assert said.out.rstrip().endswith("next: selectdis transfer runs/fake")
    assert "beta_vae beta=8" in said.out
    kept = read_spec(study / "runs" / "fake" / "study.yaml")
    assert (kept.training.steps, kept.seeds.count) == (7, 2)
    said = call("transfer", "runs/fake", "--top", 2, "--rule", "mig > +reconstruction", "--jobs", 1)
    assert said.code == 0, said.err
    pick = said.out.partition("Picked run: ")[2].split()[0]
    board = call("leaderboard", "runs/fake", "--out", "records.csv").out
    assert "(mig > +reconstruction @ 2)" in board
    assert pick in board.partition("target: ")[2].splitlines()[4]  # the first row
    assert pick in call("report", "runs/fake").out or pick in (study / "runs/fake/report.html").read_text()
    records = (study / "records.csv").read_text().splitlines()
    assert {line.split(",")[records[0].split(",").index("steps")] for line in records[1:]} == {"7"}
    assert call("transfer", "fake.yaml", *GIVEN, "select.top=3", "--jobs", 1).err.count("last transfer to digits") == 1


def test_a_run_without_the_overrides_of_before_says_so(study, call):
    assert call("run", "fake.yaml", *GIVEN, "--quiet").code == 0
    said = call("run", "fake.yaml", "--quiet")
    words = " ".join(said.err.split())
    assert f"last ran with {' '.join(GIVEN)}, and this time goes by the study file without" in words
    assert "another `training`" in said.refusal
    assert read_spec(study / "runs/fake/study.yaml").seeds.count == 2  # what was refused changes nothing
    said = call("run", "fake.yaml", "training.steps=7", GIVEN[2], "--quiet")  # which goes on with three seeds
    assert said.code == 0
    assert "last ran with seeds=2," in " ".join(said.err.split())
    assert "warning" not in call("run", "runs/fake", "--quiet").err


def test_a_misspelt_override_is_named_and_nothing_begins(study, call):
    refusal = call("run", "fake.yaml", "training.stepz=7").refusal
    assert "with training.stepz=7: unknown key 'training.stepz'; did you mean 'steps'?" in refusal
    assert "KEY=VALUE" in call("transfer", "fake.yaml", "seeds").refusal
    assert not (study / "runs").exists()


def test_a_study_file_of_ones_own_in_the_folder_takes_no_overrides(study, call):
    (study / "runs/fake").mkdir(parents=True)
    own = (study / "fake.yaml").rename(study / "runs/fake/study.yaml")
    assert "is a study file of yours" in call("run", own, "seeds=2").refusal


def test_a_study_made_in_python_is_one_for_the_command_line(study, call):
    images = np.random.default_rng(0).integers(0, 256, (60, 1, 16, 16), dtype=np.uint8)
    factors = np.stack([np.arange(60) % 3, np.arange(60) % 5], axis=1)
    mine = sd.ImageDataset("my shapes", images, ("shape", "x"), (3, 5), factors=factors)
    made = sd.Study(spec(proxy=mine, target=mine, storage=None), folder=study / "x", n_jobs=1)
    assert made.run().proxy_names == "my shapes"
    made.transfer(sd.ImageDataset("others", images))
    assert "my shapes" in call("leaderboard", "x").out
    assert call("report", "x").code == 0
    assert "Picked on others" in (study / "x" / "report.html").read_text()
    said = call("transfer", "x", "--jobs", 1, "--quiet")  # to the target that was an object as well
    assert said.code == 0, said.err
    assert "15/15" in call("run", "x").err
    assert not (study / "runs").exists()


def test_a_stored_data_set_is_a_name_and_no_way_out(study, call):
    (study / "about.json").write_text("{}")
    assert call("run", "fake.yaml", "--quiet").code == 0
    assert "cannot be read" in call("transfer", "runs/fake", "--target", "stored:../../..").refusal


def test_python_m():
    said = subprocess.run([sys.executable, "-m", "selectdis", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("selectdis 0.")
