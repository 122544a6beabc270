"""The page that ``selectdis ui`` opens: MLflow's run table with the columns, the order and the charts of a study.

MLflow keeps a view that somebody shares in a tag of the experiment, and opens it by its key. The form of both is
MLflow's own affair and may change with any version: it is used where it was tried, and elsewhere the plain page opens.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from selectdis.tracking._own_database import BELONGS, own_database

__all__ = ["page_of", "saved_view", "view_tag"]

TRIED = ("3.17",)  # versions of MLflow with which a test opens the view in a browser
_TAG = "mlflow.sharedViewState."
_LONGEST = 20_000  # characters that the server takes
_SECTION = "selectdis"
_FIRST_COLUMNS, _LAST_COLUMNS = ("0", "attributes.`Run Name`"), ("runDateAndNestInfo", "duration")  # always there
_MANY = 100  # runs: from here on, charts show those that are ticked


def view_tag(study_id: str) -> str:
    """Return the name of the tag that holds the view of a study: several may share an experiment."""
    return f"{_TAG}{_key(study_id)}"


def page_of(folder: Path, study_id: str) -> str:
    """Return what stands behind the # of the address at which a study's own database shows its runs."""
    with closing(sqlite3.connect(own_database(folder), timeout=30)) as database:
        tags = "SELECT experiment_id FROM experiment_tags WHERE key = ?"
        found = database.execute(tags, (f"{BELONGS}{study_id}",)).fetchone()
        has_view = database.execute(tags, (view_tag(study_id),)).fetchone() is not None
    if found is None:
        return "/experiments?workflowType=machine_learning"
    page = f"/experiments/{found[0]}/runs?workflowType=machine_learning"
    tried = ".".join(version("mlflow").split(".")[:2]) in TRIED
    return f"{page}&viewStateShareKey={_key(study_id)}" if tried and has_view else page


def saved_view(study_id: str, metrics: Sequence[str], criteria: Sequence[str], runs: int) -> str:
    """Return the content of the tag.

    Parameters
    ----------
    study_id : str
        Whose runs are looked for where others share the experiment; "" for all.
    metrics, criteria : sequence of str
        The main ones, as MLflow names them (``metric/mig``), best known first.
    runs : int
        How many there are.

    Returns
    -------
    str
        JSON, of at most 20,000 characters; "" where it would be longer.
    """
    main, more = [*criteria[:1], *metrics], criteria[1:]
    columns = ["tags.`picked`", "metrics.`rank`", "attributes.`Dataset`", "metrics.`win_rate`"]
    columns += [f"metrics.`{name}`" for name in main]
    columns += [f"params.`{name}`" for name in ("objective", "strength", "seed")]
    columns += [f"metrics.`{name}`" for name in more]
    state = {
        "searchFilter": f"tags.`selectdis.study` = '{study_id}'" if study_id else "",
        "orderByKey": "tags.`selectdis.order`",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": columns,
        "columnOrder": [*_FIRST_COLUMNS, *columns, *_LAST_COLUMNS],
        "columnWidths": {name: _width(name) for name in columns},
        "runsHiddenMode": "SHOW_ALL" if runs <= _MANY else "FIRST_20_RUNS",
        "compareRunCharts": _charts(metrics, criteria),
        "compareRunSections": [
            {"uuid": _SECTION, "name": "What the choice rests on", "display": True, "isReordered": True}
        ],
        "isAccordionReordered": True,
        "viewMaximized": False,
        "runListHidden": False,
        "groupBy": None,
        "groupsExpanded": {},
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
    }
    text = json.dumps(state, ensure_ascii=False)
    return text if len(text) <= _LONGEST else ""


def _width(column: str) -> int:
    """Return the pixels that a heading takes, so that a dozen columns fit beside the names."""
    heading = column.split("`")[1]
    return min(max(24 + 8 * len(heading), 72), 150)


def _key(study_id: str) -> str:
    return f"selectdis-{study_id[:12]}"


def _charts(metrics: Sequence[str], criteria: Sequence[str]) -> list[dict[str, Any]]:
    """Return score against criterion, strength against score, and parallel coordinates."""
    criterion, rate = next(iter(criteria), "criterion/elbo"), "win_rate"
    charts = [_scatter(criterion, "METRIC", rate), _scatter("strength", "PARAM", rate)]
    charts += [_scatter("strength", "PARAM", criterion)]
    lines = {"selectedParams": ["objective", "strength", "seed"], "selectedMetrics": [criterion, *metrics[:2], rate]}
    charts += [{"type": "PARALLEL", "displayName": "settings and scores", "showAllRuns": True, **lines}]
    shared = {"metricSectionId": _SECTION, "deleted": False, "isGenerated": False, "runsCountToCompare": _MANY}
    return [{"uuid": f"{_SECTION}-{place}", **shared, **chart} for place, chart in enumerate(charts)]


def _scatter(x: str, kind: str, y: str) -> dict[str, Any]:
    axes = {"xaxis": {"key": x, "type": kind}, "yaxis": {"key": y, "type": "METRIC"}}
    return {"type": "SCATTER", "displayName": f"{y.rpartition('/')[2]} against {x.rpartition('/')[2]}", **axes}
