"""Studies beside each other, and folders that go elsewhere: each shows its own runs, each once."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from contextlib import closing

import numpy as np
import pytest

import selectdis.study._batch as batch_module
from selectdis.data import load_dataset
from selectdis.errors import SelectdisError
from selectdis.execution._study_jobs import run_jobs
from selectdis.study import Study
from selectdis.tracking import rebuild, track
from selectdis.tracking._own_database import find_artifacts, own_uri
from tests.study.fakes import fake_work
from tests.study.fakes import spec as fake_spec
from tests.tracking.views import SPEC, all_runs

SMALL = {"objective": {"beta_vae": {"beta": [1, 2]}}, "architecture": "fc", "width": [8], "latents": [2]}


def client_of(uri):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A database that stands in for a server: it is in no study's folder."""
    return f"sqlite:///{tmp_path_factory.mktemp('server')}/server.db"


@pytest.fixture
def no_training(monkeypatch):
    def quick(jobs, more, **_):
        return run_jobs(jobs, more, n_jobs=1, work=fake_work)

    monkeypatch.setattr(batch_module, "run_jobs", quick)


def study_in(folder, **changes):
    select = {"run": "reconstruction", "seeds": 1}
    own = {"search": SMALL, "seeds": 1, "select": select, "tracking": "mlflow"} | changes
    return Study(fake_spec(**own), folder=folder, n_jobs=1)


def runs_of(client, study, experiment=None):
    """(stage, candidate) -> id of the MLflow run, of one study."""
    ids = [client.get_experiment_by_name(experiment or study.name).experiment_id]
    runs = client.search_runs(ids, f"tags.`selectdis.study` = '{study.id}'", max_results=1_000)
    keys = [tuple(run.data.tags[f"selectdis.{name}"] for name in ("stage", "candidate")) for run in runs]
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, (run.info.run_id for run in runs), strict=True))


@pytest.mark.usefixtures("no_training")
def test_two_studies_of_one_name_on_one_server(tmp_path, server, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    client, (mine, hers) = client_of(server), (study_in(tmp_path / name) for name in ("mine", "hers"))
    for study in (mine, hers):
        study.run()
        study.transfer()
    before = runs_of(client, hers)
    assert runs_of(client, mine).keys() == before.keys()
    assert len(before) == 2 + 3  # a parent and two runs on the proxy, a parent and a run on the target
    assert {model.name for model in client.search_registered_models()} == {"fake-digits", f"fake-digits-{hers.id[:8]}"}
    version = client.get_model_version_by_alias(f"fake-digits-{hers.id[:8]}", "champion")
    assert version.run_id in before.values()
    rebuild(mine)
    assert runs_of(client, hers) == before
    assert not set(runs_of(client, mine).values()) & set(before.values())
    assert client.get_model_version_by_alias("fake-digits", "champion").run_id in runs_of(client, mine).values()
    parent = client.get_run(before["proxy", ""])
    assert hers.id in parent.data.tags["mlflow.note.content"]
    assert f"fake {hers.id[:8]} · proxy" in parent.info.run_name  # not alone in the experiment


@pytest.mark.usefixtures("no_training")
def test_the_experiment_can_be_named_and_is_found_again_by_the_id(tmp_path, server, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    client = client_of(server)
    named = study_in(tmp_path / "named", name="named", tracking={"mlflow": {"experiment": "lab"}}).run()
    assert len(runs_of(client, named, "lab")) == 3
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_EXPERIMENT_NAME", "of the variable")
        other = study_in(tmp_path / "other", name="other").run()
    assert len(runs_of(client, other, "of the variable")) == 3
    assert track(other) == (0, 2)  # without the variable: where it is
    assert client.get_experiment_by_name("other") is None


@pytest.mark.usefixtures("no_training")
def test_a_copy_that_runs_is_shown_anew(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    first = study_in(tmp_path / "first").run()
    shutil.copytree(first.folder, tmp_path / "copy")
    copy = study_in(tmp_path / "copy")
    with pytest.warns(UserWarning, match="is a copy of"):
        copy.run()
    client = client_of(own_uri(copy.folder))
    shown = client.search_runs([client.get_experiment_by_name("fake").experiment_id])
    assert {run.data.tags["selectdis.study"] for run in shown} == {copy.id} != {first.id}
    assert len(shown) == 3
    assert str(copy.folder) in shown[0].info.artifact_uri


@pytest.mark.usefixtures("no_training")
def test_a_copy_whose_view_is_made_again_deletes_nothing_of_its_original(tmp_path, server, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    first = study_in(tmp_path / "first", name="original").run()
    before = runs_of(client_of(server), first)
    shutil.copytree(first.folder, tmp_path / "copy")
    copy = study_in(tmp_path / "copy", name="original")
    with pytest.warns(UserWarning, match="is a copy of"):
        rebuild(copy)
    assert copy.id != first.id
    assert runs_of(client_of(server), first) == before
    assert runs_of(client_of(server), copy).keys() == before.keys()


CHAMPION = """
import sys, mlflow, numpy as np
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model("models:/small-digits@champion")
np.save("codes.npy", model.predict(np.load("images.npy")))
"""


@pytest.mark.parametrize("how", ["track", "ui"])
def test_the_champion_of_a_moved_folder_loads(studied, tmp_path, how):
    shutil.copytree(studied.folder, tmp_path / "on its way")
    track(Study(SPEC, folder=tmp_path / "on its way"))
    (tmp_path / "on its way").rename(tmp_path / "at its place")
    study = Study(SPEC, folder=tmp_path / "at its place")
    if how == "track":
        assert track(study) == (0, 10)
    else:
        find_artifacts(study.folder)
    images = load_dataset("digits", image_size=16).images_at(range(7))
    np.save(tmp_path / "images.npy", images)
    subprocess.run([sys.executable, "-c", CHAMPION, own_uri(study.folder)], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "codes.npy"), study.transfers()[0].best.transform(images), atol=1e-6)
    assert study.id == studied.id


@pytest.fixture
def copied(studied, tmp_path):
    shutil.copytree(studied.folder, tmp_path / "study")
    return Study(SPEC, folder=tmp_path / "study")


def test_a_view_of_version_0_1_is_taken_over(copied):
    """Its runs had no id, nor did its experiment and its model."""
    with closing(sqlite3.connect(copied.folder / "mlflow.db")) as database, database:
        database.execute("DELETE FROM tags WHERE key IN ('selectdis.study', 'selectdis.key', 'selectdis.name')")
        database.execute("DELETE FROM tags WHERE key IN ('selectdis.run', 'selectdis.pictures')")
        database.execute("DELETE FROM experiment_tags WHERE key LIKE 'selectdis.%'")
        database.execute("DELETE FROM registered_model_tags")
    (copied.folder / "study.id.json").unlink()
    before = shutil.copytree(copied.folder, copied.folder.parent / "before")
    assert track(copied) == (10, 10)
    client = client_of(own_uri(copied.folder))
    taken, earlier = all_runs(client), all_runs(client_of(own_uri(before)))
    assert {key: run.info.run_id for key, run in taken.items()} == {k: run.info.run_id for k, run in earlier.items()}
    run = next(run for key, run in taken.items() if key[2])
    points = client.get_metric_history(run.info.run_id, "curve/loss")
    assert [point.step for point in points] == [10, 20, 30, 40]
    assert [model.name for model in client.search_registered_models()] == ["small-digits"]
    assert track(copied) == (0, 10)


@pytest.mark.parametrize("wait_for", [20_000, 300_000])
def test_a_database_whose_maker_was_killed_is_made_again(copied, wait_for):
    path = copied.folder / "mlflow.db"
    path.unlink()
    code = (
        f"from mlflow import MlflowClient; MlflowClient(tracking_uri={own_uri(copied.folder)!r}).search_experiments()"
    )
    maker = subprocess.Popen([sys.executable, "-c", code])
    while not path.exists() or path.stat().st_size < wait_for:
        assert maker.poll() is None
        time.sleep(0.002)
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    with closing(sqlite3.connect(path)) as database, pytest.raises((sqlite3.DatabaseError, AssertionError)):
        assert database.execute("SELECT count(*) FROM experiments").fetchone()[0]
    assert track(copied) == (10, 10)
    assert len(all_runs(client_of(own_uri(copied.folder)))) == 12


def test_a_damaged_database_is_put_aside_and_one_that_is_locked_is_not(copied):
    path = copied.folder / "mlflow.db"
    with pytest.MonkeyPatch.context() as patch, closing(sqlite3.connect(path, isolation_level=None)) as other:
        connect = sqlite3.connect
        patch.setattr(sqlite3, "connect", lambda path, timeout: connect(path, timeout=0))
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SelectdisError, match="locked"):
            track(copied)
    path.write_bytes(b"damaged" * 1_000)
    assert track(copied) == (10, 10)
    assert (copied.folder / "mlflow.db.old").read_bytes().startswith(b"damaged")


def test_two_processes_make_each_run_once(copied):
    """And their common database once."""
    (copied.folder / "mlflow.db").unlink()
    (copied.folder.parent / "small.json").write_text(copied.spec.model_dump_json())
    code = (
        "import sys, time, json; from pathlib import Path\n"
        "from selectdis.study import Study; from selectdis.tracking import track; import mlflow.pyfunc\n"
        "study = Study(json.loads(Path('small.json').read_text()), folder='study')\n"
        "Path(sys.argv[1]).touch()\n"
        "while not Path('go').exists(): time.sleep(0.01)\n"
        "track(study)\n"
    )
    folder = copied.folder.parent
    both = [subprocess.Popen([sys.executable, "-c", code, name], cwd=folder) for name in ("one", "two")]
    while not all((folder / name).exists() for name in ("one", "two")):
        assert all(process.poll() is None for process in both)
        time.sleep(0.05)
    (folder / "go").touch()
    assert [process.wait(300) for process in both] == [0, 0]
    client = client_of(own_uri(copied.folder))
    runs = all_runs(client)  # which has each of them once
    assert len(runs) == 12
    run = next(run for key, run in runs.items() if key[2])
    assert len(client.get_metric_history(run.info.run_id, "curve/loss")) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert track(copied) == (0, 10)
