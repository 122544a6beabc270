"""A trainer that trains nothing: records with known scores in no time, for tests of everything around training."""

import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pytest

import selectdis.study._batch as batch_module
from selectdis.execution._recording import describe
from selectdis.execution._study_jobs import run_jobs
from selectdis.scoring._files import model_path
from selectdis.scoring._probe import write_codes
from selectdis.scoring._version import SCORES_VERSION
from selectdis.training import train_cohort

SPEC = {
    "name": "fake",
    "proxy": {"name": "sprites", "image_size": 16, "sizes": {"shape": 2, "scale": 2, "orientation": 1, "x": 4, "y": 4}},
    "target": {"name": "digits", "image_size": 16},
    "search": {"objective": {"beta_vae": {"beta": [1, 2, 4]}, "beta_tc_vae": {"beta": [1, 2]}}, "latents": [4]},
    "seeds": 3,
    "training": {"steps": 10},
    "tracking": None,
}


def spec(**changes):
    return {**SPEC, **changes}


def unit(*parts):
    """A number in [0, 1) that depends on `parts` alone."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def scores_of(candidate, dataset="sprites"):
    """Higher beta is better, plus noise of the seed."""
    parts = () if dataset == "sprites" else (dataset,)
    value = 0.1 * candidate.strength + 0.05 * unit(candidate.id, *parts)
    return {
        "metric.mig": value,
        "metric.sap": value / 2,
        "criterion.reconstruction": 100 + 10 * candidate.strength,
        "criterion.active_units": 3.0,
    }


def fake_work(job, stop=None):
    """Stands in for `run_cohort`: the same files and records, without training."""
    records = []
    for candidate in job.candidates:
        rng = np.random.default_rng(int(unit(candidate.id) * 2**31))
        codes = rng.standard_normal((50, candidate.latents)).astype(np.float32)
        write_codes(job.folder, job.data, candidate.id, codes)
        with open(Path(job.folder) / "trained.txt", "a") as file:
            file.write(candidate.id + "\n")
        records.append(
            describe(candidate, job)
            | {"status": "complete", "failed_step": None, "seconds": 0.0}
            | (
                scores_of(candidate, job.data.name)
                if job.stage == "proxy"
                else {"criterion.reconstruction": unit(candidate.id)}
            )
            | {"kl_per_latent": [1.0] * candidate.latents, "scores_version": SCORES_VERSION}
        )
        if job.stage == "target":  # the picked one is loaded
            path = model_path(job.folder, job.data, candidate.id)
            path.parent.mkdir(parents=True, exist_ok=True)
            train_cohort([candidate], job.data.load(), steps=1, device="cpu")[0].save(path)
    if pause := float(os.environ.get("FAKE_SECONDS", "0")):
        time.sleep(pause)
    return records


def stop_after_first_run(call):
    """Call what trains, and have it stopped when its first run is done."""

    def first_only(jobs, more, **options):
        for one in run_jobs(jobs, more, n_jobs=1, work=fake_work):
            yield one
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_module, "run_jobs", first_only)
        with pytest.raises(KeyboardInterrupt):
            call()


def trained(folder):
    """Ids in the order of their training, with repetitions."""
    path = Path(folder) / "trained.txt"
    return path.read_text().split() if path.exists() else []
