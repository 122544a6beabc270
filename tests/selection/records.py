"""Records made up with a known truth: a run's quality is its configuration's plus its seed's."""

from __future__ import annotations

import numpy as np
import pandas as pd

METRICS = ("beta_vae", "factor_vae", "mig", "dci_disentanglement", "modularity", "sap")
OBJECTIVES = ("beta_vae", "annealed_vae", "factor_vae", "dip_vae_i", "dip_vae_ii", "beta_tc_vae")
_STRENGTH = dict(zip(OBJECTIVES, ("beta", "c_max", "gamma", "lambda_od", "lambda_od", "beta"), strict=True))


def make_records(
    datasets: int = 3,
    configurations: int = 12,
    seeds: int = 4,
    *,
    shared: float = 0.5,
    own: float = 0.3,
    spread: float = 1.0,
    metric_noise: float = 0.3,
    criterion_noise: float = 1.0,
    rng: np.random.Generator,
    shared_rng: np.random.Generator | None = None,
    own_rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """One row a run.

    quality = configuration effect (sd `shared`, the same on every data set) + (sd `own`, of the data set) + seed (sd
    `spread`). ``metric.<six>`` = quality + noise, on data set scales that differ. ``criterion.perfect`` is
    the quality, ``criterion.useless`` noise, ``criterion.udr_lasso`` the quality + noise. `shared_rng` and `own_rng`
    draw the configuration effects (default: `rng`), to hold them fixed while other things vary.
    """
    shape = (datasets, configurations, seeds)
    effect = shared * (shared_rng or rng).normal(size=configurations)[None, :, None]
    quality = effect + own * (own_rng or rng).normal(size=shape[:2])[:, :, None] + spread * rng.normal(size=shape)
    d, c, s = (axis.ravel() for axis in np.indices(shape))
    objectives = np.array(OBJECTIVES)[np.arange(configurations) % 6]
    strength = 2.0 ** (np.arange(configurations) // 6)
    names = np.array([f"{objectives[k]}-{k:04d}" for k in range(configurations)])
    frame = {"dataset": np.array([f"data{k}" for k in range(datasets)])[d], "stage": "proxy"}
    frame |= {
        "candidate": [f"{names[k]}-s{n}" for k, n in zip(c, s, strict=True)],
        "configuration": names[c],
        "seed": s,
    }
    frame |= {"objective": objectives[c], "architecture": "conv", "latents": 10, "strength": strength[c]}
    for name in sorted(set(_STRENGTH.values())):
        here = np.array([_STRENGTH[objective] == name for objective in objectives])
        frame[f"strength.{name}"] = np.where(here[c], strength[c], np.nan)
    frame["status"] = "complete"
    flat = quality.ravel()
    for k, metric in enumerate(METRICS):
        frame[f"metric.{metric}"] = (1 + d) * (flat + metric_noise * rng.normal(size=flat.size)) + k
    frame["criterion.perfect"] = flat
    frame["criterion.useless"] = rng.normal(size=flat.size)
    frame["criterion.udr_lasso"] = flat + criterion_noise * rng.normal(size=flat.size)
    return pd.DataFrame(frame)
