"""Studies that never ran: records with a known pattern, and pictures of noise."""

import numpy as np
import pandas as pd

from selectdis.objectives import OBJECTIVES
from selectdis.visualization import Material, StageRuns
from selectdis.visualization._pictures import Anatomy

HOSTILE = "<script>alert('x')</script> $\\frac{1}{0} & \"q\""


def make_records(dataset, stage, *, objectives=tuple(OBJECTIVES), strengths=6, seeds=5, labels=True, seed=0):
    """Records with a pattern: middle strengths are best, seeds add as much noise as they do, UDR sees some of it."""
    rng = np.random.default_rng(seed)
    rows = []
    for place, objective in enumerate(objectives):
        for level, strength in enumerate(OBJECTIVES[objective].grid[:strengths]):
            for number in range(seeds):
                quality = 0.4 - 0.05 * abs(level - 2) - 0.02 * place + 0.08 * rng.standard_normal()
                configuration = f"{objective}-{place}{level}abcdef"
                row = {"dataset": dataset, "stage": stage, "candidate": f"{configuration}-s{number}"}
                row |= {"configuration": configuration, "seed": number, "objective": objective}
                row |= {"architecture": "conv", "latents": 6, "batch_size": 64, "learning_rate": 1e-4, "steps": 5000}
                row |= {"strength": strength, f"strength.{OBJECTIVES[objective].main}": strength}
                row |= {"status": "complete", "failed_step": np.nan, "seconds": 12.5, "error": None}
                if labels:
                    for metric in ("mig", "sap", "dci_disentanglement", "factor_vae", "beta_vae", "modularity"):
                        row[f"metric.{metric}"] = quality + 0.05 * rng.standard_normal()
                        row[f"metric.{metric}.sampled"] = quality + 0.05 * rng.standard_normal()
                row["criterion.udr_lasso"] = quality + 0.1 * rng.standard_normal()
                row["criterion.reconstruction"] = 100 - 20 * quality + rng.standard_normal()
                row["criterion.elbo"] = -row["criterion.reconstruction"] - 5 * rng.random()
                row["criterion.kl"] = 5 + level + rng.random()
                rows.append(row)
    return pd.DataFrame(rows)


def make_anatomy(latents=6, side=16, channels=1, factors=("shape", HOSTILE)):
    rng = np.random.default_rng(0)
    kl = np.linspace(3, 0, latents)
    return Anatomy(
        kl=kl,
        order=np.argsort(-kl, kind="stable"),
        traversals=rng.integers(0, 256, (latents, 7, channels, side, side), dtype=np.uint8),
        values=np.linspace(-2, 2, 7),
        originals=rng.integers(0, 256, (8, channels, side, side), dtype=np.uint8),
        reconstructions=rng.integers(0, 256, (8, channels, side, side), dtype=np.uint8),
        importance=rng.random((latents, len(factors))) if factors else None,
        factor_names=factors,
    )


def make_material(proxies=None, targets=(), **changes):
    proxies = make_records("sprites", "proxy") if proxies is None else proxies
    finished = proxies[proxies["status"] == "complete"]["candidate"]
    stages = [
        StageRuns("proxy", str(name), rows.reset_index(drop=True), tuple(finished.iloc[:3]))
        for name, rows in proxies.groupby("dataset", sort=False)
    ]
    values = {
        "name": "study",
        "description": "A made-up study.",
        "spec": {"name": "study", "seeds": 5},
        "score": "win_rate",
        "stages": (*stages, *targets),
        "dissect": lambda stage, candidate: make_anatomy(factors=("shape", "x") if "proxy" in stage else ()),
    }
    return Material(**(values | changes))


def make_target(name="digits", **options):
    records = make_records(name, "target", **({"labels": False, "seed": 1, "strengths": 3} | options))
    pick = records["candidate"].iloc[0]
    return StageRuns(
        kind="target",
        name=name,
        records=records,
        criterion="udr_lasso",
        pick=pick,
        why="win_rate > udr_lasso @ 2; 3 runs tied, one of them drawn at random",
        trust="Over 3 labelled data sets the rule beat a random run with probability 0.71 [0.60, 0.80].",
        best=tuple(records["candidate"].iloc[:3]),
    )


def full_material():
    """Six objectives, six strengths and five seeds on the proxy; an unlabelled and a labelled target; lost runs."""
    proxies = make_records("sprites", "proxy")
    lost = proxies.index[[7, 40]]
    proxies.loc[lost, "status"] = ["diverged", "failed"]
    proxies.loc[lost, "failed_step"] = [1234, np.nan]
    proxies.loc[lost[1], "error"] = f"RuntimeError: {HOSTILE}"
    scores = [name for name in proxies if name.startswith(("metric.", "criterion."))]
    proxies.loc[lost, scores] = np.nan
    return make_material(proxies, [make_target("scenes", labels=True), make_target("digits")], description=HOSTILE)
