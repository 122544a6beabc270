import pytest

import selectdis.study._batch as batch_module
from selectdis.execution._study_jobs import run_jobs
from selectdis.study import Study
from tests.cli.conftest import call
from tests.light_trust import light_trust
from tests.study.conftest import no_training
from tests.study.fakes import SPEC, fake_work

__all__ = ["STUDY", "call", "light_trust", "no_training", "ran"]

STUDY = SPEC | {"select": {"score": "mig", "run": "reconstruction", "top": 1, "seeds": 1}, "seeds": 2}


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """The folder of a study that has run, and has been carried to a target."""
    folder = tmp_path_factory.mktemp("ran") / "fake"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "run_jobs", lambda jobs, more, **_: run_jobs(jobs, more, work=fake_work))
        Study(STUDY, folder=folder, n_jobs=1).run().transfer()
    return folder
