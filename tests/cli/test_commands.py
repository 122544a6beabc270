"""The command line on a small real study: what it prints, what it leaves, how it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import selectdis as sd

STUDY = {
    "name": "tiny",
    "proxy": {"name": "sprites", "image_size": 16, "sizes": [2, 2, 1, 5, 5]},
    "target": {"name": "digits", "image_size": 16},
    "search": {
        "objective": {"beta_vae": {"beta": [1, 4]}, "beta_tc_vae": {"beta": [2]}},
        "architecture": "fc",
        "width": 16,
        "latents": 3,
        "learning_rate": 1e-3,
    },
    "seeds": 2,
    "training": {"steps": 20},
    "evaluation": {"metrics": ["mig", "sap"], "n_train": 60, "n_test": 30, "probe": 50},
    "select": {"top": 2, "seeds": 2},
    "tracking": "none",
}


def selectdis(*arguments, cwd):
    """The command as a process of its own, which takes seconds to import all that it needs."""
    return subprocess.run(
        [sys.executable, "-c", "from selectdis.cli import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """A folder where `selectdis run` and `selectdis transfer` have been called; with what they printed."""
    folder = tmp_path_factory.mktemp("studied")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(STUDY))
    run = selectdis("run", "tiny.yaml", "--jobs", 1, cwd=folder)
    transfer = selectdis("transfer", "tiny.yaml", "--quiet", "--jobs", 1, cwd=folder)
    return folder, run, transfer


@pytest.fixture
def there(studied, call, monkeypatch):
    """``there("leaderboard", "tiny.yaml")`` in that folder, within this process."""
    monkeypatch.chdir(studied[0])
    return call


def test_run_prints_a_leaderboard_and_leaves_the_study(studied):
    folder, run, _ = studied
    assert run.returncode == 0, run.stderr
    assert "configurations on the proxy sprites" in run.stdout
    assert "beta_vae beta=4" in run.stdout
    assert "6/6 runs" in run.stderr
    assert len(list((folder / "runs/tiny/models").rglob("*.safetensors"))) == 6 + 4


def test_transfer_names_the_pick_the_reason_and_the_trust(studied):
    _, _, transfer = studied
    assert transfer.returncode == 0, transfer.stderr
    assert "Picked run:" in transfer.stdout
    assert "Why: " in transfer.stdout
    assert "udr_lasso" in transfer.stdout
    assert "for the average run" in " ".join(transfer.stdout.split())
    assert transfer.stderr == ""  # --quiet


def test_a_finished_study_is_not_trained_again(studied, there):
    folder, _, _ = studied
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs/tiny/models").rglob("*.safetensors")}
    assert there("run", "tiny.yaml", "--quiet", "--jobs", 1).code == 0
    assert before == {path: path.stat().st_mtime_ns for path in (folder / "runs/tiny/models").rglob("*.safetensors")}


def test_the_picked_run_works_after_reloading(studied):
    folder, _, transfer = studied
    words = transfer.stdout.split()
    path = next(word.strip("()") for word in words if word.strip("()").endswith(".safetensors"))
    run = sd.Run.load(folder / path)
    images = sd.load_dataset("digits", image_size=16).images_at([0, 1, 2])
    codes = run.transform(images)
    assert codes.shape == (3, 3)
    assert np.isfinite(codes).all()


def test_leaderboard_writes_all_records(there):
    result = there("leaderboard", "tiny.yaml", "--by", "run", "--out", "records.csv")
    assert result.code == 0, result.err
    records = pd.read_csv("records.csv")
    assert records["dataset"].value_counts().to_dict() == {"sprites": 6, "digits": 4}
    assert records.loc[records["dataset"] == "sprites", "metric.mig"].between(0, 1).all()
    assert records.loc[records["dataset"] == "digits", "metric.mig"].isna().all()
    assert records["criterion.udr_lasso"].between(0, 1).all()


def test_the_pareto_front_of_a_study(there):
    found = json.loads(there("leaderboard", "tiny.yaml", "--pareto", "--scores", "mig,reconstruction", "--json").out)
    assert {"rank", "settings", "seeds", "mig", "reconstruction"} <= found["pareto"][0].keys()
    assert found["pareto"][0]["rank"] == 1
    assert "two scores or more" in there("leaderboard", "tiny.yaml", "--pareto", "--scores", "mig").refusal


def test_records_and_study_files_can_be_backtested(there):
    result = there("backtest", "tiny.yaml", "--bootstrap", 5)
    assert result.code == 0, result.err
    assert "random run" in result.out


def test_score_of_saved_codes(tmp_path, call):
    rng = np.random.default_rng(0)
    factors = rng.integers(0, 4, (400, 3))
    np.savez(tmp_path / "both.npz", codes=np.c_[factors, rng.normal(size=(400, 2))].astype(np.float32), factors=factors)
    result = call("score", "both.npz", "--metric", "mig", "--metric", "dci", "--out", "scores.json")
    assert result.code == 0, result.err
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["mig"] > 0.9
    assert scores["dci_disentanglement"] > 0.95


def test_a_misspelt_key_names_the_line_and_the_nearest_key(tmp_path, call):
    (tmp_path / "typo.yaml").write_text(
        yaml.safe_dump(STUDY, sort_keys=False).replace("seeds: 2\ntraining", "sedes: 2\ntraining")
    )
    assert "typo.yaml, line" in (message := call("run", "typo.yaml").refusal)
    assert "unknown key 'sedes'; did you mean 'seeds'?" in message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "missing.yaml"], "missing.yaml"),
        (["transfer", "tiny.yaml", "--target", "digitz"], "did you mean 'digits'?"),
        (["transfer", "tiny.yaml", "--target", "folder:/nowhere"], "/nowhere"),
        (["leaderboard", "tiny.yaml", "--score", "mgi"], "mgi"),
        (["score", "nothing.npy"], "factors are missing"),
        (["run", "tiny.yaml", "--storage", "sqlite:///x.db"], "PostgreSQL"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(there, arguments, message):
    assert message in there(*arguments).refusal


def test_pickled_arrays_are_refused(tmp_path, call):
    np.save(tmp_path / "codes.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert "codes.npy" in call("score", "codes.npy", "codes.npy").refusal


def test_help_and_version(call):
    assert "transfer" in call("--help").out
    assert call("--version").out.startswith("selectdis 0.")


def test_readme_and_docs_name_every_command():
    from selectdis.cli import app

    root = Path(__file__).parents[2]
    text = (root / "README.md").read_text() + "".join(path.read_text() for path in (root / "docs").glob("*.md"))
    names = [command.callback.__name__ for command in app.registered_commands]
    assert [name for name in names if f"selectdis {name}" not in text] == []


def test_a_study_becomes_evidence_that_a_function_is_tried_on(there, monkeypatch, tmp_path):
    monkeypatch.setenv("SELECTDIS_DATA", str(tmp_path / "data"))
    assert "none of your own" in there("evidence").out
    added = there("evidence", "add", "tiny.yaml", "--part", "own").out
    assert "6 runs of 1 labelled data sets are now part 'own' of the evidence" in added
    listed = there("evidence", "--out", "all.csv").out
    assert "sprites" in listed[listed.index(" own ") :]
    assert (pd.read_csv("all.csv")["part"] == "own").sum() == 6
    Path("mine.py").write_text("def nats(run):\n    assert run.mean.shape == (100, 3)\n    return run.kl.sum()\n")
    said = there("arena", "mine.py", "any > udr_lasso", "--part", "own", "--bootstrap", 2, "--out", "arena.csv")
    assert said.code == 0, said.err
    assert "runs of the part own" in said.out
    table = pd.read_csv("arena.csv")
    assert set(table["what"]) == {"nats", "any > udr_lasso"}
    assert table["p"].between(0, 1).all()
    assert "--family takes DATASET=FAMILY" in there("evidence", "add", "tiny.yaml", "--family", "sprites").refusal
    assert "there is no criterion 'nothing'" in there("arena", "nothing", "--part", "own").refusal
    assert "none.py is no file" in there("arena", "none.py", "--part", "own").refusal
    assert "part must be one of" in there("arena", "udr_lasso", "--part", "mine").refusal
    assert "no part of your own is called 'mine' (there are: own)" in there("evidence", "remove", "mine").refusal
    assert "6 runs of part 'own' are no longer evidence" in there("evidence", "remove", "own").out
    assert "none of your own" in there("evidence").out
    assert list(Path("data").rglob("*.npz")) == []
