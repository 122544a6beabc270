"""One pool: what is yielded, what is begun, who is told to stop, and what happens when a worker dies."""

import os
import pickle
import signal
import threading
import time
from pathlib import Path

import pytest
from joblib.externals.loky import get_reusable_executor

from selectdis._signals import SIGNALS, Stopped, pause
from selectdis.errors import SelectdisError
from selectdis.execution import _pool as pool
from selectdis.execution import _stop as stopping
from selectdis.execution._pool import run_tasks
from selectdis.execution._stop import PoolInterrupted, StopSignal, stop_on_interrupt
from selectdis.training import TrainingInterrupted


def doubled(task, stop):
    return 2 * task


def settings(task, stop):
    unheard = {signal.getsignal(number) for number in SIGNALS}
    return os.getpid(), os.environ["OMP_NUM_THREADS"], unheard, stop.parent


def wait_for(file, stop):
    while not Path(file).exists():
        time.sleep(0.05)
    return file


def until_stopped(task, stop):
    while task and not stop():
        time.sleep(0.05)
    if task:
        raise TrainingInterrupted
    return task


def raising(task, stop):
    raise FileNotFoundError(2, "no such file", "images.h5")


class Deadly:
    """Work that kills its process `times` times over each task.

    `in_turn`: over every second task alone, once the results of all tasks before it were seen.
    """

    def __init__(self, folder, times, *, in_turn=False):
        self.folder, self.times, self.in_turn = Path(folder), times, in_turn

    def __call__(self, task, stop):
        deaths = self.folder / str(task)
        if (self.in_turn and task % 2 == 0) or (deaths.exists() and deaths.stat().st_size >= self.times):
            return task
        while self.in_turn and not all((self.folder / f"{earlier} seen").exists() for earlier in range(task)):
            time.sleep(0.05)
        with deaths.open("a") as file:
            file.write("x")
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("it was killed")


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_every_task_comes_with_its_result(n_jobs):
    assert sorted(run_tasks([5, 6, 7], doubled, StopSignal(), n_jobs=n_jobs)) == [(5, 10), (6, 12), (7, 14)]
    assert list(run_tasks([], doubled, StopSignal(), n_jobs=n_jobs)) == []


def test_one_process_and_one_task_stay_in_this_process():
    for tasks, n_jobs in (([1, 2], 1), ([1], 2)):
        assert {pid for _, (pid, *_) in run_tasks(tasks, settings, StopSignal(), n_jobs=n_jobs)} == {os.getpid()}


def test_worker_processes_have_one_thread_know_their_parent_and_ignore_ctrl_c(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for _, (pid, threads, unheard, parent) in run_tasks([1, 2], settings, StopSignal(), n_jobs=2):
        assert pid != os.getpid()
        assert (threads, unheard, parent) == ("1", {signal.SIG_IGN}, os.getpid())
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_workers_that_a_thread_starts_ignore_ctrl_c_too():
    get_reusable_executor().shutdown(wait=True)  # those of other tests ignore it already
    found = []
    thread = threading.Thread(target=lambda: found.extend(run_tasks([1, 2], settings, StopSignal(), n_jobs=2)))
    thread.start()
    thread.join()
    assert [unheard for _, (_, _, unheard, _) in found] == [{signal.SIG_IGN}] * 2


def test_nothing_is_dispatched_ahead(tmp_path):
    file, asked, before = tmp_path / "go", [], []

    def go():
        before.append(len(asked))
        file.touch()

    timer = threading.Timer(3, go)
    timer.start()
    assert len(list(run_tasks([file] * 6, wait_for, StopSignal(), n_jobs=2, more=lambda _: not asked.append(1)))) == 6
    assert before[0] <= 1 + 2  # before the pool, and for each of the two that can begin
    assert len(list(run_tasks([1, 2, 3], doubled, StopSignal(), more=lambda _: False))) == 0


@pytest.mark.parametrize(("n_jobs", "told"), [(1, [0, 0, 10, 10, 10]), (2, [0, 0, 0, 10, 10])])
def test_before_each_task_it_is_told_how_long_the_ones_before_took(n_jobs, told, monkeypatch):
    now, asked = [0.0], []
    monkeypatch.setattr("selectdis.execution._pool.time.monotonic", lambda: now[0])

    def work(task, stop=None):
        now[0] += 10 * (task % n_jobs == 0)  # the others at the same time
        return task

    def in_turn(numbered, call, n_jobs):
        return ((number, work(task)) for number, task in numbered)

    monkeypatch.setattr("selectdis.execution._pool._on_processes", in_turn)
    list(run_tasks([1, 2, 3, 4], work, StopSignal(), n_jobs=n_jobs, more=lambda seconds: not asked.append(seconds)))
    assert asked == told


def test_errors_of_the_work_are_raised_as_they_are():
    for n_jobs in (1, 2):
        with pytest.raises(FileNotFoundError, match="no such file"):
            list(run_tasks([1, 2], raising, StopSignal(), n_jobs=n_jobs))


def test_a_killed_worker_costs_a_warning(tmp_path):
    with pytest.warns(UserWarning, match=r"a worker was lost .* is done again"):
        done = sorted(run_tasks([0, 1, 2], Deadly(tmp_path, 1), StopSignal(), n_jobs=2))
    assert done == [(0, 0), (1, 1), (2, 2)]


@pytest.mark.filterwarnings("ignore:a worker was lost")
def test_workers_that_keep_dying_are_given_up(tmp_path, monkeypatch):
    waited = []
    monkeypatch.setattr(pool, "pause", waited.append)
    monkeypatch.setattr(pool, "MAX_RESTARTS", 1)
    with pytest.raises(SelectdisError, match="died 2 times in a row"):
        list(run_tasks([0, 1], Deadly(tmp_path, 3), StopSignal(), n_jobs=2))
    assert waited == [1]


@pytest.mark.filterwarnings("ignore:a worker was lost")
def test_deaths_with_progress_between_them_are_not_in_a_row(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "MAX_RESTARTS", 1)
    for task, _ in run_tasks(range(4), Deadly(tmp_path, 1, in_turn=True), StopSignal(), n_jobs=2):
        (tmp_path / f"{task} seen").touch()
    assert len(list(tmp_path.glob("* seen"))) == 4
    assert [(tmp_path / task).read_text() for task in ("1", "3")] == ["x", "x"]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_lets_what_has_begun_end_and_begins_nothing(tmp_path, n_jobs):
    done = []
    with pytest.raises(PoolInterrupted), stop_on_interrupt(tmp_path) as stop:  # noqa: PT012
        for task, _ in run_tasks([0, 1, 2], until_stopped if n_jobs == 2 else doubled, stop, n_jobs=n_jobs):
            done.append(task)
            os.kill(os.getpid(), signal.SIGINT)
            assert Path(stop.file).exists()
    assert done == [0]
    assert list(tmp_path.iterdir()) == []


def test_a_second_ctrl_c_ends_at_once(tmp_path):
    with pytest.raises(KeyboardInterrupt) as end, stop_on_interrupt(tmp_path):  # noqa: PT012
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
    assert end.type is KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_ask_as_ctrl_c_does_unless_somebody_else_listens(tmp_path, number):
    with pytest.raises(PoolInterrupted) as end, stop_on_interrupt(tmp_path) as stop:  # noqa: PT012
        os.kill(os.getpid(), number)
        assert stop()
    assert end.value.number == number
    before, heard = signal.getsignal(number), []
    try:
        for own in (lambda *_: heard.append(1), signal.SIG_IGN):
            signal.signal(number, own)
            with stop_on_interrupt(tmp_path) as stop:
                os.kill(os.getpid(), number)
            assert not stop()
            assert signal.getsignal(number) == own
    finally:
        signal.signal(number, before)
    assert heard == [1]


def test_a_wait_ends_when_a_stop_was_asked_for(tmp_path):
    with pytest.raises(PoolInterrupted), stop_on_interrupt(tmp_path):  # noqa: PT012
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped) as end:
            pause(60)
        assert end.value.number == signal.SIGTERM
    pause(0.01)


def test_a_signal_hears_a_file_and_the_death_of_a_parent(tmp_path, monkeypatch):
    file = tmp_path / "stop"
    signals = {"file": StopSignal(str(file)), "child": StopSignal(str(file), os.getppid())}
    orphan = StopSignal(str(file), os.getpid())  # nobody is his own parent
    assert not any(stop() for stop in signals.values())
    assert orphan()
    file.touch()
    assert not signals["file"]()  # it looks once in a while
    monkeypatch.setattr(stopping, "LOOK_SECONDS", 0)
    assert all(stop() for stop in signals.values())
    file.unlink()
    assert signals["file"]()  # there is no way back
    assert not StopSignal()()


def test_a_signal_travels_without_the_clock_of_its_machine(tmp_path):
    stop = StopSignal(str(tmp_path / "stop"), os.getppid())
    assert not stop()
    (tmp_path / "stop").touch()
    assert not stop()
    assert pickle.loads(pickle.dumps(stop))()  # noqa: S301
    assert stop.for_children().parent == os.getpid()
