import pytest

from tests.faults.drivers import Driver, notes, records


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The folder of a study that ran in one go."""
    folder = tmp_path_factory.mktemp("undisturbed") / "study"
    Driver(folder, "--jobs", "1").finish()
    assert notes(folder, "again") == []
    return folder


@pytest.fixture(scope="session")
def expected(undisturbed):
    """Its records."""
    return records(undisturbed)
