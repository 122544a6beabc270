"""A study's folder wherever its file does, and printed commands that can be typed as they stand."""

import shlex
import shutil
import socket
import sys
from types import SimpleNamespace

import pytest
import yaml

import selectdis as sd
from selectdis.cli._common import again
from selectdis.cli.console._bar import ProgressListener
from selectdis.spec import keep_spec, read_spec
from selectdis.spec._kept import FIRST_LINE

SPEC = {
    "name": "small",
    "preset": "fast",
    "proxy": {"name": "sprites", "image_size": 16, "sizes": [2, 2, 1, 5, 5]},
    "target": {"name": "digits", "image_size": 16},
    "search": {"objective": {"beta_vae": {"beta": [1, 4]}}, "architecture": "fc", "width": 8, "latents": 2},
    "seeds": 2,
    "training": {"steps": 20},
    "evaluation": {"metrics": ["mig"], "n_train": 60, "n_test": 30, "probe": 50},
    "select": {"score": "mig", "top": 2, "seeds": 1},
    "tracking": "none",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A study that ran in Python, in a folder of its own choice."""
    folder = tmp_path_factory.mktemp("ran") / "some where"
    sd.Study(SPEC, folder=folder, n_jobs=1).run()
    return folder


@pytest.fixture
def study(ran, tmp_path):
    """`my study.yaml` and the folder `some where`, in which it ran, below `tmp_path`."""
    shutil.copytree(ran, tmp_path / "some where")
    (tmp_path / "my study.yaml").write_text(yaml.safe_dump(SPEC))
    return tmp_path


def printed(said):
    """The command lines that the last lines of an output offer."""
    found = [line.partition(": ")[2] for line in said.out.splitlines() if ": selectdis" in line]
    return [shlex.split(line)[1:] for line in found]


def test_printed_commands_work_as_they_stand(study, call):
    said = call("run", "my study.yaml", "--folder", "some where", "--jobs", 1)
    (transfer,) = printed(said)
    assert transfer == ["transfer", "my study.yaml", "--folder", "some where"]
    said = call(*transfer, "--jobs", 1)
    assert said.code == 0, said.err
    assert "MLflow" not in said.out  # without tracking there is nothing to look at
    label, report = printed(said)
    assert call(*label).code == 0
    assert (study / "some where" / "labels").is_dir()
    assert call(*report).code == 0
    assert (study / "some where" / "report.html").exists()


def test_the_ui_is_offered_where_there_is_one(study, call):
    (study / "some where" / "mlflow.db").touch()
    said = call("transfer", "my study.yaml", "--folder", "some where", "--jobs", 1)
    assert ["ui", "my study.yaml", "--folder", "some where"] in printed(said)


def test_a_password_is_not_printed():
    assert again("transfer", "x.yaml", storage="postgresql://me:secret@host:5432/db") == (
        "selectdis transfer x.yaml --storage postgresql://me@host:5432/db"
    )


def test_without_a_target_the_next_command_asks_for_one(study, call):
    (study / "my study.yaml").write_text(yaml.safe_dump({k: v for k, v in SPEC.items() if k != "target"}))
    assert call("run", "my study.yaml", "--folder", "some where").out.rstrip().endswith("--target NAME")


@pytest.mark.parametrize("command", ["analyze", "backtest", "leaderboard", "report", "transfer", "run", "track"])
def test_a_folder_does_where_a_file_does(study, call, command):
    assert call("run", "my study.yaml", "--folder", "some where", "--quiet").code == 0
    (study / "my study.yaml").unlink()
    light = {"backtest": ["--bootstrap", 2], "run": ["--jobs", 1], "transfer": ["--jobs", 1]}
    said = call(command, "some where", *light.get(command, []))
    assert said.code == 0, said.err
    assert not (study / "runs").exists()


def test_what_is_kept_says_the_same(study, call):
    call("run", "my study.yaml", "--folder", "some where", "--quiet")
    assert read_spec(study / "some where" / "study.yaml") == read_spec(study / "my study.yaml")


def test_no_password_is_kept(tmp_path):
    spec = SPEC | {"storage": "postgresql://me:secret@host/db"}
    keep_spec(sd.Study(spec, folder=tmp_path).spec, tmp_path)
    assert "secret" not in (tmp_path / "study.yaml").read_text()


def test_a_study_file_in_the_studys_folder_is_left_alone(study, call):
    own = study / "some where" / "study.yaml"
    own.write_text("# my notes\n" + yaml.safe_dump(SPEC))
    assert call("run", own, "--folder", "some where", "--quiet").code == 0
    assert own.read_text().startswith("# my notes\n")
    own.write_text(FIRST_LINE)
    assert call("run", "my study.yaml", "--folder", "some where", "--quiet").code == 0
    assert "beta_vae" in own.read_text()


@pytest.mark.parametrize("command", ["analyze", "backtest", "leaderboard", "report"])
def test_folders_that_do_not_do(study, call, command):
    (study / "empty").mkdir()
    (study / "some where" / "study.yaml").unlink()  # as studies that were made in Python were until 0.2
    assert "empty is a folder without a study.log" in call(command, "empty").refusal
    assert "holds no study.yaml" in (refusal := call(command, "some where").refusal)
    assert "give the study file" in refusal


def test_a_study_that_has_not_run_is_told_by_its_folder(study, call):
    assert "runs/small has no runs yet" in call("backtest", "my study.yaml").refusal
    assert "has no runs yet" in call("track", "my study.yaml").refusal


def test_a_finished_study_counts_its_runs(study, call):
    said = call("run", "my study.yaml", "--folder", "some where")
    assert "4/4" in said.err
    assert "?" not in said.err


def test_progress_ends_at_the_number_of_runs():
    stage = SimpleNamespace(name="proxy", data=SimpleNamespace(name="sprites"))
    progress = ProgressListener(quiet=True)
    progress.stage_started(None, stage)
    progress.stage_finished(None, stage, [1, 2, 3])
    (task,) = progress._bar.tasks
    assert (task.completed, task.total) == (3, 3)


def test_the_ui_does_not_start_where_it_cannot_listen(study, call, monkeypatch):
    monkeypatch.setattr("selectdis.cli._ui._server", lambda *_: [sys.executable, "-c", ""])
    monkeypatch.setattr("selectdis.tracking._own_database.find_artifacts", lambda folder: None)
    monkeypatch.setattr("selectdis.tracking._saved_view.page_of", lambda folder, study: "")
    (study / "some where" / "mlflow.db").touch()
    arguments = ["ui", "my study.yaml", "--folder", "some where"]
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = call(*arguments, "--port", port)
        assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in said.refusal
        assert said.out == ""
    assert "MLflow starts" in call(*arguments, "--port", port).err
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "cannot listen on nope.invalid" in call(*arguments, "--host", "nope.invalid").refusal


def unknown(*arguments, **options):
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def test_the_ui_names_the_command_that_makes_its_store(study, call):
    refusal = call("ui", "my study.yaml", "--folder", "some where").refusal
    assert "selectdis track --rebuild 'my study.yaml' --folder 'some where'" in refusal
