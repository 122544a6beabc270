"""Training in several processes that are interrupted and killed, as a terminal and a system do it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selectdis.execution import train
from selectdis.training._checkpoint import descriptions_in
from tests.training.conftest import OBJECTIVES, blobs, same, small

JOBS = """
import sys
from selectdis.execution import train
from tests.training.conftest import blobs, small

def tell(done, total):
    print("idle" if done > 5_000 else "working" if done > 800 else "begun", flush=True)

if __name__ == "__main__":
    short, long = [small(latents=2)], [small(seed=seed) for seed in range(4)]
    try:
        print("importing", flush=True)
        options = {"device": "cpu", "n_jobs": 2, "checkpoint_dir": sys.argv[1], "on_progress": tell}
        train(short + long if sys.argv[2] == "idle" else long, blobs(), steps=100_000, **options)
    except KeyboardInterrupt as error:
        print(error, flush=True)
        sys.exit(130)
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc"),
]


def start(tmp_path, moment):
    script = tmp_path / "script.py"
    script.write_text(JOBS)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "states"), moment],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True,
    )  # fmt: skip
    for line in process.stdout:
        if line.strip() == moment:
            return process
    raise AssertionError(f"the process ended before it was {moment}: {process.stderr.read()[-2000:]}")


@pytest.mark.parametrize("moment", ["importing", "working", "idle"])
@pytest.mark.parametrize("reaches", ["parent", "all"])
def test_ctrl_c_ends_in_one_sentence_and_saves(tmp_path, moment, reaches):
    """A terminal sends it to all processes, also to those that wait for work or have not begun."""
    process = start(tmp_path, moment)
    if moment == "importing":
        time.sleep(1)  # the workers are being started, which takes seconds
    os.killpg(process.pid, signal.SIGINT) if reaches == "all" else process.send_signal(signal.SIGINT)
    said, complaints = process.communicate()
    assert process.returncode == 130
    assert "call again with the same arguments to go on" in said
    # A process of joblib's that has not come to our code yet says what Python says.
    early = moment == "importing" and reaches == "all"
    assert ("selectdis/" if early else "Traceback") not in complaints
    if moment == "working":
        states = list(descriptions_in(tmp_path / "states"))
        assert states  # a process that had not begun has nothing to save
        assert all(description["step"] > 0 for _, description in states)


def workers_of(parent):
    """Process ids of the loky workers in a process's session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            session = (folder / "stat").read_text().rpartition(")")[2].split()[3]
            if int(session) == parent and b"popen_loky_posix" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def test_workers_of_a_killed_parent_save_and_end(tmp_path):
    process = start(tmp_path, "working")
    assert workers_of(process.pid)
    process.kill()
    process.wait()
    while workers_of(process.pid):
        time.sleep(0.2)
    states = list(descriptions_in(tmp_path / "states"))
    assert states
    assert all(0 < description["step"] < 100_000 for _, description in states)


def own_workers():
    """Process ids of this process's loky workers."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and b"popen_loky_posix" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return sorted(found)


def test_a_killed_worker_is_started_again_and_goes_on(tmp_path):
    candidates = [small(objective) for objective in OBJECTIVES[:4]]
    images = blobs()
    killed = []

    def kill_one(done, total):
        if done > 100 and not killed:
            killed.append(own_workers()[0])
            os.kill(killed[0], signal.SIGKILL)

    options = {"steps": 400, "device": "cpu", "curve_every": 100}
    with pytest.warns(UserWarning, match="a worker was lost"):
        runs = train(
            candidates, images, n_jobs=2, checkpoint_dir=tmp_path, checkpoint_every=100, on_progress=kill_one, **options
        )
    expected = train(candidates[:2], images, **options) + train(candidates[2:], images, **options)
    assert killed
    assert all(same(a, b) for a, b in zip(runs, expected, strict=True))
