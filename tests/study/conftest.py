import pytest

import selectdis.study._batch as batch_module
from selectdis.execution._study_jobs import run_jobs
from tests.light_trust import light_trust
from tests.study.fakes import fake_work

__all__ = ["light_trust"]


@pytest.fixture
def no_training(monkeypatch):
    """Studies record made-up scores at once."""
    monkeypatch.setattr(
        batch_module, "run_jobs", lambda jobs, more, **options: run_jobs(jobs, more, n_jobs=1, work=fake_work)
    )
