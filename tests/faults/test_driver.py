"""The driver is killed, interrupted, started twice."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

from tests.faults.drivers import (
    RUNS,
    SPEC,
    Driver,
    assert_all_end,
    assert_whole,
    members,
    notes,
    records,
    slow_steps,
    tiny,
)

SEED = int(os.environ.get("FAULT_SEED", "0"))  # of the moments; try others
KILLS = int(os.environ.get("FAULT_KILLS", "10"))


def test_a_driver_killed_at_random_moments_loses_and_repeats_nothing(tmp_path, expected):
    rng = np.random.default_rng(SEED)
    killed, number = 0, 0
    while killed < KILLS:
        folder = tmp_path / f"study-{number}"
        number += 1
        while killed < KILLS and not (folder.exists() and len(records(folder)) == RUNS):
            driver = Driver(folder, "--jobs", "1")
            time.sleep(rng.uniform(0.1, 1.2))
            killed += driver.kill()
        Driver(folder, "--jobs", "1").finish()
        assert_whole(folder, expected)


def test_a_driver_killed_with_its_workers_at_work_goes_on(tmp_path, expected):
    folder = tmp_path / "study"
    driver = Driver(folder, "--jobs", "2").until(lambda: len(notes(folder, "step")) > 12)
    driver.kill()
    Driver(folder, "--jobs", "2").finish()
    assert_whole(folder, expected)
    steps = SPEC["training"]["steps"]
    trained = [one for line in notes(folder, "step") for one in line]
    assert max(trained.count(candidate) for candidate in set(trained)) < 2 * steps  # from checkpoints


# A terminal's Ctrl-C and its end reach the whole group, a supervisor's SIGTERM often the driver alone.
STOPS = [("1", signal.SIGTERM, False), ("2", signal.SIGINT, True), ("2", signal.SIGHUP, True)]


def test_a_stop_saves_says_one_sentence_and_goes_on_from_there(tmp_path, expected):
    for jobs, number, group in STOPS:
        folder = tmp_path / f"study-{number}"
        driver = Driver(folder, "--jobs", jobs).until(lambda folder=folder: len(notes(folder, "step")) > 13)
        assert driver.signal(number, group=group).wait() == 128 + number, driver.said
        assert driver.said.strip().count("\n") == 0
        assert "run the same command again" in driver.said
        assert list((folder / "checkpoints").rglob("*.safetensors"))
        assert not list(folder.glob("stop-*"))
        Driver(folder, "--jobs", jobs).finish()
        assert_whole(folder, expected)
        trained = [one for line in notes(folder, "step") for one in line]
        steps = SPEC["training"]["steps"]
        # Not one step is done twice (the step that Ctrl-C ends is not noted).
        assert {trained.count(candidate) for candidate in set(trained)} <= {steps - 1, steps}


def test_the_second_stop_ends_at_once(tmp_path):
    for jobs, number, group in STOPS:
        folder = tmp_path / f"study-{number}"
        driver = Driver(folder, "--jobs", jobs, fault=slow_steps).until(lambda folder=folder: notes(folder, "start"))
        driver.signal(number, group=group)
        time.sleep(0.3)
        assert driver.signal(number, group=group).wait() == 128 + number, driver.said  # long before its step ends
        assert_all_end(driver.process.pid)


def test_workers_of_a_killed_driver_end_within_seconds_even_where_they_never_look(tmp_path):
    folder = tmp_path / "study"
    driver = Driver(folder, "--jobs", "2", fault=slow_steps).until(lambda: notes(folder, "start"))
    assert len(members(driver.process.pid)) > 2
    driver.kill()
    assert_all_end(driver.process.pid)


def test_nohup_goes_on_when_its_terminal_ends(tmp_path, expected):
    folder = tmp_path / "study"
    driver = Driver(folder, "--jobs", "2", fault=ignore_hangups).until(lambda: len(notes(folder, "step")) > 8)
    driver.signal(signal.SIGHUP, group=True).finish()
    assert_whole(folder, expected)


def ignore_hangups():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def test_a_second_driver_of_a_folder_is_refused_in_one_sentence(tmp_path, expected):
    folder = tmp_path / "study"
    first = Driver(folder, "--jobs", "1").until(lambda: notes(folder, "step"))
    second = Driver(folder, "--jobs", "1")
    assert second.wait() == 2
    assert f"another driver (process {first.process.pid} on" in second.said
    assert second.said.strip().count("\n") == 0
    first.finish()
    assert_whole(folder, expected)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_killed_search_is_suggested_what_an_undisturbed_one_is(tmp_path, sampler):
    own = {"low": 0.5, "high": 8.0, "log": True}
    search = {"objective": {"beta_vae": {"beta": own}, "dip_vae_i": {"lambda_od": own}}, "architecture": "fc"}
    search |= {"latents": [2], "width": [8], "sampler": sampler, "trials": 7, "batch": 2, "startup": 3}
    spec = tiny(search=search, seeds=1, training=SPEC["training"] | {"steps": 10})
    Driver(tmp_path / "undisturbed", "--jobs", "1", spec=spec).finish()
    rng = np.random.default_rng(SEED)
    folder = tmp_path / "study"
    for _ in range(4):
        driver = Driver(folder, "--jobs", "1", spec=spec)
        time.sleep(rng.uniform(0.1, 0.8))
        driver.kill()
    Driver(folder, "--jobs", "1", spec=spec).finish()
    found, expected = (records(path, spec=spec) for path in (folder, tmp_path / "undisturbed"))
    assert len(expected) == 7
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected.drop(columns="seconds"), rtol=1e-4)
    assert notes(folder, "again") == []
