"""The view brought up to date with what a study has recorded, or made again from nothing."""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, NamedTuple

from selectdis._redaction import redacted, redacted_reason
from selectdis.errors import SelectdisError
from selectdis.study._replay import recorded_stages
from selectdis.tracking._own_database import own_uri, remove_database
from selectdis.tracking._store import check_uri, tracking_uri
from selectdis.tracking._view import View

if TYPE_CHECKING:
    from selectdis.study import Study

__all__ = ["Shown", "rebuild", "track"]


class Shown(NamedTuple):
    """What `track` did: of the study's `runs`, MLflow lacked anything of `sent`."""

    sent: int
    runs: int


def track(study: Study, uri: str | None = None) -> Shown:
    """Show all that a study has recorded in MLflow; what is there already is neither loaded nor sent.

    Parameters
    ----------
    study : Study
        One that has run.
    uri : str, optional
        Tracking server or database; by default as for `MLflowListener`.

    Returns
    -------
    Shown
        How many runs were sent, wholly or in part, and how many there are.

    Raises
    ------
    SelectdisError
        The study has no runs, or the server cannot be reached.
    """
    _check(study, uri)
    return _show(study, uri)


def rebuild(study: Study, uri: str | None = None) -> None:
    """Show all that a study has recorded in MLflow, from nothing.

    A view in the study's folder is deleted first; elsewhere the study's own runs are marked as deleted (MLflow keeps
    them until ``mlflow gc``). Runs of other studies are left alone, in the same experiment too.

    Parameters
    ----------
    study : Study
        One that has run.
    uri : str, optional
        Tracking server or database; by default as for `MLflowListener`.

    Raises
    ------
    SelectdisError
        The study has no runs, a driver is running it, or the server cannot be reached.
    """
    _check(study, uri)
    for stage, _ in recorded_stages(study):  # first, and aloud: what cannot be read must not cost the view
        stage.raw_records()
    with nullcontext() if study.store.url else study.store.hold():
        study.store.claim()  # a copy deletes nothing of its original's
        # An open database must not be deleted under MLflow's feet, here or in another driver.
        if tracking_uri(uri) in (None, own_uri(study.folder)) and not study.store.url and "mlflow" not in sys.modules:
            remove_database(study.folder)
            shutil.rmtree(study.folder / "artifacts", ignore_errors=True)
        _show(study, uri, anew=True)


def _check(study: Study, uri: str | None) -> None:
    if study.records.empty:
        raise SelectdisError(f"the study {study.name!r} in {study.folder} has no runs yet: run it first")
    check_uri(tracking_uri(uri))


def _show(study: Study, uri: str | None, *, anew: bool = False) -> Shown:
    tracking = study.spec.tracking
    options = tracking.get("mlflow", {}) if isinstance(tracking, dict) else {}
    where = tracking_uri(uri)
    try:
        view = View(study, where, options.get("experiment"), pictures=options.get("pictures", 3))
        if anew:
            view.store.delete_runs()
        runs = view.show_all()
    except SelectdisError:
        raise
    except Exception as error:  # whatever a server or a database comes up with
        named = redacted(where) if where else "the study's own database"
        reason = f"{type(error).__name__}: {redacted_reason(error, where or '')[:200]}"
        raise SelectdisError(f"MLflow at {named} cannot be reached ({reason}); start it, then run this again") from None
    if view.refused:
        key, refusal = next(iter(view.refused.items()))
        reason = redacted_reason(refusal, where or "")[:200]
        raise SelectdisError(f"MLflow refused {len(view.refused)} of {runs} runs, the first: {key} ({reason})")
    return Shown(len(view.sent), runs)
