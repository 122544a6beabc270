"""Supervised scores of codes against known factors: arrays in, numbers out.

`METRICS` describes each metric; to add one, write its file and name it here.
"""

from __future__ import annotations

from selectdis.metrics._registry import Draws, Metric, Need, Samples
from selectdis.metrics.beta_vae import BETA_VAE, BetaVAEScore, beta_vae_score
from selectdis.metrics.dci import DCI, DCI_METRIC, dci
from selectdis.metrics.downstream import DOWNSTREAM_GBT, DOWNSTREAM_LR, Downstream, downstream
from selectdis.metrics.explicitness import EXPLICITNESS, Explicitness, explicitness
from selectdis.metrics.factor_vae import FACTOR_VAE, FactorVAEScore, factor_vae_score
from selectdis.metrics.fairness import FAIRNESS, fairness
from selectdis.metrics.few_labels import (
    FEW_LABELS,
    FEW_LABELS_BINNED,
    FEW_LABELS_NOISY,
    FEW_LABELS_PARTIAL,
    FewLabels,
    draw_few_labels,
    few_label_scores,
)
from selectdis.metrics.infomec import INFOMEC, InfoMEC, infomec
from selectdis.metrics.irs import IRS, irs
from selectdis.metrics.mig import MIG, mig
from selectdis.metrics.modularity import MODULARITY, modularity
from selectdis.metrics.sap import SAP, sap

__all__ = [
    "DCI",
    "GROUPS",
    "METRICS",
    "SCORES",
    "BetaVAEScore",
    "Downstream",
    "Draws",
    "Explicitness",
    "FactorVAEScore",
    "FewLabels",
    "InfoMEC",
    "Metric",
    "Need",
    "Samples",
    "beta_vae_score",
    "dci",
    "downstream",
    "draw_few_labels",
    "explicitness",
    "factor_vae_score",
    "fairness",
    "few_label_scores",
    "infomec",
    "irs",
    "mig",
    "modularity",
    "sap",
]

METRICS: dict[str, Metric] = {
    "beta_vae": BETA_VAE,
    "factor_vae": FACTOR_VAE,
    "mig": MIG,
    "dci": DCI_METRIC,
    "modularity": MODULARITY,
    "explicitness": EXPLICITNESS,
    "sap": SAP,
    "irs": IRS,
    "infomec": INFOMEC,
    "downstream_lr": DOWNSTREAM_LR,
    "downstream_gbt": DOWNSTREAM_GBT,
    "fairness": FAIRNESS,
    "few_labels": FEW_LABELS,
    "few_labels_binned": FEW_LABELS_BINNED,
    "few_labels_noisy": FEW_LABELS_NOISY,
    "few_labels_partial": FEW_LABELS_PARTIAL,
}

# The metric behind each score name (the column `metric.<score>` of a record).
SCORES: dict[str, Metric] = {score: metric for metric in METRICS.values() for score in metric.produces}

IMPRECISE = ("few_labels_binned", "few_labels_noisy", "few_labels_partial")
GROUPS: dict[str, tuple[str, ...]] = {
    # Imprecise labels are for studies of labelling, and are asked for by name.
    "all": tuple(name for name in METRICS if name not in IMPRECISE),
    "few_labels": ("few_labels", *IMPRECISE),
    "fast": tuple(name for name, metric in METRICS.items() if metric.cost == "cheap"),
    # The six of Locatello et al. 2019 and the IRS of their journal version.
    "paper": ("beta_vae", "factor_vae", "mig", "dci", "modularity", "sap", "irs"),
}
