"""Names as a reader says them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from selectdis.objectives import OBJECTIVES
from selectdis.records._columns import (
    CANDIDATE,
    CONFIGURATION,
    DATASET,
    EARLIER,
    OBJECTIVE,
    SAMPLED,
    SEED,
    STRENGTH,
    score_name,
    strength_columns,
)
from selectdis.records._status import pickable

__all__ = [
    *("configuration_labels", "number", "objective_label", "run_label", "score_label", "strength_label"),
    "with_settings",
]

_SETTINGS = ("architecture", "latents", "learning_rate", "batch_size", "width", "steps", "likelihood")

_WORDS = ("architecture", "likelihood")
_DECAY = "weight_decay"  # differs between objectives by itself, so it tells apart those of one objective alone

_OBJECTIVES = {
    "beta_vae": "β-VAE",
    "annealed_vae": "AnnealedVAE",
    "factor_vae": "FactorVAE",
    "dip_vae_i": "DIP-VAE-I",
    "dip_vae_ii": "DIP-VAE-II",
    "beta_tc_vae": "β-TCVAE",
    "qlae": "QLAE",
    "ada_gvae": "Ada-GVAE",
    "ada_ml_vae": "Ada-ML-VAE",
}
_STRENGTHS = {
    "beta": "β",
    "gamma": "γ",
    "lambda_od": "λ_od",
    "lambda_d": "λ_d",
    "c_max": "c_max",
    "lambda_quantize": "λ_quantize",
    "lambda_commit": "λ_commit",
}
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
_FEW = re.compile(r"(\w+)\.few(\d+)")
_MODELS = {"lr": "logistic", "gbt": "trees", "efficiency": "efficiency"}


def score_label(name: str) -> str:
    """``dci_disentanglement.sampled`` -> ``DCI disentanglement (sampled)``; ``mig.few100`` -> ``MIG, 100 labels``."""
    plain = score_name(name).removesuffix(SAMPLED)
    if few := _FEW.fullmatch(plain):
        label = f"{score_label(few[1])}, {int(few[2]):,} labels"
    elif found := _DOWNSTREAM.fullmatch(plain):
        label = f"downstream {_MODELS[found[1]]} {found[2].replace('_', ' ')}"
    else:
        label = _SCORES.get(plain, plain.replace("_", " "))
    return f"{label} (sampled)" if name.endswith(SAMPLED) else label


def objective_label(name: str) -> str:
    """``beta_vae`` -> ``β-VAE``."""
    return _OBJECTIVES.get(name, name)


def strength_label(objective: str) -> str:
    """Return the symbol of what the literature sweeps: ``beta_vae`` -> ``β``."""
    return _STRENGTHS.get(OBJECTIVES[objective].main, "strength") if objective in OBJECTIVES else "strength"


def configuration_labels(records: pd.DataFrame, *, plain: bool = False) -> dict[str, str]:
    """Return each configuration's label: the objective, its strength, and what else tells it from the others.

    ``β-VAE β=4, latents 10``; or with `plain`, in the words of a study file, ``beta_vae beta=4 latents=10``, where what
    all of an objective share is left out.
    """
    if records.empty or CONFIGURATION not in records:
        return {}
    rows = records.drop_duplicates(CONFIGURATION)
    old = {_DECAY: 0.0, "likelihood": "bernoulli"}  # of records from before there were others
    rows = rows.fillna({name: value for name, value in old.items() if name in rows})
    settings = _differing(rows, [name for name in _SETTINGS if name in rows])
    labels = {}
    for _, group in rows.groupby(OBJECTIVE if OBJECTIVE in rows else CONFIGURATION, dropna=False, observed=True):
        strengths, own = strength_columns(group), [_DECAY] if _DECAY in group else []
        columns, told = _differing(group, strengths + own) + settings, _differing(group, own) + settings
        for row in group.to_dict("records"):
            labels[str(row[CONFIGURATION])] = _plain_label(row, columns) if plain else _label(row, told)
    shared = {label for label, count in Counter(labels.values()).items() if count > 1}
    return {c: f"{label} [{c.rsplit('-', 1)[-1][:4]}]" if label in shared else label for c, label in labels.items()}


def _differing(rows: pd.DataFrame, columns: list[str]) -> list[str]:
    return [name for name in columns if rows[name].nunique(dropna=False) > 1]


def _label(row: Mapping[Any, Any], settings: list[str]) -> str:
    objective = str(row.get(OBJECTIVE, row[CONFIGURATION]))
    first = objective_label(objective)
    if (strength := row.get("strength")) is not None and not pd.isna(strength):
        first += f" {strength_label(objective)}={strength:g}"
    told = (str(row[s]) if s in _WORDS else f"{s.replace('_', ' ')} {number(row[s])}" for s in settings)
    return ", ".join([first, *told])


def _plain_label(row: Mapping[Any, Any], columns: list[str]) -> str:
    told = {column.removeprefix(STRENGTH): row[column] for column in columns if not pd.isna(row[column])}
    values = (f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}" for name, value in told.items())
    return " ".join([str(row.get(OBJECTIVE, row[CONFIGURATION])), *values])


def with_settings(board: pd.DataFrame, records: pd.DataFrame) -> pd.DataFrame:
    """Return `board` with the column `settings` behind its configurations: each in words, told apart in `records`.

    Where `records` hold earlier runs, the last column says of each row how many of its finished runs are such.
    """
    if records.empty or CONFIGURATION not in board:
        return board
    board = board.copy()
    words = board[CONFIGURATION].map(configuration_labels(records, plain=True))
    board.insert(list(board.columns).index(CONFIGURATION) + 1, "settings", words)
    if EARLIER in records:
        keys = [name for name in (DATASET, CANDIDATE, CONFIGURATION) if name in board]
        counts = records[pickable(records) & records[EARLIER].eq(True)].groupby(keys).size().rename(EARLIER)
        board = board.drop(columns=EARLIER, errors="ignore").join(counts, on=keys).fillna({EARLIER: 0})
        board[EARLIER] = board[EARLIER].astype(int)
    return board


def run_label(row: Mapping[Any, Any], labels: Mapping[str, str]) -> str:
    """Return a configuration's label and the seed: ``β-TCVAE β=2 · seed 2``."""
    configuration = str(row.get(CONFIGURATION, ""))
    seed = row.get(SEED)
    label = labels.get(configuration, configuration)
    return label if seed is None or pd.isna(seed) else f"{label} · seed {int(seed)}"


def number(value: Any, digits: int = 3) -> str:
    """Return a number as a table shows it; a dash where there is none."""
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
