import pytest

from tests.report.made_up import full_material


@pytest.fixture(scope="session")
def material():
    return full_material()
