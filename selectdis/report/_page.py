"""The report: one HTML page that holds all it shows, so that it can be read offline and sent around."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selectdis._files import atomic_write, written
from selectdis._progress import progress_bar
from selectdis.errors import SelectdisError
from selectdis.report import _sections as sections
from selectdis.visualization import StudySnapshot, snapshot_of_records, take_snapshot

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["render", "write_records_report", "write_report"]


def write_report(study: Any, out: str | Path | None = None) -> Path:
    """Write the report of a study.

    Parameters
    ----------
    study : Study
        One that has run.
    out : path, optional
        Where to; by default ``report.html`` in the study's folder.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    SelectdisError
        The study has no runs, or the file cannot be written.
    """
    with progress_bar("sections") as show:
        page = render(take_snapshot(study), lambda done, total: show("report", done, total))
    path = Path(out) if out is not None else Path(study.folder) / "report.html"
    return _write(page, path, atomic_write if out is None else written)


def write_records_report(records: pd.DataFrame, name: str, out: str | Path) -> Path:
    """Write the report of a table of records.

    Parameters
    ----------
    records : DataFrame
        As `selection.read_records` gives them.
    name : str
        What stands above it.
    out : path
        Where to.

    Returns
    -------
    Path
        Where it was written.

    Raises
    ------
    SelectdisError
        The table says of no run which data set and configuration it has, or the file cannot be written.
    """
    return _write(render(snapshot_of_records(records, name)), Path(out), written)


def render(snapshot: StudySnapshot, show: Callable[[int, int], None] = lambda done, total: None) -> str:
    """Return the page of a study; `show` is told how many of its sections are done."""
    import jinja2

    style, script = _resource("page.css"), _resource("page.js")
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(_resource("page.html"))
    return template.render(
        snapshot=snapshot,
        sections=sections.all_sections(snapshot, show),
        style=style,
        script=script,
        # Nothing but this page's own script runs, and nothing is fetched, whatever the names in it contain.
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=version("selectdis"),
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _write(page: str, path: Path, place: Callable[[Path], AbstractContextManager[Path]]) -> Path:
    try:
        with place(path) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SelectdisError(
            f"cannot write the report to {path}: {error.strerror or error}; give another --out"
        ) from None
    return path


def _resource(name: str) -> str:
    return files("selectdis.report").joinpath(name).read_text(encoding="utf-8")
