"""Where each run stands among those of its stage: its place, its win rate, whether it is picked; and sums of these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from selectdis import selection
from selectdis.errors import SelectdisError
from selectdis.records import configuration_labels, run_label, score_label
from selectdis.tracking._entries import metric_key

if TYPE_CHECKING:
    import pandas as pd

    from selectdis.study import Study
    from selectdis.study._transfer import Transfer

__all__ = ["MAIN_CRITERIA", "MAIN_METRICS", "Standing", "main_scores", "run_name", "standings", "summary"]

MAIN_METRICS = ("metric.mig", "metric.dci_disentanglement", "metric.factor_vae", "metric.sap")
MAIN_CRITERIA = ("criterion.udr_lasso", "criterion.active_units", "criterion.reconstruction")


class Standing(NamedTuple):
    """What MLflow says of a run besides its own scores; it changes as further runs come."""

    name: str
    metrics: dict[str, float]
    tags: dict[str, str]


def run_name(record: Mapping[str, Any]) -> str:
    """Return the name of a run that stands alone: ``β-TCVAE β=2 · seed 2``."""
    import pandas as pd

    return run_label(record, configuration_labels(pd.DataFrame([dict(record)])))


def standings(
    study: Study, stage: str, order: int, table: pd.DataFrame, transfer: Transfer | None
) -> dict[str, Standing]:
    """Return where each run of a stage stands.

    Parameters
    ----------
    study : Study
        Whose score ranks the runs of a proxy.
    stage : {"proxy", "target"}
        What `table` is of.
    order : int
        Place of the stage among those of the study, from 0: the runs of the latest come first.
    table : DataFrame
        Its records.
    transfer : Transfer or None
        Of a target, once a run is picked there: ranks are those of its rule, or of its labels.

    Returns
    -------
    dict
        Id of a candidate -> `Standing`.
    """
    rates, ranks = _win_rates(table), _ranks(study, stage, table, transfer)
    pick = transfer.pick.candidate if transfer is not None and transfer.pick is not None else None
    labels = configuration_labels(table)
    found = {}
    for row in table.to_dict("records"):
        candidate = str(row["candidate"])
        metrics = {"rank": float(ranks[candidate])} if candidate in ranks else {}
        metrics |= {"win_rate": rates[candidate]} if np.isfinite(rates.get(candidate, np.nan)) else {}
        place = f"{max(99 - order, 0):02d}-{ranks.get(candidate, 99_999):05d}"
        tags = {"selectdis.order": place} | ({"picked": "picked"} if candidate == pick else {})
        found[candidate] = Standing(run_label(row, labels), metrics, tags)
    return found


def _win_rates(table: pd.DataFrame) -> dict[str, float]:
    finished = table[selection.pickable(table)]
    try:
        return dict(zip(finished["candidate"], map(float, selection.run_scores(finished, "win_rate")), strict=True))
    except SelectdisError:  # without labels, or without runs
        return {}


def _ranks(study: Study, stage: str, table: pd.DataFrame, transfer: Transfer | None) -> dict[str, int]:
    if stage == "target" and transfer is None:
        return {}
    try:
        own = selection.leaderboard(table, by="run", score=study.spec.select.score) if transfer is None else None
    except SelectdisError:  # no run has finished, or none has the score
        return {}
    board = transfer.leaderboard() if transfer is not None else own
    return {} if board is None else {str(c): int(r) for c, r in zip(board["candidate"], board["rank"], strict=True)}


def main_scores(table: pd.DataFrame, names: tuple[str, ...]) -> list[str]:
    """Return those of the main scores that the records have, as MLflow names them."""
    return [metric_key(name) for name in names if name in table and table[name].notna().any()]


def summary(
    stage: str, table: pd.DataFrame, where: Mapping[str, Standing], transfer: Transfer | None, score: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Return metrics and tags of a stage's parent run: how many runs, what the best one is, and the means.

    Parameters
    ----------
    stage : {"proxy", "target"}
        What it is.
    table : DataFrame
        Its records.
    where : mapping
        From `standings`.
    transfer : Transfer or None
        Of a target with a pick.
    score : str
        What ranks the runs of a proxy.
    """
    states = table["status"].value_counts().items() if "status" in table else ()
    metrics = {f"runs/{state}": float(count) for state, count in states}
    metrics["configurations"] = float(table["configuration"].nunique())
    for name in (*MAIN_METRICS, *MAIN_CRITERIA):
        if name in table and table[name].notna().any():
            metrics[f"mean/{name.partition('.')[2]}"] = float(table[name].mean())
    best = next((one.name for one in where.values() if one.metrics.get("rank") == 1), "")
    if transfer is not None and transfer.pick is not None:
        picked = where[transfer.pick.candidate].name
        return metrics, {"picked": picked, "why": transfer.why[:4_900], "decision": transfer.trust.decision}
    return metrics, {"best": f"{best} by {score_label(score)}"} if best else {}
