"""A link, a FIFO, a folder or a device in the place of each file of a study: nothing else is written, nobody waits."""

import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import warnings
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import selectdis as sd
from selectdis.data import ImageDataset
from selectdis.errors import SelectdisError
from selectdis.execution import _study_jobs as study_jobs
from selectdis.execution import _worker as worker
from selectdis.report import write_report
from selectdis.study._listener import Listeners
from selectdis.tracking._own_database import find_artifacts, own_uri
from selectdis.tracking._rebuild import track as show
from tests.cli.conftest import call
from tests.databases import quick_databases

__all__ = ["call", "quick_databases"]

SPEC = {
    "name": "t",
    "proxy": {"name": "sprites", "image_size": 16, "sizes": [2, 2, 1, 4, 4]},
    "search": {"objective": {"beta_vae": {"beta": [1]}}, "architecture": "fc", "width": 8, "latents": 2},
    "seeds": 1,
    "training": {"steps": 2, "batch_size": 8, "device": "cpu", "checkpoint_every": 1},
    "evaluation": {"metrics": ["mig"], "sampled": False, "n_train": 60, "n_test": 20, "probe": 20},
    "select": {"score": "mig", "top": 1, "seeds": 1, "run": "reconstruction"},
    "optimise": ["mig"],
    "tracking": "none",
}
TARGET = ImageDataset(
    "mine",
    np.random.default_rng(0).integers(0, 256, (40, 1, 16, 16), np.uint8),
    ("x",),
    (2,),
    np.arange(40)[:, None] % 2,
)
VIEW = ("mlflow.db", "artifacts", "view.lock", "study.id.json")  # what `track` writes; all else is the study's
MADE_MEANWHILE = ("study.log.damaged", "study.log.lock", "mlflow.db-journal", "mlflow.db-wal", "mlflow.db-shm")


def work(folder, report=True):
    """Write all of a study but its view, as far as it is not there."""
    study = sd.Study(SPEC, folder=folder, n_jobs=1).run()
    study.transfer(TARGET)
    if report:
        write_report(study)


def track(folder):
    """Write the view."""
    show(sd.Study(SPEC | {"tracking": {"mlflow": {"pictures": 0}}}, folder=folder))


def pattern(name):
    """A file's name without the ids in it: the same for all files of a kind."""
    return re.sub(r"[0-9a-f]{6,}", "*", str(name))


@pytest.fixture(scope="module", autouse=True)
def no_backtests():
    """The trust of each pick costs seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Listeners, "picked", lambda *_: None)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study's folder with all that is ever written, checkpoints too."""
    folder = tmp_path_factory.mktemp("places") / "whole"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr(worker, "forget_checkpoint", lambda job: None)
        patch.setattr(study_jobs, "forget_codes", lambda *_: None)
        warnings.simplefilter("ignore")
        patch.setattr(study_jobs, "scoring_processes", lambda device: 1)  # as on a GPU, which leaves codes
        work(folder)
        track(folder)
    return folder


def names(folder):
    """One file or folder of each kind that is in a study's folder."""
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*"))]
    mlflow = [path for path in paths if path.parts[0] == "artifacts"][1:]  # looked through before MLflow writes there
    one_each = {(folder / path).is_dir(): path for path in mlflow}
    found = {pattern(path): path for path in paths if path not in mlflow}
    return sorted({*map(str, [*found.values(), *one_each.values()]), *MADE_MEANWHILE})


PLANTS = {
    "link": lambda place, outside: place.symlink_to(outside / "treasure"),
    "link to nothing": lambda place, outside: place.symlink_to(outside / "new"),
    "link to a folder": lambda place, outside: place.symlink_to(outside),
    "hard link": lambda place, outside: os.link(outside / "treasure", place),
    "fifo": lambda place, outside: os.mkfifo(place),
    "folder": lambda place, outside: (place / "in it").mkdir(parents=True),
    "device": lambda place, outside: os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 7)),  # /dev/full
}


@contextmanager
def at_most(seconds):
    """Fail what waits."""

    def late(*_):
        raise AssertionError("it waits")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def everything(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


def forget(folder, name):
    """Leave what makes the work write `name` again, as an interrupted study would."""
    view = name.split("/")[0] in VIEW or name.startswith("mlflow.db")
    for one in () if view else (*VIEW, "models", "codes", "report.html", "study.yaml"):
        path = folder / one
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if not view and not name.startswith("study.log"):
        (folder / "study.log").unlink()
    if name == "study.log.damaged":
        with open(folder / "study.log", "a") as file:
            file.write("{torn")
    return track if view else partial(work, report=name == "report.html")


@pytest.mark.parametrize("kind", PLANTS)
def test_nothing_outside_a_folder_is_written_and_nobody_waits(whole, tmp_path, kind, capsys, monkeypatch):
    monkeypatch.setattr("selectdis.report._page.render", lambda *_: "page")
    outside, tried = tmp_path / "outside", 0
    outside.mkdir()
    (outside / "treasure").write_text("precious")
    before = everything(outside)
    for number, name in enumerate(names(whole)):
        folder = tmp_path / str(number)
        shutil.copytree(whole, folder)
        act, place = forget(folder, name), folder / name
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
        if not place.parent.is_dir():
            place.parent.mkdir(parents=True)
        try:
            PLANTS[kind](place, outside)
        except PermissionError:
            pytest.skip("this user makes no devices")
        sentence = ""
        with at_most(200), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                act(folder)
            except SelectdisError as error:
                sentence = str(error)
        assert "\n" not in sentence, name
        assert "Traceback" not in capsys.readouterr().err, name
        assert everything(outside) == before, name
        shutil.rmtree(folder)
        tried += 1
    assert tried > 25


def test_the_folder_itself_may_be_a_link(whole, tmp_path):
    (tmp_path / "link").symlink_to(whole)
    study = sd.Study(SPEC, folder=tmp_path / "link", n_jobs=1)
    assert len(study.run().records) == 1
    assert study.transfers()[0].pick is not None


def test_what_is_no_file_where_a_user_names_one_is_one_sentence(tmp_path, call):
    for name in ("fifo.yaml", "fifo.npy", "fifo.npz", "fifo.csv", "fifo.h5", "pictures/fifo.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        os.mkfifo(tmp_path / name)
    with at_most(60):
        with pytest.raises(SelectdisError, match="is a FIFO, where a file is needed"):
            sd.Run.load(tmp_path / "fifo.npz")
        preview = ["data", "preview", "folder:pictures", "--out", "o.png"]
        for words in (["score", "fifo.npz"], ["score", "fifo.npy", "fifo.npz"], preview):
            assert "is a FIFO, where a file is needed" in call(*words).refusal
        for words in (["run", "fifo.yaml"], ["backtest", "fifo.csv"], ["analyze", "fifo.npy"]):
            assert call(*words).refusal
        for name in ("fifo.npy", "fifo.npz", "fifo.csv", "fifo.h5"):
            assert name in call("data", "preview", name, "--out", "o.png").refusal


def test_nothing_that_a_command_starts_imports_from_where_it_is(whole, tmp_path, call, monkeypatch):
    """Which may be a study's folder."""
    folder = tmp_path / "copied"
    shutil.copytree(whole, folder)
    find_artifacts(folder)
    (folder / "trap.py").write_text("from pathlib import Path\nPath(__file__).with_name('trapped').touch()\n")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    # As `python -m mlflow` would find a module, and as its server does: in the folder that it is started in.
    for find in ("", "sys.path.insert(0, ''); "):
        command = [sys.executable, "-c", f"import sys; {find}import trap"]
        monkeypatch.setattr("selectdis.cli._ui._server", lambda *_, command=command: command)
        monkeypatch.chdir(folder)
        assert call("ui", ".").code == 1
        assert not (folder / "trapped").exists()
    code = f"import os; os.chdir({str(folder)!r}); os.execv({sys.executable!r}, ['python', '-c', 'import trap'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 1  # as workers
    assert not (folder / "trapped").exists()


def paths(database, there, _):
    for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
        database.execute(f"UPDATE {table} SET {column} = ?", (there,))


def first_experiment(database, there, tag):
    """MLflow's own, of which selectdis makes no use unless the study is said to be shown there."""
    database.execute("UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0", (there,))
    database.execute("DELETE FROM experiment_tags")
    database.execute("INSERT INTO experiment_tags (key, value, experiment_id) VALUES (?, 't', 0)", (tag,))


def runs_of_the_first_experiment(database, there, _):
    database.execute("UPDATE runs SET artifact_uri = ?, experiment_id = 0", (there,))


def trigger(database, there, _):
    """Changes the place of a run once it is made."""
    then = f"UPDATE runs SET artifact_uri = '{there}' WHERE run_uuid = NEW.run_uuid"
    database.execute(f"CREATE TRIGGER t AFTER INSERT ON runs BEGIN {then}; END")


LEADS = [paths, first_experiment, runs_of_the_first_experiment, trigger]


def leading_elsewhere(whole, tmp_path, lead):
    """A study whose database would have MLflow write into a folder `elsewhere`, and has yet to show its runs."""
    folder = tmp_path / "copied"
    shutil.copytree(whole, folder)
    find_artifacts(folder)  # or they lead to where the folder was
    study = sd.Study(SPEC | {"tracking": {"mlflow": {"pictures": 1}}}, folder=folder)
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        lead(database, f"file://{tmp_path}/elsewhere", f"selectdis.study.{study.id}")
        database.execute("DELETE FROM tags WHERE key LIKE 'selectdis.%' AND key NOT IN ('selectdis.stage')")
    return study


@pytest.mark.parametrize("lead", LEADS)
def test_a_database_that_leads_mlflow_elsewhere_is_put_aside(whole, tmp_path, lead):
    study = leading_elsewhere(whole, tmp_path, lead)
    show(study)
    assert not (tmp_path / "elsewhere").exists()
    assert (study.folder / "mlflow.db.old").exists() == (lead is not first_experiment)  # which is brought home
    assert list(study.folder.glob("artifacts/**/traversals.png"))


def test_files_go_nowhere_else_though_a_database_was_not_found_out(whole, tmp_path, monkeypatch):
    study = leading_elsewhere(whole, tmp_path, trigger)
    monkeypatch.setattr("selectdis.tracking._own_database.leads_elsewhere", lambda folder: False)
    with pytest.raises(SelectdisError, match="outside its folder: remove that database"):
        show(study)
    assert not (tmp_path / "elsewhere").exists()


def test_the_ui_shows_no_database_that_leads_elsewhere(whole, tmp_path, call):
    study = leading_elsewhere(whole, tmp_path, runs_of_the_first_experiment)
    assert "leads MLflow to files outside the study's folder" in call("ui", study.folder).refusal


ODD = "a %41%2F%3F?x=1&mode=memory#b é'\";$(c)"


def test_a_folder_of_any_name_holds_its_database_and_its_champion(whole, tmp_path):
    folder = tmp_path / ODD
    shutil.copytree(whole, folder, ignore=shutil.ignore_patterns("mlflow.db*", "artifacts", "study.id.json"))
    before = sorted(tmp_path.iterdir()), sorted(Path.cwd().iterdir())
    track(folder)
    assert (folder / "mlflow.db").stat().st_size > 10_000
    assert list(folder.glob("artifacts/models/*/artifacts/artifacts/*.safetensors"))
    assert (sorted(tmp_path.iterdir()), sorted(Path.cwd().iterdir())) == before
    assert own_uri(folder) == own_uri(folder)  # MLflow knows a database by its URL


def test_a_folder_that_was_moved_has_its_images_with_it(whole, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    shutil.copytree(whole, old)
    journal = (old / "study.log").read_text()
    assert str(whole) not in journal
    # As version 0.1 wrote it: the whole path, which is elsewhere now.
    (old / "study.log").write_text(journal.replace('\\"stored\\": \\"data/', f'\\"stored\\": \\"{whole}/data/'))
    assert str(whole) in (old / "study.log").read_text()
    old.rename(new)
    (transfer,) = sd.Study(SPEC, folder=new).transfers()
    assert Path(transfer.stage.data.stored).parent == new / "data"
    assert (transfer.stage.data.load().images_at([0, 1]) == TARGET.images_at([0, 1])).all()
    assert Path(transfer.model).is_relative_to(new)
    assert transfer.best.transform(TARGET.images).shape == (40, 2)
