"""A tracking server that is killed in the middle of a study, comes back, and shows it all in its pages."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings

import pytest

from selectdis.study import Listener, Study
from selectdis.tracking import track
from selectdis.tracking._saved_view import view_tag
from tests.browser import browser, free_port, needs_browser, watched_page
from tests.tracking.views import SPEC, all_runs

# What MLflow's own pages say on a good day.
CHATTER = (
    "Failed to load resource",
    "AG Grid",
    "null ResizeObserver",
    "[.WebGL",
    "Automatic fallback to software WebGL",
)


class Server:
    """An `mlflow server` of its own."""

    def __init__(self, folder):
        self.folder, self.port, self.process = folder, free_port(), None
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(self.port)]
        command += ["--backend-store-uri", f"sqlite:///{self.folder}/server.db"]
        command += ["--artifacts-destination", str(self.folder / "artifacts")]
        environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.uri}/health", timeout=5)
                return
            except (urllib.error.URLError, OSError):
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.2)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self):
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


class Kills(Listener):
    """Kills the server at the third run, once it shows something."""

    def __init__(self, server):
        self.server, self.runs = server, 0

    def run_finished(self, study, stage, record, run):
        self.runs += 1
        if self.runs == 3:
            from mlflow import MlflowClient

            client = MlflowClient(tracking_uri=self.server.uri)
            for _ in range(600):
                if client.get_experiment_by_name(study.name) and all_runs(client):
                    break
                time.sleep(0.1)
            self.server.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def survived(server, tmp_path_factory):
    """A study whose server was killed, and that was sent what it missed; with what was said."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", server.uri)
        study = Study(SPEC, folder=tmp_path_factory.mktemp("study"), n_jobs=1)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            study.run(listeners=[Kills(server)])
            study.transfer()
        server.start()
        sent = track(study)
    return study, [str(warning.message) for warning in said], sent


def test_a_study_outlives_its_server(survived):
    study, said, _ = survived
    assert len(study.records) == 6
    assert (study.records["status"] == "complete").all()
    assert study.transfers()[0].pick is not None
    assert sum("takes nothing now" in message for message in said) == 2  # once a run, and once a transfer
    assert not [message for message in said if "failed, the study goes on" in message]


def test_what_the_server_missed_is_sent_later(survived, server):
    from mlflow import MlflowClient

    study, _, sent = survived
    assert sent.sent > 4
    client = MlflowClient(tracking_uri=server.uri)
    runs = all_runs(client)
    assert {key[2] for key in runs if key[0] == "proxy"} == {"", *study.records["candidate"]}
    assert {key[2] for key in runs if key[0] == "target"} == {"", *study.transfers()[0].records["candidate"]}
    assert all(run.info.status == "FINISHED" for run in runs.values())
    assert int(client.get_model_version_by_alias("small-digits", "champion").version) == 1
    assert not (study.folder / "mlflow.db").exists()


@pytest.fixture(scope="module")
def ui(survived, server):
    """Opens a page of the server's, by what stands behind the #."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=server.uri)
    experiment = client.get_experiment_by_name("small").experiment_id
    with browser() as chromium:

        def opened(address):
            page, problems = watched_page(chromium, width=1500, height=1000)
            page.set_default_timeout(60_000)
            page.goto(f"{server.uri}/#/{address.format(experiment=experiment)}")
            return page, lambda: [text for text in problems if not text.startswith(CHATTER)]

        yield opened, all_runs(client)


def unfold(page, name):
    """Show the candidates of a stage."""
    page.locator("[role=row]", has_text=name).locator("button").first.click()


@needs_browser
def test_the_run_table_shows_stages_and_candidates(ui):
    opened, runs = ui
    page, problems = opened("experiments/{experiment}/runs")
    page.get_by_text("proxy · sprites").first.wait_for()
    page.get_by_text("target · digits").first.wait_for()
    page.get_by_text(SPEC["description"]).first.wait_for()
    unfold(page, "proxy · sprites")
    page.get_by_text(
        next(run.info.run_name for key, run in runs.items() if key[0] == "proxy" and key[2])
    ).first.wait_for()
    assert problems() == []


@needs_browser
def test_the_saved_view_opens_on_the_pick_with_ranks_and_charts(ui, survived):
    """Its form is MLflow's own affair: where this fails with a new version, that one is not in `TRIED`."""
    opened, runs = ui
    study = survived[0]
    key = view_tag(study.id).rpartition(".")[2]
    address = f"experiments/{{experiment}}/runs?workflowType=machine_learning&viewStateShareKey={key}"
    page, problems = opened(address)
    picked = page.locator("[role=gridcell][col-id='tags.`picked`']")
    picked.first.wait_for()
    first = page.locator("[row-index='0']")
    assert first.locator("[col-id='tags.`picked`']").inner_text() == "picked"
    assert first.locator("[col-id='metrics.`rank`']").inner_text() == "1"
    name = runs["target", "digits", study.transfers()[0].pick.candidate].info.run_name
    assert name in " ".join(first.all_inner_texts())
    assert picked.all_inner_texts().count("picked") == 1
    page.get_by_text("Pick: ").first.wait_for()
    charts, _ = opened(f"{address}&compareRunsMode=CHART")
    charts.get_by_text("What the choice rests on").wait_for()
    charts.locator(".js-plotly-plot .scatterlayer path").first.wait_for()
    assert problems() == []


@needs_browser
def test_runs_can_be_compared_in_parallel_coordinates(ui):
    opened, runs = ui
    ids = [run.info.run_id for key, run in runs.items() if key[0] == "proxy" and key[2]]
    query = urllib.parse.urlencode({"runs": json.dumps(ids), "experiments": '["{experiment}"]'}, safe="{}")
    page, problems = opened(f"compare-runs?{query}")
    page.get_by_text("Comparing 6 Runs from 1 Experiment").wait_for()
    page.get_by_text("Parallel Coordinates Plot").wait_for()
    page.locator(".js-plotly-plot .parcoords").first.wait_for()
    axes = page.locator(".js-plotly-plot .axis-title").all_text_contents()
    assert axes == ["objective", "seed", "strength", "metric/mig"]  # what MLflow shows first
    assert problems() == []


@needs_browser
def test_charts_show_the_curves(ui):
    opened, _ = ui
    page, problems = opened("experiments/{experiment}/runs?compareRunsMode=CHART")
    unfold(page, "proxy · sprites")
    page.get_by_text("criterion/elbo").first.wait_for()
    page.get_by_placeholder("Search metric charts").fill("curve/loss")
    page.locator(".js-plotly-plot .scatterlayer path").first.wait_for()
    assert problems() == []


@needs_browser
def test_pictures_of_the_picked_run(ui, survived):
    opened, runs = ui
    picked = runs["target", "digits", survived[0].transfers()[0].pick.candidate].info.run_id
    page, problems = opened(f"experiments/{{experiment}}/runs/{picked}/artifacts/pictures/traversals.png")
    page.locator("img[src^='blob:'], img[src*='traversals']").first.wait_for()
    page.get_by_text("kl_per_latent.png").first.wait_for()
    assert problems() == []


@needs_browser
def test_the_champion_is_in_the_registry(ui):
    opened, _ = ui
    page, problems = opened("models/small-digits/versions/1")
    page.get_by_text("champion", exact=False).first.wait_for()
    assert problems() == []
