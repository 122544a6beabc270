"""Supervised scores of codes against known factors: arrays in, numbers out.

`METRICS` describes each metric; to add one, write its file and name it here, or see docs/parts.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from selectdis import _plugins
from selectdis.errors import SelectdisError, nearest
from selectdis.metrics._beta_vae import BETA_VAE, BetaVAEScore, beta_vae_score
from selectdis.metrics._dci import DCI, DCI_METRIC, dci
from selectdis.metrics._downstream import DOWNSTREAM_GBT, DOWNSTREAM_LR, Downstream, downstream
from selectdis.metrics._explicitness import EXPLICITNESS, Explicitness, explicitness
from selectdis.metrics._factor_vae import FACTOR_VAE, FactorVAEScore, factor_vae_score
from selectdis.metrics._fairness import FAIRNESS, fairness
from selectdis.metrics._few_labels import (
    FEW_LABELS,
    FEW_LABELS_BINNED,
    FEW_LABELS_NOISY,
    FEW_LABELS_PARTIAL,
    FewLabels,
    draw_few_labels,
    few_label_scores,
)
from selectdis.metrics._infomec import INFOMEC, InfoMEC, infomec
from selectdis.metrics._irs import IRS, irs
from selectdis.metrics._latent_share import LATENT_SHARE, bootstrap_latent_share, latent_share
from selectdis.metrics._mig import MIG, mig
from selectdis.metrics._modularity import MODULARITY, modularity
from selectdis.metrics._registry import Metric, Need, Samples, Votes, metric_of
from selectdis.metrics._sap import SAP, sap

__all__ = [
    "DCI",
    "GROUPS",
    "METRICS",
    "SCORES",
    "BetaVAEScore",
    "Downstream",
    "Explicitness",
    "FactorVAEScore",
    "FewLabels",
    "InfoMEC",
    "Metric",
    "Need",
    "Samples",
    "Votes",
    "beta_vae_score",
    "bootstrap_latent_share",
    "dci",
    "downstream",
    "draw_few_labels",
    "explicitness",
    "factor_vae_score",
    "fairness",
    "few_label_scores",
    "infomec",
    "irs",
    "latent_share",
    "mig",
    "modularity",
    "resolve_metrics",
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
    "latent_share": LATENT_SHARE,
    "few_labels": FEW_LABELS,
    "few_labels_binned": FEW_LABELS_BINNED,
    "few_labels_noisy": FEW_LABELS_NOISY,
    "few_labels_partial": FEW_LABELS_PARTIAL,
}

# The metric behind each score name (the column `metric.<score>` of a record).
SCORES: Mapping[str, Metric] = _plugins.LiveView(
    lambda: {score: metric for metric in METRICS.values() for score in metric.produces}
)

IMPRECISE = ("few_labels_binned", "few_labels_noisy", "few_labels_partial")
GROUPS: Mapping[str, tuple[str, ...]] = _plugins.LiveView(
    lambda: {
        # Imprecise labels are for studies of labelling, and are asked for by name.
        "all": tuple(name for name in METRICS if name not in IMPRECISE),
        "few_labels": ("latent_share", "few_labels", *IMPRECISE),
        "fast": tuple(name for name, metric in METRICS.items() if metric.cost == "cheap"),
        # The six of Locatello et al. 2019 and the IRS of their journal version.
        "paper": ("beta_vae", "factor_vae", "mig", "dci", "modularity", "sap", "irs"),
    }
)
_plugins.register("metrics", METRICS, Metric)


def resolve_metrics(
    names: str | Metric | Callable[..., Any] | Iterable[str | Metric | Callable[..., Any]],
) -> dict[str, Metric]:
    """Return the metrics that `names` (of groups, metrics or scores) mean, each once, in the order of the registry.

    Metrics and functions of one's own come last.

    Parameters
    ----------
    names : str or iterable of str, Metric or callable
        Such as "all", ["mig", "dci_completeness", my_function].

    Raises
    ------
    SelectdisError
        On an unknown name, with the nearest known one, and on a metric of one's own whose name is taken.
    """
    _plugins.installed("metrics")
    wanted: set[str] = set()
    own: dict[str, Metric] = {}
    for name in [names] if isinstance(names, str | Metric) or callable(names) else list(names):
        if isinstance(name, Metric) or callable(name):
            metric = name if isinstance(name, Metric) else metric_of(name)
            if METRICS.get(metric.name, metric) is not metric or own.get(metric.name, metric) is not metric:
                raise SelectdisError(f"the name of the metric {metric.name!r} is taken; give yours another one")
            own[metric.name] = metric
        elif name in GROUPS:
            wanted |= set(GROUPS[name])
        elif name in METRICS:
            wanted.add(name)
        elif name in SCORES:
            wanted.add(SCORES[name].name)
        else:
            known = sorted({*GROUPS, *METRICS, *SCORES})
            raise SelectdisError(f"unknown metric {name!r}{nearest(name, known) or '; known: ' + ', '.join(known)}")
    return {name: metric for name, metric in METRICS.items() if name in wanted} | own
