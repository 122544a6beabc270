import pytest

from selectdis.report._sections import all_sections
from tests.cli.conftest import call
from tests.light_trust import light_trust
from tests.visualization.made_up import full_snapshot

__all__ = ["call", "light_trust"]


@pytest.fixture(scope="session")
def snapshot():
    return full_snapshot()


@pytest.fixture(scope="session")
def sections(snapshot):
    return all_sections(snapshot)
