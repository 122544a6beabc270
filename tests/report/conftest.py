import pytest

from tests.cli.conftest import call
from tests.visualization.made_up import full_snapshot

__all__ = ["call"]


@pytest.fixture(scope="session")
def snapshot():
    return full_snapshot()
