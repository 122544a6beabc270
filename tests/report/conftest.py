import pytest

from tests.visualization.made_up import full_snapshot


@pytest.fixture(scope="session")
def snapshot():
    return full_snapshot()
