import pytest

from selectdis.study import Study
from tests.databases import quick_databases
from tests.tracking.views import SPEC
from tests.visualization.made_up import recorded

__all__ = ["quick_databases"]


@pytest.fixture(autouse=True, scope="session")
def own_store():
    """No server of the developer's is written to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="session")
def studied(tmp_path_factory):
    """A study that has run and been transferred, tracked in its own folder."""
    study = Study(SPEC, folder=tmp_path_factory.mktemp("a study") / "small", n_jobs=1)
    study.run()
    study.transfer()
    return study


@pytest.fixture
def record():
    """The record of a run, as a study gives it to its listeners."""
    return dict(recorded()[0])


@pytest.fixture
def diverged():
    """The record of a run that was lost."""
    return dict(recorded(learning_rate=1e30)[0])
