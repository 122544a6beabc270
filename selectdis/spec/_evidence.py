"""`proxy: evidence` in a study file: what its search and its training are, unless the file says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import pandas as pd

from selectdis.errors import check_choice
from selectdis.objectives import OBJECTIVES
from selectdis.records import FAMILY, OBJECTIVE, PART, STRENGTH
from selectdis.selection import evidence

__all__ = ["EVIDENCE", "default_part", "evidence_study", "part_of", "with_evidence"]

EVIDENCE = "evidence"  # in the place of a proxy's name
PRECISION = {"dense16": "bf16", "conv32": "bf16"}  # records do not say it
SHARED = ("architecture", "latents", "learning_rate", "width")  # by all runs of a part


def default_part() -> str:
    """Return the part of the evidence with the most families of data sets: trust rests on these."""
    return str(evidence().groupby(PART, sort=False)[FAMILY].nunique().idxmax())


def part_of(proxy: Any) -> str | None:
    """Return the part that a study's `proxy` names as the evidence; None where it names something else."""
    one = proxy[0] if isinstance(proxy, list | tuple) and len(proxy) == 1 else proxy
    if one == EVIDENCE:
        return default_part()
    if not (isinstance(one, Mapping) and one.get("name") == EVIDENCE):
        return None
    part = one.get(PART) or default_part()
    check_choice(PART, part, [str(name) for name in evidence()[PART].unique()])
    return str(part)


def with_evidence(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return `content` completed where its proxy is the evidence; its own keys win, one level down as well."""
    completed = dict(content)
    if (part := part_of(content.get("proxy"))) is None:
        return completed
    completed["proxy"] = [{"name": EVIDENCE, PART: part}]
    for key, values in evidence_study(part).items():
        own = content.get(key, {})
        completed[key] = {**values, **own} if isinstance(own, Mapping) else own
    return completed


@lru_cache(maxsize=8)
def evidence_study(part: str) -> dict[str, dict[str, Any]]:
    """Return the keys of a study file that trains as the runs of `part` were trained."""
    runs = evidence(part)
    objectives = {str(name): _strengths(str(name), own) for name, own in runs.groupby(OBJECTIVE, sort=False)}
    search = {name: _plain(runs[name]) for name in SHARED} | {"objective": objectives}
    with_one = [name for name in objectives if OBJECTIVES[name].adversary is not None]
    search |= {"discriminator_width": _plain(runs.loc[runs[OBJECTIVE].isin(with_one), "discriminator_width"])}
    training = {"steps": int(runs["steps"].iloc[0]), "batch_size": int(runs["batch_size"].iloc[0])}
    evaluation = {"metrics": ["fast"], "criteria": ["fast"], "sampled": False, "n_train": 2_000, "n_test": 1_000}
    return {
        "search": search,
        "training": training | ({"precision": PRECISION[part]} if part in PRECISION else {}),
        "evaluation": evidence_protocol(runs) | evaluation,
        "select": {"top": 3, "seeds": 5},
    }


def evidence_protocol(runs: pd.DataFrame) -> dict[str, Any]:
    """Return the size of the probe, on which criteria over many runs are computed."""
    return {"probe": int(runs["n.probe"].iloc[0])} if "n.probe" in runs else {}


def _strengths(objective: str, runs: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the values of the strength that is swept, and of others that do not follow from it."""
    about = OBJECTIVES[objective]
    columns = {name: runs[f"{STRENGTH}{name}"] for name in about.strength_names if f"{STRENGTH}{name}" in runs}
    usual = [about.complete({about.main: float(value)}) for value in columns[about.main]]
    own = [name for name in columns if [*columns[name]] != [strengths[name] for strengths in usual]]
    return {name: _plain(columns[name]) for name in dict.fromkeys([about.main, *own])}


def _plain(column: pd.Series) -> list[Any]:
    """Return the values of a column, each once, as a study file writes them."""
    values = sorted(column.dropna().unique().tolist())
    return [int(value) if isinstance(value, float) and value.is_integer() else value for value in values]
