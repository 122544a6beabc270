"""Names as a reader says them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from selectdis.objectives import OBJECTIVES

__all__ = ["configuration_labels", "number", "objective_label", "run_label", "score_label", "strength_label"]

_OBJECTIVES = {
    "beta_vae": "β-VAE",
    "annealed_vae": "AnnealedVAE",
    "factor_vae": "FactorVAE",
    "dip_vae_i": "DIP-VAE-I",
    "dip_vae_ii": "DIP-VAE-II",
    "beta_tc_vae": "β-TCVAE",
}
_STRENGTHS = {"beta": "β", "gamma": "γ", "lambda_od": "λ_od", "lambda_d": "λ_d", "c_max": "c_max"}
_SCORES = {
    "win_rate": "win rate",
    "beta_vae": "BetaVAE score",
    "factor_vae": "FactorVAE score",
    "mig": "MIG",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "sap": "SAP",
    "irs": "IRS",
    "infom": "InfoM",
    "infoc": "InfoC",
    "infoe": "InfoE",
    "kl": "KL",
    "elbo": "ELBO",
    "gaussian_tc": "Gaussian TC",
    "gaussian_wasserstein": "Gaussian Wasserstein",
    "udr_lasso": "UDR (lasso)",
    "udr_spearman": "UDR (Spearman)",
    "udr_lasso_pool": "UDR (lasso, all)",
    "udr_spearman_pool": "UDR (Spearman, all)",
    "pipe": "PIPE",
}
_DOWNSTREAM = re.compile(r"downstream_(lr|gbt|efficiency)_(\w+)")
_MODELS = {"lr": "logistic", "gbt": "trees", "efficiency": "efficiency"}


def score_label(name: str) -> str:
    """``dci_disentanglement.sampled`` -> ``DCI disentanglement (sampled)``."""
    plain = name.removeprefix("metric.").removeprefix("criterion.")
    sampled = plain.endswith(".sampled")
    plain = plain.removesuffix(".sampled")
    if found := _DOWNSTREAM.fullmatch(plain):
        label = f"downstream {_MODELS[found[1]]} {found[2].replace('_', ' ')}"
    else:
        label = _SCORES.get(plain, plain.replace("_", " "))
    return f"{label} (sampled)" if sampled else label


def objective_label(name: str) -> str:
    """``beta_vae`` -> ``β-VAE``."""
    return _OBJECTIVES.get(name, name)


def strength_label(objective: str) -> str:
    """The symbol of what the literature sweeps: ``beta_vae`` -> ``β``."""
    return _STRENGTHS.get(OBJECTIVES[objective].main, "strength") if objective in OBJECTIVES else "strength"


def configuration_labels(records: pd.DataFrame) -> dict[str, str]:
    """Configuration id -> a label that tells it from the others: the objective, its strength, and what else differs."""
    if records.empty or "configuration" not in records:
        return {}
    rows = records.drop_duplicates("configuration")
    differing = [name for name in _settings(rows) if rows[name].nunique(dropna=False) > 1]
    labels = {str(row["configuration"]): _label(row, differing) for row in rows.to_dict("records")}
    shared = {label for label, count in Counter(labels.values()).items() if count > 1}
    return {c: f"{label} [{c.rsplit('-', 1)[-1][:4]}]" if label in shared else label for c, label in labels.items()}


def _settings(rows: pd.DataFrame) -> list[str]:
    return [name for name in ("architecture", "width", "latents", "learning_rate", "batch_size") if name in rows]


def _label(row: Mapping[Any, Any], differing: list[str]) -> str:
    objective = str(row.get("objective", row["configuration"]))
    parts = [objective_label(objective)]
    if (strength := row.get("strength")) is not None and not pd.isna(strength):
        parts.append(f"{strength_label(objective)}={strength:g}")
    for name in differing:
        value = row[name]
        parts.append(str(value) if name == "architecture" else f"{name.replace('_', ' ')} {number(value)}")
    return ", ".join([" ".join(parts[:2]), *parts[2:]])


def run_label(row: Mapping[Any, Any], labels: Mapping[str, str]) -> str:
    """A configuration's label and the seed."""
    configuration = str(row.get("configuration", ""))
    seed = row.get("seed")
    label = labels.get(configuration, configuration)
    return label if seed is None or pd.isna(seed) else f"{label}, seed {int(seed)}"


def number(value: Any, digits: int = 3) -> str:
    """A number as a table shows it; a dash where there is none."""
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return "–"
    if isinstance(value, str):
        return value
    if not math.isfinite(value):
        text = "∞" if value > 0 else "-∞"
    elif float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}"
    else:
        text = f"{float(value):.{digits}f}" if 1e-3 <= abs(value) < 1e5 else f"{float(value):.2e}"
    return text.replace("-", "−")
