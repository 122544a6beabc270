"""What a study that has run looks like in MLflow."""

import html
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowException
from typer.testing import CliRunner

from selectdis.cli import app
from selectdis.data import load_dataset
from selectdis.data._reference import DataReference
from selectdis.errors import SelectdisError
from selectdis.records import is_score, number
from selectdis.report import write_report
from selectdis.study import Study
from selectdis.tracking import MLflowListener, rebuild, track
from selectdis.tracking import _view as view_module
from selectdis.tracking._own_database import own_uri
from selectdis.tracking._saved_view import page_of, view_tag
from selectdis.tracking._store import Store, check_uri
from selectdis.training import Run
from selectdis.visualization import take_snapshot, verdict
from tests.browser import free_port
from tests.tracking.views import SPEC, all_runs


@pytest.fixture(scope="module")
def client(studied):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=own_uri(studied.folder))


@pytest.fixture(scope="module")
def runs(client):
    return all_runs(client)


def children(runs, stage):
    return {key[2]: run for key, run in runs.items() if key[0] == stage and key[2]}


def test_a_parent_run_a_stage_and_a_child_run_a_candidate(studied, runs):
    records = {"proxy": studied.records, "target": studied.transfers()[0].records}
    for stage, dataset in (("proxy", "sprites"), ("target", "digits")):
        parent = runs[stage, dataset, ""]
        assert parent.info.status == "FINISHED"
        assert parent.data.metrics["runs/complete"] == len(records[stage])
        assert set(children(runs, stage)) == set(records[stage]["candidate"])
        for run in children(runs, stage).values():
            assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
            assert run.info.status == "FINISHED"


def test_parameters_have_the_same_names_on_every_run(runs):
    names = {frozenset(run.data.params) for stage in ("proxy", "target") for run in children(runs, stage).values()}
    assert len(names) == 1
    assert {"strength.beta", "strength.lambda_od", "objective", "seed", "strength"} <= next(iter(names))


def test_scores_are_those_of_the_records(studied, runs):
    for row in studied.records.to_dict("records"):
        shown = runs["proxy", "sprites", row["candidate"]].data.metrics
        for name, value in row.items():
            if name.startswith(("metric.", "criterion.")) and np.isfinite(value):
                assert shown[name.replace(".", "/", 1)] == pytest.approx(value)
    assert "criterion/udr_lasso" in shown  # comes at the end of the stage, over all runs


def test_curves_have_steps(client, runs):
    run = next(iter(children(runs, "proxy").values()))
    history = client.get_metric_history(run.info.run_id, "curve/loss")
    assert [point.step for point in history] == [10, 20, 30, 40]
    assert history[0].timestamp < history[-1].timestamp


def test_data_sets_tags_and_notes(studied, client, runs):
    for stage, dataset in (("proxy", "sprites"), ("target", "digits")):
        for run in (runs[stage, dataset, ""], next(iter(children(runs, stage).values()))):
            (used,) = run.inputs.dataset_inputs
            assert (used.dataset.name, used.tags[0].value) == (dataset, stage)
            assert len(used.dataset.digest) == 12
            assert json.loads(used.dataset.profile)["image_shape"] == [1, 16, 16]
            assert {"version.torch", "version.selectdis", "selectdis.device"} <= run.data.tags.keys()
            assert run.data.tags["mlflow.note.content"]
    experiment = client.get_experiment_by_name("small")
    note = experiment.tags["mlflow.note.content"]
    transfer = studied.transfers()[0]
    picked = runs["target", "digits", transfer.pick.candidate].info.run_name
    assert note.startswith(f"Pick: **{picked}**, {transfer.trust.decision}. On digits it is {transfer.why}. ")
    assert verdict(transfer.trust) in note
    assert note.endswith(SPEC["description"])


def test_where_a_run_stands_is_said_and_the_pick_is_marked(studied, client, runs):
    transfer = studied.transfers()[0]
    ranks = {"proxy": studied.leaderboard("run"), "target": transfer.leaderboard()}
    for stage, board in ranks.items():
        shown = children(runs, stage)
        for row in board.to_dict("records"):
            run = shown[row["candidate"]]
            assert run.data.metrics["rank"] == row["rank"]
            assert run.data.tags["selectdis.order"].endswith(f"-{row['rank']:05d}")
            is_pick = stage == "target" and row["candidate"] == transfer.pick.candidate
            assert (run.data.tags.get("picked") == "picked") == is_pick
            assert re.fullmatch(r"(β-VAE β|DIP-VAE-I λ_od)=\d · seed \d", run.info.run_name), run.info.run_name
    best = max(children(runs, "proxy").values(), key=lambda run: run.data.metrics["win_rate"])
    assert best.data.metrics["rank"] == 1
    orders = {stage: {run.data.tags["selectdis.order"] for run in children(runs, stage).values()} for stage in ranks}
    assert max(orders["target"]) < min(orders["proxy"])  # the answer comes first
    target = runs["target", "digits", ""].data
    assert (target.tags["why"], target.tags["decision"]) == (transfer.why, transfer.trust.decision)
    assert runs["proxy", "sprites", ""].data.metrics["mean/mig"] == pytest.approx(studied.records["metric.mig"].mean())
    assert [one.name for one in client.search_experiments()] == ["small"]  # MLflow's empty first one is gone


def test_a_number_that_is_shown_twice_is_one_number(studied, runs, tmp_path):
    """In records, leaderboard, its CSV, MLflow and the report (its tables are told to three digits)."""
    transfer, page = studied.transfers()[0], write_report(studied, tmp_path / "report.html").read_text(encoding="utf-8")
    board = studied.leaderboard("run").set_index("candidate")
    for stage, table in {"proxy": studied.records, "target": transfer.records}.items():
        shown = children(runs, stage)
        for row in table.to_dict("records"):
            metrics = shown[row["candidate"]].data.metrics
            scores = {name: row[name] for name in row if is_score(name) and np.isfinite(row[name])}
            assert scores
            assert {name: metrics[name.replace(".", "/", 1)] for name in scores} == scores
            if stage == "proxy":
                assert metrics["win_rate"] == pytest.approx(board["score"][row["candidate"]], abs=1e-12)
                assert f">{number(metrics['win_rate'])}<" in page
    asked = CliRunner().invoke(app, ["leaderboard", str(studied.folder), "--out", str(tmp_path / "records.csv")])
    assert asked.exit_code == 0, asked.output
    written = pd.read_csv(tmp_path / "records.csv").set_index(["dataset", "candidate"])
    for table in (studied.records, transfer.records):
        scores = table.set_index(["dataset", "candidate"])[[name for name in table if is_score(name)]]
        pd.testing.assert_frame_equal(written.loc[scores.index, scores.columns], scores, rtol=1e-12)
    for stage in take_snapshot(studied).stages:  # the latents that are shown add up to the KL in the tables
        shown = stage.pictures_of(stage.best[0])
        assert shown.kl.sum() == pytest.approx(stage.row(stage.best[0])["criterion.kl"])
    note, told = runs["target", "digits", ""].data.tags, verdict(transfer.trust)
    assert html.escape(told, quote=False) in page.replace("&#39;", "'")
    assert note["why"] == transfer.why
    assert html.escape(transfer.why[1:], quote=False) in page.replace("&#39;", "'")


def test_another_pick_takes_the_mark(studied, client, monkeypatch):
    transfer = studied.transfers()[0]
    other = next(c for c in transfer.records["candidate"] if c != transfer.pick.candidate)
    moved = SimpleNamespace(
        pick=SimpleNamespace(candidate=other), leaderboard=transfer.leaderboard, why="told so", trust=transfer.trust
    )
    view = view_module.View(studied)
    parent = view._parent(transfer.stage)
    view._rank(transfer.stage, parent, transfer.records, moved)
    assert [key[2] for key, run in all_runs(client).items() if run.data.tags.get("picked") == "picked"] == [other]
    track(studied)
    marked = [key[2] for key, run in all_runs(client).items() if key[2] and "picked" in run.data.tags]
    assert marked == [transfer.pick.candidate]


def test_the_page_that_opens_has_the_study_in_its_columns(studied, client):
    experiment = client.get_experiment_by_name("small")
    view = json.loads(experiment.tags[view_tag(studied.id)])
    assert view["orderByKey"] == "tags.`selectdis.order`"
    assert {"metrics.`rank`", "metrics.`win_rate`", "metrics.`metric/mig`", "tags.`picked`", "params.`seed`"} <= set(
        view["selectedColumns"]
    )
    assert [chart["type"] for chart in view["compareRunCharts"]] == ["SCATTER"] * 3 + ["PARALLEL"]
    page = page_of(studied.folder, studied.id)
    start = f"/experiments/{experiment.experiment_id}/runs?workflowType=machine_learning"
    assert page == f"{start}&viewStateShareKey={view_tag(studied.id).rpartition('.')[2]}"


def test_with_an_mlflow_that_was_not_tried_the_plain_page_opens(studied, monkeypatch):
    monkeypatch.setattr("selectdis.tracking._saved_view.version", lambda name: "3.99.0")
    assert page_of(studied.folder, studied.id).endswith("/runs?workflowType=machine_learning")


def test_pictures_of_the_best_and_the_picked(client, runs, studied):
    with_pictures = [
        run for run in runs.values() if any(file.path == "pictures" for file in client.list_artifacts(run.info.run_id))
    ]
    assert len(with_pictures) >= 4
    picked = runs["target", "digits", studied.transfers()[0].pick.candidate]
    names = {file.path for file in client.list_artifacts(picked.info.run_id, "pictures")}
    assert {"pictures/traversals.png", "pictures/traversals.gif", "pictures/kl_per_latent.png"} <= names


def test_the_champion_loads_in_a_fresh_process(studied, client, tmp_path):
    version = client.get_model_version_by_alias("small-digits", "champion")
    assert version.version == 1
    best = studied.transfers()[0].best
    images = load_dataset("digits", image_size=16).images_at(range(7))
    np.save(tmp_path / "images.npy", images)
    code = (
        "import mlflow, numpy as np\n"
        f"mlflow.set_tracking_uri({own_uri(studied.folder)!r})\n"
        "model = mlflow.pyfunc.load_model('models:/small-digits@champion')\n"
        "assert model.metadata.signature.inputs.input_types()[0] == np.uint8\n"
        "np.save('codes.npy', model.predict(np.load('images.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "codes.npy"), best.transform(images), atol=1e-6)
    assert {path.name for path in tmp_path.iterdir()} == {"images.npy", "codes.npy"}


def test_nothing_in_the_champion_is_pickled(studied):
    (model,) = (studied.folder / "artifacts" / "models").glob("*/artifacts")
    files = {path.name for path in model.rglob("*") if path.is_file()}
    assert {"MLmodel", "_champion_model.py"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".pt", ".joblib"))]
    flavour = yaml.safe_load((model / "MLmodel").read_text())["flavors"]["python_function"]
    assert flavour["model_code_path"].endswith("champion_model.py")


def everything(client):
    """All that could change: runs, parameters, scores, histories of curves and versions of the champion."""
    runs = all_runs(client)
    told = {key: (run.info.run_id, run.info.status, run.data.params, run.data.metrics) for key, run in runs.items()}
    history = {key: client.get_metric_history(run.info.run_id, "curve/loss") for key, run in runs.items()}
    scores = {key: client.get_metric_history(run.info.run_id, "criterion/udr_lasso") for key, run in runs.items()}
    points = {key: [(point.step, point.timestamp) for point in history[key] + scores[key]] for key in runs}
    return told, points, len(client.search_model_versions("name='small-digits'"))


def test_what_is_there_is_neither_sent_again_nor_loaded(studied, client, monkeypatch):
    before = everything(client)
    for owner, name in ((Run, "load"), (DataReference, "load"), (view_module, "save_pictures")):
        monkeypatch.setattr(owner, name, lambda *_, name=name, **__: pytest.fail(f"{name} was called"))
    assert track(studied) == (0, 10)
    assert everything(client) == before


def test_what_is_sent_again_changes_nothing(studied, client):
    """As after a stop between the parts of a run, or by two processes at once."""
    before = everything(client)
    for run in all_runs(client).values():
        client.delete_tag(run.info.run_id, "selectdis.run")
    assert track(studied) == (10, 10)
    assert everything(client) == before


def test_only_what_is_missing_is_loaded_and_sent(studied, client, monkeypatch):
    load, loaded = Run.load, []
    monkeypatch.setattr(Run, "load", lambda path: (loaded.append(Path(path).stem), load(path))[1])
    lost = next(key for key in all_runs(client) if key[0] == "proxy" and key[2])
    client.delete_run(all_runs(client)[lost].info.run_id)
    assert track(studied) == (1, 10)
    assert set(loaded) == {lost[2]}
    assert lost in all_runs(client)


def test_the_view_is_made_again_by_a_command(studied, client, runs, tmp_path):
    """With the database lost: all is there again, and nothing is left in the working directory."""
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(studied.folder, folder)
    (folder / "mlflow.db").write_bytes(b"damaged")
    (folder / "study.id.json").unlink()  # or it is a copy, which is said
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SPEC))
    command = [str(Path(sys.executable).with_name("selectdis")), "track", "small.yaml", "--rebuild", "--folder", "copy"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "made again" in done.stdout
    assert done.stderr == ""
    assert {path.name for path in tmp_path.iterdir()} == {"copy", "small.yaml"}
    from mlflow import MlflowClient

    again = all_runs(MlflowClient(tracking_uri=own_uri(folder)))
    assert again.keys() == runs.keys()
    for key, run in again.items():
        assert run.data.params == runs[key].data.params
        assert run.data.metrics == runs[key].data.metrics


def test_images_that_are_gone_cost_their_pictures_and_their_data_set(studied, tmp_path, monkeypatch):
    import shutil

    from mlflow import MlflowClient

    load = DataReference.load

    def without_digits(reference):
        if reference.name == "digits":
            raise SelectdisError("the digits are gone")
        return load(reference)

    monkeypatch.setattr(DataReference, "load", without_digits)
    shutil.copytree(studied.folder, tmp_path / "copy", ignore=shutil.ignore_patterns("mlflow.db", "artifacts"))
    with pytest.warns(UserWarning, match="digits cannot be loaded"):
        rebuild(Study(SPEC, folder=tmp_path / "copy"))
    client = MlflowClient(tracking_uri=own_uri(tmp_path / "copy"))
    runs = all_runs(client)
    assert sum(stage == "target" for stage, _, _ in runs) == 1 + 4
    assert "cannot be loaded" in runs["target", "digits", ""].data.tags["mlflow.note.content"]
    assert client.get_model_version_by_alias("small-digits", "champion").version == 1
    for (stage, _, candidate), run in runs.items():
        assert bool(run.inputs.dataset_inputs) == (stage == "proxy"), candidate
    pictured = {stage for (stage, _, _), run in runs.items() if client.list_artifacts(run.info.run_id, "pictures")}
    assert pictured == {"proxy"}


def told(study, listener):
    listener.recorded(study, study.proxy_stages()[0], None)
    listener.close()


def test_passwords_are_not_said(studied, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    uri = f"http://me:pass@word@127.0.0.1:{free_port()}"
    with pytest.raises(SelectdisError, match=r"http://me@127.0.0.1.* cannot be reached") as reached:
        rebuild(studied, uri)
    with pytest.raises(SelectdisError, match="knows no tracking server at 'foo://me@bar'") as known:
        rebuild(studied, "foo://me:word@bar")
    listener = MLflowListener(tmp_path, uri, timeout=30)
    with pytest.warns(UserWarning, match=r"MLflow at http://me@127.0.0.1.* takes nothing now") as away:
        told(studied, listener)
    for said in (reached.value, known.value, *(warning.message for warning in away)):
        assert "word@" not in str(said)


def test_the_former_name_of_the_timeout_works_with_a_hint(tmp_path):
    with pytest.warns(FutureWarning, match="timeout") as said:
        listener = MLflowListener(tmp_path, patience=7)
    listener.close()
    assert (listener._timeout, len(said)) == (7, 1)


@pytest.mark.parametrize("uri", ["foo://bar", "localhost:5000", "htp://127.0.0.1:5000"])
def test_an_address_of_no_kind_that_mlflow_knows_is_refused(studied, uri):
    for act in (track, rebuild):
        with pytest.raises(SelectdisError, match=r"knows no tracking server at .*http://HOST:PORT"):
            act(studied, uri)
    assert (studied.folder / "mlflow.db").exists()


@pytest.mark.parametrize(
    "uri", [None, "http://h:1", "sqlite:////a/b.db", "postgresql+psycopg2://u@h/d", "/a:b/c", "runs"]
)
def test_addresses_that_mlflow_knows(uri):
    check_uri(uri)


def test_a_rebuild_needs_runs_and_no_driver_at_work(studied, tmp_path):
    with pytest.raises(SelectdisError, match="no runs yet"):
        rebuild(Study(SPEC, folder=tmp_path / "new"))
    with studied.store.hold(), pytest.raises(SelectdisError, match="another driver"):
        rebuild(Study(SPEC, folder=studied.folder))


def test_a_run_that_is_lost_is_shown_as_failed(studied, tmp_path, diverged):
    from mlflow import MlflowClient

    uri = f"sqlite:///{tmp_path}/other.db"
    listener = MLflowListener(studied.folder, uri)
    listener.recorded(studied, studied.proxy_stages()[0], [diverged])
    listener.close()
    run = all_runs(MlflowClient(tracking_uri=uri))["proxy", "sprites", diverged["candidate"]]
    assert run.info.status == "FAILED"
    assert run.data.metrics["run/failed_step"] == diverged["failed_step"]
    assert "metric/mig" not in run.data.metrics


def test_what_another_process_sent_at_the_same_moment_is_no_refusal():
    sent = []

    def log_batch(*batch):
        sent.append(batch)
        if len(sent) == 1:
            raise MlflowException("(sqlite3.IntegrityError) UNIQUE constraint failed: params.key, params.run_uuid")
        if len(sent) == 3:
            raise MlflowException("too long a name")

    store = object.__new__(Store)
    store.client = SimpleNamespace(log_batch=log_batch)
    store._log_batch("run", [])
    assert sent == [("run", []), ("run", [])]
    with pytest.raises(MlflowException, match="too long"):
        store._log_batch("run", [])
