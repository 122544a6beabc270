import pytest

from selectdis.data._reference import DataReference
from selectdis.execution._job import CohortJob
from selectdis.execution._worker import run_cohort
from selectdis.scoring._files import model_path
from selectdis.scoring._scorer import Scorer
from selectdis.spec import EvaluationSpec, TrainingSpec
from selectdis.training import Candidate, Run

DATA = DataReference(
    "sprites", '{"image_size": 16, "sizes": {"shape": 2, "scale": 2, "orientation": 1, "x": 4, "y": 4}}'
)
SPEC = EvaluationSpec(metrics=("mig", "beta_vae"), n_train=30, n_test=40, probe=12, held_out=0.25, seed=3)
CANDIDATES = tuple(Candidate("beta_vae", seed, latents=3, architecture="fc", width=16) for seed in range(3))


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A study's folder with three trained and scored runs, and their records."""
    folder = str(tmp_path_factory.mktemp("study"))
    return folder, run_cohort(CohortJob(CANDIDATES, DATA, "proxy", TrainingSpec(steps=3, device="cpu"), SPEC, folder))


@pytest.fixture
def run(trained):
    """A run whose sampled codes lie far from its means: all its deviations are near 0.3."""
    run = Run.load(model_path(trained[0], DATA, CANDIDATES[0].id))
    run.parameters["encoder.head.bias"][..., run.candidate.latents :] = -2.4
    return run


@pytest.fixture(scope="session")
def scorer():
    return Scorer(DATA.load(), SPEC)
