"""Drivers of a tiny study as real processes, started from a server that has everything imported, and killed at will.

Training is real but small; every step takes a moment longer (``PAUSE``), so that a kill can hit any part of it. What is
trained, and what is trained although it was finished, is written down in the study's folder.
"""

import atexit
import multiprocessing
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import yaml

import selectdis as sd
import selectdis.study._batch as batch_module
import selectdis.study._study as study_module
from selectdis.execution import _recording as recording
from selectdis.execution import _worker as worker
from selectdis.execution._study_jobs import run_jobs

SPEC = {
    "name": "tiny",
    "proxy": {"name": "sprites", "image_size": 16, "sizes": {"shape": 2, "scale": 2, "orientation": 1, "x": 4, "y": 4}},
    "search": {"objective": {"beta_vae": {"beta": [1, 4]}}, "architecture": "fc", "latents": [2, 3], "width": [8]},
    "seeds": 2,
    "training": {"steps": 30, "batch_size": 8, "checkpoint_every": 5, "device": "cpu"},
    "evaluation": {"metrics": ["mig"], "sampled": False, "n_train": 60, "n_test": 20, "probe": 20},
    "select": {"score": "mig"},
    "optimise": ["mig"],
    "tracking": "none",
}
RUNS = 8
PAUSE = 0.015  # seconds a step, beside its work

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["tests.faults.drivers", "selectdis.cli", "distributed", "sqlalchemy"])
train_cohort = worker.train_cohort


def tiny(**changes):
    """The study's description."""
    return {**SPEC, **changes}


class Driver:
    """`selectdis run FILE` in a process and a process group of its own."""

    def __init__(self, folder, *options, spec=None, fault=None, timeout=120.0):
        self.folder = Path(folder)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.out = self.folder.parent / f"{self.folder.name}-{time.monotonic_ns()}.out"
        file = self.out.with_suffix(".yaml")
        file.write_text(yaml.safe_dump(spec or SPEC))
        arguments = ["run", str(file), "--folder", str(self.folder), "--quiet", *options]
        self.process = context.Process(target=_drive, args=(arguments, str(self.out), fault, timeout))
        self.process.start()

    @property
    def said(self):
        return self.out.read_text() if self.out.exists() else ""

    def wait(self, seconds=240):
        """The exit code; what it said is shown when it does not end."""
        self.process.join(seconds)
        assert not self.kill(), f"the driver did not end, it said: {self.said}"
        assert self.process.exitcode is not None
        return self.process.exitcode

    def finish(self):
        """Wait for a good end."""
        assert self.wait() == 0, self.said
        return self

    def signal(self, number, *, group=False):
        """Send a signal to the process or to its whole group (as a terminal does)."""
        (os.killpg if group else os.kill)(self.process.pid, number)
        return self

    def kill(self):
        """SIGKILL; says whether the process was still there."""
        alive = self.process.is_alive()
        self.process.kill()
        self.process.join()
        return alive

    def until(self, condition, seconds=240):
        """Wait until `condition()` while the driver runs."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.is_alive(), f"the driver ended ({self.process.exitcode}): {self.said}"
            assert time.monotonic() < end or not self.kill(), f"nothing happened, the driver said: {self.said}"
            time.sleep(0.02)
        return self


def slow_steps(seconds=3_600.0):
    """A fault: no step ends before its driver does, so that nobody is asked whether to go on."""
    os.environ["FAULT_PAUSE"] = str(seconds)


def members(group):
    """Processes of a group, as `Driver` makes one, with all that they started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, own = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        found += [int(path.parent.name)] if int(own) == group and state != "Z" else []
    return found


def assert_all_end(group, seconds=120):
    """None of a group is left soon."""
    end = time.monotonic() + seconds
    while left := members(group):
        assert time.monotonic() < end, left
        time.sleep(0.1)


def _drive(arguments, out, fault, timeout):
    os.setsid()
    descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    if fault is not None:
        fault()
    batch_module.run_jobs = lambda jobs, more, **o: run_jobs(jobs, more, work=counted_work, timeout=timeout, **o)
    make = study_module.Study.__init__
    study_module.Study.__init__ = lambda self, *a, **o: make(self, *a, **{"lost_after": 4, **o})
    sys.argv = ["selectdis", *arguments]
    from selectdis.cli import main

    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        _end_pool()
        atexit._run_exitfuncs()  # as a process that ends by itself does: joblib removes its folder, and says nothing
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _end_pool():
    """Idle worker processes would keep a child of multiprocessing alive, unlike a process of its own."""
    from joblib.externals.loky import reusable_executor

    if reusable_executor._executor is not None:
        reusable_executor._executor.shutdown(kill_workers=True)


def counted_work(job, stop):
    """`run_cohort`, with notes of what is trained."""
    worker.train_cohort = _counted_training(job)
    try:
        return worker.run_cohort(job, stop)
    finally:
        worker.train_cohort = train_cohort


def _counted_training(job):
    def training(candidates, data, *, should_stop, **options):
        stepped = False

        def note_step():
            nonlocal stepped
            if not stepped:
                stepped = True
                for candidate in candidates:
                    finished = recording.finished_run(job, candidate) is not None
                    _note(job, f"{'again' if finished else 'start'} {candidate.id} {os.getpid()}")
            time.sleep(float(os.environ.get("FAULT_PAUSE", PAUSE)))
            _note(job, "step " + " ".join(c.id for c in candidates))
            return should_stop()

        return train_cohort(candidates, data, should_stop=note_step, **options)

    return training


def _note(job, line):
    descriptor = os.open(Path(job.folder) / "notes.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, (line + "\n").encode())
    os.close(descriptor)


def notes(folder, kind):
    """The notes of one kind: "start", "again" (although it was finished) or "step"."""
    path = Path(folder) / "notes.txt"
    return (
        [line.split()[1:] for line in path.read_text().splitlines() if line.startswith(kind)] if path.exists() else []
    )


def records(folder, storage=None, spec=None):
    """What the study has recorded."""
    return sd.Study(spec or SPEC, folder=folder, storage=storage).records


def assert_whole(folder, expected, storage=None):
    """The records of the undisturbed study, and no finished run was trained again."""
    found = records(folder, storage)
    pd.testing.assert_frame_equal(found.drop(columns="seconds"), expected.drop(columns="seconds"), rtol=1e-4)
    assert notes(folder, "again") == []


@contextmanager
def killed_at_end(*processes):
    """Subprocesses that must not outlive the test."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
