"""Studies that never ran: of what a real one leaves, the scores alone are made up, and one run stands for all.

Records, rules, picks, their reasons, trust and pictures come from the code that makes them for a study.
"""

import functools
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from selectdis.data import ImageDataset
from selectdis.data._reference import DataReference
from selectdis.execution._job import CohortJob
from selectdis.execution._recording import describe
from selectdis.execution._worker import run_cohort
from selectdis.objectives import OBJECTIVES
from selectdis.records import as_frame
from selectdis.scoring._files import model_path
from selectdis.study import StageInfo, Study, Transfer
from selectdis.study._replay import StageView
from selectdis.training import Candidate, Run
from selectdis.visualization._snapshot import snapshot_of

HOSTILE = "<script>alert('x')</script> $\\frac{1}{0} & \"q\""
SIX = list(OBJECTIVES)[:6]  # those of Locatello et al. 2019, whose grids are of one size
SPEC = {
    "name": "study",
    "description": "A made-up study.",
    "proxy": "sprites",
    "target": "digits",
    "search": {"objective": SIX},
    "training": {"steps": 20, "curve_every": 5, "device": "cpu"},
    "evaluation": {"metrics": ["mig"], "n_train": 60, "n_test": 15, "probe": 30, "held_out": 0.2},
    "select": {"top": 2},
    "tracking": "none",
}
SIZES = {"shape": 3, "scale": 1, "orientation": 1, "x": 5, "y": 5}
OPTIONS = {"sprites": {"image_size": 16, "sizes": SIZES}, "scenes": {"image_size": 16}, "digits": {"image_size": 16}}


def make_records(dataset, stage, *, objectives=tuple(SIX), strengths=6, seeds=5, labels=True, seed=0, latents=6):
    """Records with a pattern: middle strengths are best, seeds add as much noise as they do, UDR sees some of it."""
    rng = np.random.default_rng(seed)
    rows = []
    for place, objective in enumerate(objectives):
        for level, strength in enumerate(OBJECTIVES[objective].grid[:strengths]):
            for number in range(seeds):
                candidate = Candidate(objective, number, {OBJECTIVES[objective].main: strength}, latents=latents)
                row = describe(candidate, job_of(candidate, dataset, stage)) | how_it_ended()
                quality = 0.4 - 0.05 * abs(level - 2) - 0.02 * place + 0.08 * rng.standard_normal()
                if labels:
                    for metric in ("mig", "sap", "dci_disentanglement", "factor_vae", "beta_vae", "modularity"):
                        row[f"metric.{metric}"] = quality + 0.05 * rng.standard_normal()
                        row[f"metric.{metric}.sampled"] = quality + 0.05 * rng.standard_normal()
                row["criterion.udr_lasso"] = quality + 0.1 * rng.standard_normal()
                row["criterion.reconstruction"] = 100 - 20 * quality + rng.standard_normal()
                row["criterion.elbo"] = -row["criterion.reconstruction"] - 5 * rng.random()
                row["criterion.kl"] = 5 + level + rng.random()
                rows.append(row)
    return as_frame(rows, {})


def target_records(name="digits", **options):
    return make_records(name, "target", **({"labels": False, "seed": 1, "strengths": 3} | options))


def with_lost_runs(records):
    """Two runs of `records` lost: one diverged, one failed with an error that would like to be a script."""
    diverged, failed = records.index[[7, 40]]
    records.loc[diverged, ["status", "failed_step"]] = [how_it_ended(learning_rate=1e30)["status"], 1234]
    records.loc[failed, ["status", "error"]] = ["failed", f"RuntimeError: {HOSTILE} at http://me:word@lab:80"]
    records.loc[[diverged, failed], [name for name in records if name.startswith(("metric.", "criterion."))]] = np.nan
    return records


@functools.cache
def spec_of_records():
    return Study(SPEC).spec


def job_of(candidate, dataset, stage, folder=""):
    spec = spec_of_records()
    data = DataReference(dataset, json.dumps(OPTIONS[dataset]))
    return CohortJob((candidate,), data, stage, spec.training, spec.evaluation, str(folder))


@functools.cache
def recorded(learning_rate=1e-3):
    """The record of a run of a few steps on sprites, and the run."""
    candidate = Candidate("beta_vae", architecture="fc", width=16, latents=6, learning_rate=learning_rate)
    with tempfile.TemporaryDirectory() as folder:
        job = job_of(candidate, "sprites", "proxy", folder)
        (record,) = run_cohort(job)
        return record, Run.load(model_path(folder, job.data, candidate.id))


def how_it_ended(**options):
    record, _ = recorded(**options)
    return {name: record[name] for name in ("status", "failed_step", "seconds")}


def trained_run():
    """The run, and its labelled images."""
    _, run = recorded()
    return run, job_of(run.candidate, "sprites", "proxy").data.load()


class MadeUpView(StageView):
    """A stage whose runs are all the same one."""

    def load_run(self, candidate):
        return trained_run()[0]

    def kl_per_latent(self, candidate):
        return recorded()[0]["kl_per_latent"]


class LostView(StageView):
    """A stage whose runs left no file."""

    def load_run(self, candidate):
        return None


def make_snapshot(proxies=None, targets=(), *, view=MadeUpView, **spec):
    """A study's snapshot.

    Parameters
    ----------
    proxies : records of one data set or several
    targets : records of one data set each
    """
    study, proxies = Study(SPEC | spec), make_records("sprites", "proxy") if proxies is None else proxies
    views = [
        view(
            _info("proxy", str(name)),
            SimpleNamespace(name="proxy", stopped="", records=rows.reset_index(drop=True)),
            None,
        )
        for name, rows in proxies.groupby("dataset", sort=False)
    ]
    return snapshot_of(study, [*views, *(_target_view(view, study, proxies, records) for records in targets)])


def _target_view(view, study, proxies, records):
    name, rule = str(records["dataset"].iloc[0]), study.rule()
    unseen = records.drop(columns=[column for column in records if column.startswith("metric.")])
    stage = SimpleNamespace(name="target", stopped="", records=records, spec=study.spec)
    transfer = Transfer(name, records, rule, rule.pick(proxies, unseen), proxies, study.spec.select.score, stage)
    return view(_info("target", name), stage, transfer)


def _info(stage, name):
    _, data = trained_run()
    factors = (("shape", "scale", "orientation", "x", HOSTILE), data.factor_sizes) if stage == "proxy" else ()
    return StageInfo(stage, ImageDataset(name, data.images, *factors), Path())


def full_snapshot():
    """Six objectives, six strengths and five seeds on the proxy; an unlabelled and a labelled target; lost runs."""
    targets = [target_records("scenes", labels=True), target_records("digits")]
    return make_snapshot(with_lost_runs(make_records("sprites", "proxy")), targets, description=HOSTILE)


def two_proxies():
    return pd.concat([make_records("sprites", "proxy"), make_records("scenes", "proxy", seed=1)])
