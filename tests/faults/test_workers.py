"""Workers and the Dask scheduler are killed."""

import os
import pickle
import signal
import subprocess
from functools import partial

import pytest

from selectdis.execution._job import CohortJob
from selectdis.execution._pool import stoppable
from selectdis.execution._stop import StopSignal
from selectdis.execution._study_jobs import jobs_of
from selectdis.execution._worker import run_cohort
from selectdis.study import Study
from selectdis.study._search import candidate_from, grid
from tests.faults.drivers import SPEC, Driver, assert_whole, notes
from tests.faults.servers import Dask


def test_a_killed_worker_process_costs_a_warning(tmp_path, expected):
    folder = tmp_path / "study"
    driver = Driver(folder, "--jobs", "2").until(lambda: len(notes(folder, "step")) > 8)
    worker = int(notes(folder, "start")[0][1])
    assert worker != driver.process.pid
    os.kill(worker, signal.SIGKILL)
    driver.finish()
    assert "a worker was lost" in driver.said
    assert_whole(folder, expected)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Dask(tmp_path_factory.mktemp("dask")).running() as cluster:
        yield cluster


def test_a_killed_dask_worker_is_replaced(tmp_path, expected, cluster):
    folder = tmp_path / "study"
    driver = Driver(folder, "--scheduler", cluster.address).until(lambda: len(notes(folder, "step")) > 8)
    os.kill(int(notes(folder, "start")[0][1]), signal.SIGKILL)  # its nanny starts another
    driver.finish()
    assert_whole(folder, expected)


def test_ctrl_c_reaches_dask_workers(tmp_path, expected, cluster):
    folder = tmp_path / "study"
    driver = Driver(folder, "--scheduler", cluster.address).until(lambda: len(notes(folder, "step")) > 8)
    assert driver.signal(signal.SIGINT).wait() == 130
    assert "run the same command again" in driver.said
    Driver(folder, "--scheduler", cluster.address).finish()
    assert_whole(folder, expected)
    trained = [one for line in notes(folder, "step") for one in line]
    assert max(trained.count(candidate) for candidate in set(trained)) <= SPEC["training"]["steps"]


def test_a_dask_scheduler_that_comes_back_is_waited_for(tmp_path, expected, cluster):
    folder = tmp_path / "study"
    driver = Driver(folder, "--scheduler", cluster.address).until(lambda: len(notes(folder, "step")) > 8)
    cluster.kill_scheduler()
    driver.until(lambda: "the connection to the scheduler was lost" in driver.said)
    cluster.start_scheduler().start_worker()
    driver.finish()
    assert_whole(folder, expected)


def test_a_dask_scheduler_that_stays_away_ends_the_driver_in_one_sentence(tmp_path, expected, cluster):
    folder = tmp_path / "study"
    driver = Driver(folder, "--scheduler", cluster.address, timeout=2.0)
    driver.until(lambda: len(notes(folder, "step")) > 35)
    cluster.kill_scheduler()
    assert driver.wait() == 2
    assert f"no Dask scheduler answers at {cluster.address}" in driver.said
    assert "Traceback" not in driver.said
    Driver(folder, "--jobs", "1").finish()
    assert_whole(folder, expected)


def use_tls(folder):
    import dask

    certificate, key = f"{folder}/cert.pem", f"{folder}/key.pem"
    files = {"ca-file": certificate, "client.cert": certificate, "client.key": key}
    dask.config.set({f"distributed.comm.tls.{name}": file for name, file in files.items()})
    dask.config.set({"distributed.comm.require-encryption": True})


def test_a_cluster_behind_tls(tmp_path, expected):
    folder = tmp_path / "study"
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*openssl, "-keyout", "key.pem", "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    options = ["--tls-ca-file", certificate, "--tls-cert", certificate, "--tls-key", key]
    with Dask(tmp_path, options, protocol="tls").running() as cluster:
        stranger = Driver(tmp_path / "stranger", "--scheduler", cluster.address, timeout=1.0)
        assert stranger.wait() == 2, stranger.said
        Driver(folder, "--scheduler", cluster.address, fault=partial(use_tls, tmp_path)).finish()
    assert_whole(folder, expected)


def test_a_job_is_small_since_data_go_by_reference(tmp_path):
    study = Study(SPEC, folder=tmp_path)
    reference = study.proxies()[0]
    template = CohortJob((), reference, "proxy", study.spec.training, study.spec.evaluation, str(tmp_path))
    params = next(grid(study.spec.search))
    (job,) = jobs_of([candidate_from(params, study.spec, seed=seed) for seed in range(16)], template, n_jobs=1)
    reference.load()
    assert len(pickle.dumps((partial(stoppable, run_cohort, StopSignal(f"{tmp_path}/stop")), 0, job))) < 10_000


def test_an_address_where_nobody_listens_is_one_sentence(tmp_path):
    for address in ("tcp://127.0.0.1:1", "nonsense://x"):
        driver = Driver(tmp_path / "study", "--scheduler", address, timeout=0.5)
        assert driver.wait() == 2
        assert "no Dask scheduler answers" in driver.said
        assert driver.said.strip().count("\n") == 0
