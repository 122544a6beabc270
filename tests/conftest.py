"""What holds for every test: kernels run in an interpreter, nobody waits for the disk, and imports are as usual."""

import os

import pytest

# It has to be known before anything imports Triton, as torch's compiler may.
os.environ.setdefault("TRITON_INTERPRET", "1")

SLOW = ("tests/faults/", "tests/tracking/test_server.py", "tests/test_docs.py", "tests/test_plugins.py")


def pytest_collection_modifyitems(items):
    """Tests that start servers and drivers come first: whoever is handed the last files should not wait for them."""
    items.sort(key=lambda item: not item.nodeid.startswith(SLOW))


@pytest.fixture(autouse=True, scope="session")
def no_sync():
    """Nobody pulls the plug in a test of this process, and each of thousands of syncs costs milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(autouse=True)
def environment():
    """A test leaves the environment as it was: the command line, called in this process, sets what it hands on."""
    before = dict(os.environ)
    os.environ.pop("PYTHONSAFEPATH", None)
    yield
    os.environ.clear()
    os.environ.update(before)
