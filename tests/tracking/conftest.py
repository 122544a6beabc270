import numpy as np
import pytest

from selectdis.data import load_dataset
from selectdis.execution import train
from selectdis.study import Study
from selectdis.training import Candidate
from tests.tracking.views import SPEC


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


@pytest.fixture(scope="session")
def run_and_data():
    """A trained run and its labelled data set."""
    data = load_dataset("sprites", image_size=16, sizes={"shape": 3, "scale": 2, "orientation": 1, "x": 4, "y": 4})
    candidate = Candidate("beta_vae", architecture="fc", width=16, latents=3, learning_rate=1e-3)
    (run,) = train([candidate], data, steps=30, device="cpu")
    return run, data


@pytest.fixture
def record():
    """One row of records, as a study gives it."""
    return {
        "dataset": "sprites",
        "stage": "proxy",
        "candidate": "beta_vae-12345678-s0",
        "configuration": "beta_vae-12345678",
        "objective": "beta_vae",
        "seed": 0,
        "latents": 3,
        "learning_rate": 1e-3,
        "steps": 40,
        "strength": 4.0,
        "strength.beta": 4.0,
        "status": "complete",
        "failed_step": None,
        "seconds": 1.5,
        "trial": 3,
        "kl_per_latent": [0.1, 0.2, 0.3],
        "metric.mig": 0.25,
        "metric.sap": np.nan,
        "criterion.elbo": np.float32(-12.5),
    }
