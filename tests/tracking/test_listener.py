"""The listener's thread: nothing that MLflow does, or does not do, reaches the study."""

import threading
import warnings

import pytest

from selectdis.tracking import MLflowListener
from selectdis.tracking import _listener as listener_module


class FakeView:
    """Takes what it is told, as long as it is up."""

    def __init__(self):
        self.taken, self.refused, self.error, self.tries = [], {}, None, 0
        self.reached, self.blocked = threading.Event(), threading.Event()
        self.blocked.set()

    def show(self, stage, records, transfer):
        self.tries += 1
        self.reached.set()
        self.blocked.wait(60)
        if self.error is not None:
            raise self.error
        self.taken.append(records)


@pytest.fixture
def view(monkeypatch):
    made = FakeView()

    def opened(study, uri, experiment, *, pictures, went_on):
        return made

    monkeypatch.setattr(listener_module, "View", opened)
    yield made
    made.blocked.set()


def tell(listener, count):
    for n in range(count):
        listener.recorded(None, None, [n])


def test_what_is_told_is_shown_in_order_in_the_background(view, tmp_path):
    listener = MLflowListener(tmp_path)
    tell(listener, 5)
    listener.close()
    assert view.taken == [[0], [1], [2], [3], [4]]


def test_a_server_that_hangs_is_not_waited_for_and_memory_is_bounded(view, tmp_path, monkeypatch):
    monkeypatch.setattr(listener_module, "MOST_WAITING", 20)
    view.blocked.clear()
    listener = MLflowListener(tmp_path, timeout=0.1)
    tell(listener, 1_000)
    assert len(listener._sender._waiting) == 20
    with pytest.warns(UserWarning, match="not sent everything in time; `selectdis track`"):
        listener.close()
    assert view.taken == []
    view.blocked.set()
    listener._sender._thread.join(30)
    assert len(view.taken) <= 1  # what nobody waits for is not sent behind their back


def test_a_server_without_an_answer_is_given_up_before_the_timeout(view, tmp_path, monkeypatch):
    monkeypatch.setattr(listener_module, "STALLED", 0.1)
    view.blocked.clear()
    listener = MLflowListener(tmp_path, "http://127.0.0.1:9", timeout=3_600)
    tell(listener, 1)
    with pytest.warns(UserWarning, match="not sent everything"):
        listener.close()


def test_a_server_that_is_away_is_said_once_and_tried_again(view, tmp_path):
    view.error = ConnectionError("no route to http://me:word@host")
    listener = MLflowListener(tmp_path, "http://me:word@host", retry_after=0.01)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        tell(listener, 1)
        while view.tries < 3:
            view.reached.wait(1)
        tell(listener, 2)
        tell(listener, 2)
    assert len(said) == 1
    assert "MLflow at http://me@host takes nothing now (no route to http://me@host)" in str(said[0].message)
    view.error = None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        listener.close()
    assert view.taken == [[0], [0], [1], [0], [1]]


def test_a_server_that_stays_away_costs_one_more_try(view, tmp_path):
    view.error = ConnectionError("away")
    listener = MLflowListener(tmp_path, retry_after=3_600)
    tell(listener, 1)
    assert view.reached.wait(30)
    with pytest.warns(UserWarning, match="takes nothing now"):
        listener.close()
    assert view.tries <= 2


def test_a_run_that_is_refused_is_said(view, tmp_path):
    view.refused = {"x": ValueError("too odd")}
    listener = MLflowListener(tmp_path)
    tell(listener, 1)
    with pytest.warns(UserWarning, match="refused a run.*too odd"):
        listener.close()
