from dataclasses import replace

import pytest

from selectdis.data._reference import DataReference
from selectdis.execution._job import CohortJob
from selectdis.spec._model import EvaluationSpec, TrainingSpec
from selectdis.training import Candidate
from tests.training.conftest import data

__all__ = ["data"]

DATA = DataReference(
    "sprites", '{"image_size": 16, "sizes": {"shape": 2, "scale": 2, "orientation": 1, "x": 4, "y": 4}}'
)
CANDIDATES = tuple(Candidate("beta_vae", seed, latents=3, architecture="fc", width=16) for seed in range(4))


@pytest.fixture(scope="session")
def job_template():
    """A cohort of a study, small enough to train in no time, without a folder."""
    evaluation = EvaluationSpec(metrics=("mig", "sap"), n_train=50, n_test=20, probe=20)
    return CohortJob(CANDIDATES, DATA, "proxy", TrainingSpec(steps=3, device="cpu"), evaluation, "")


@pytest.fixture
def job(job_template, tmp_path):
    """The same in a folder of its own."""
    return replace(job_template, folder=str(tmp_path))
