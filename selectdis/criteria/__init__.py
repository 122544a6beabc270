"""Scores of runs that need no labels: arrays in, numbers out.

`CRITERIA` describes each score by its name; to add one, write its file and name it here, or see docs/parts.md. Those of
`TO_TRY` are computed by no study, and by the arena alone: what they are worth stands in docs/evidence.md.
"""

from __future__ import annotations

from selectdis import _plugins
from selectdis.criteria._centrality import MODEL_CENTRALITY, model_centrality
from selectdis.criteria._factorised_support import FACTORISED_SUPPORT, factorised_support
from selectdis.criteria._gaussian import (
    GAUSSIAN_TC,
    GAUSSIAN_WASSERSTEIN,
    gaussian_total_correlation,
    gaussian_wasserstein,
)
from selectdis.criteria._held_out import ACTIVE_UNITS, ELBO, KL, RECONSTRUCTION, active_units, gaussian_kl, held_out
from selectdis.criteria._information import MUTUAL_INFORMATION, mutual_information
from selectdis.criteria._mechanisms import INDEPENDENT_MECHANISMS, independent_mechanisms
from selectdis.criteria._orthogonality import JACOBIAN_ORTHOGONALITY, jacobian_orthogonality
from selectdis.criteria._pipe import PIPE, pipe, shuffle_dimensions
from selectdis.criteria._registry import Criterion, Decoded, HeldOut, Input, Pool
from selectdis.criteria._trained import TrainedPool, TrainedRun
from selectdis.criteria._udr import UDR_LASSO, UDR_SPEARMAN, udr

__all__ = [
    "CRITERIA",
    "TO_TRY",
    "Criterion",
    "Decoded",
    "HeldOut",
    "Input",
    "Pool",
    "TrainedPool",
    "TrainedRun",
    "active_units",
    "factorised_support",
    "gaussian_kl",
    "gaussian_total_correlation",
    "gaussian_wasserstein",
    "held_out",
    "independent_mechanisms",
    "jacobian_orthogonality",
    "model_centrality",
    "mutual_information",
    "pipe",
    "shuffle_dimensions",
    "udr",
]

CRITERIA: dict[str, Criterion] = {
    "reconstruction": RECONSTRUCTION,
    "kl": KL,
    "elbo": ELBO,
    "gaussian_tc": GAUSSIAN_TC,
    "gaussian_wasserstein": GAUSSIAN_WASSERSTEIN,
    "mutual_information": MUTUAL_INFORMATION,
    "active_units": ACTIVE_UNITS,
    "udr_lasso": UDR_LASSO,
    "udr_spearman": UDR_SPEARMAN,
    "model_centrality": MODEL_CENTRALITY,
    "pipe": PIPE,
}
_plugins.register("criteria", CRITERIA, Criterion)

TO_TRY: dict[str, Criterion] = {
    "factorised_support": FACTORISED_SUPPORT,
    "independent_mechanisms": INDEPENDENT_MECHANISMS,
    "jacobian_orthogonality": JACOBIAN_ORTHOGONALITY,
}
