"""What makes the suite quick without making it blind: no waiting for the disk."""

import os

import pytest


@pytest.fixture(autouse=True, scope="session")
def no_sync():
    """Nobody pulls the plug in a test of this process, and each of thousands of syncs costs milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield
