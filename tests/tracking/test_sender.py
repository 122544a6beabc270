import threading

import pytest

from selectdis.tracking._outbox import Outbox
from selectdis.tracking._sender import Sender


class FakeStore:
    """Takes entries, as long as it is up."""

    def __init__(self, error=None):
        self.error, self.taken, self.tries = error, [], 0
        self.reached = threading.Event()

    def apply(self, entry):
        self.tries += 1
        self.reached.set()
        if self.error is not None and (not callable(self.error) or self.error(entry)):
            raise OSError("no route") if callable(self.error) else self.error
        self.taken.append(entry["n"])


class MlflowLike(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.error_code = code


@pytest.fixture
def outbox(tmp_path):
    outbox = Outbox(tmp_path / "outbox.jsonl")
    for n in range(3):
        outbox.put({"n": n})
    yield outbox
    outbox.release()


def test_sends_in_order_and_in_the_background(outbox):
    store = FakeStore()
    sender = Sender(outbox, lambda: store)
    sender.wake()
    sender.close(30)
    assert store.taken == [0, 1, 2]
    assert sender.problem is None


def test_a_server_that_is_away_is_tried_again(outbox):
    store = FakeStore(error=ConnectionError("away"))
    sender = Sender(outbox, lambda: store, retry_after=0.01)
    sender.wake()
    assert store.reached.wait(30)
    store.error = None
    sender.close(30)
    assert store.taken == [0, 1, 2]


@pytest.mark.parametrize("error", [ConnectionError("away"), MlflowLike("INTERNAL_ERROR"), TimeoutError()])
def test_what_a_server_missed_stays(outbox, error):
    sender = Sender(outbox, lambda: FakeStore(error=error), retry_after=3600)
    sender.wake()
    sender.close(30)
    assert sender.problem is error
    assert len(outbox) == 3


def test_a_server_that_hangs_does_not_hold_up_closing(outbox):
    hanging = threading.Event()

    class Hangs:
        def apply(self, entry):
            hanging.wait(60)

    sender = Sender(outbox, Hangs)
    sender.wake()
    sender.close(0.05)
    assert len(outbox) == 3
    hanging.set()


@pytest.mark.parametrize("error", [MlflowLike("INVALID_PARAMETER_VALUE"), FileNotFoundError("gone"), KeyError("kind")])
def test_an_entry_at_fault_holds_up_no_other(outbox, error):
    class Picky(FakeStore):
        def apply(self, entry):
            if entry["n"] == 1:
                raise error
            super().apply(entry)

    store = Picky()
    sender = Sender(outbox, lambda: store)
    assert sender.send_all()
    assert store.taken == [0, 2]
    assert type(error).__name__ in sender.rejected
