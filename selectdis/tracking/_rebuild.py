"""The view made again from the truth, and what a server missed sent to it."""

from __future__ import annotations

import math
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

from selectdis._redaction import redacted, redacted_text
from selectdis.errors import SelectdisError
from selectdis.study._replay import replay, stage_views
from selectdis.tracking._listener import MLflowListener, tracking_uri
from selectdis.tracking._outbox import Outbox
from selectdis.tracking._sender import Sender
from selectdis.tracking._store import Store, check_uri

__all__ = ["rebuild", "send_waiting"]


def rebuild(study: Any, uri: str | None = None) -> None:
    """Show all that a study has recorded in MLflow, from nothing.

    A view in the study's folder is deleted first; on a server, the runs of the study's experiment are marked as
    deleted (MLflow keeps them until ``mlflow gc``). Other experiments are left alone.

    Parameters
    ----------
    study : Study
        One that has run.
    uri : str, optional
        Tracking server or database; by default as for `MLflowListener`.

    Raises
    ------
    SelectdisError
        The study has no runs, another process is tracking it, or the server cannot be reached.
    """
    if study.records.empty:
        raise SelectdisError(f"the study {study.name!r} in {study.folder} has no runs yet: run it first")
    check_uri(tracking_uri(uri))
    views = list(stage_views(study))  # first, and aloud: what cannot be shown must not cost the view that is there
    outbox = Outbox(_folder(study) / "outbox.jsonl")
    try:
        outbox.clear()
        _forget(study, tracking_uri(uri))
        listener = MLflowListener(study.folder, uri, outbox=outbox, timeout=math.inf)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is wrong is raised below
            replay(study, listener, views)
            listener.close()
        if listener.problem is not None:
            raise _unreachable(uri, listener.problem)
    finally:
        outbox.release()


def send_waiting(study: Any, uri: str | None = None) -> int:
    """Send what waits in the study's folder, such as after a server was away.

    Parameters
    ----------
    study : Study
        One that has run.
    uri : str, optional
        Tracking server or database; by default as for `MLflowListener`.

    Returns
    -------
    int
        How many entries were sent.

    Raises
    ------
    SelectdisError
        Another process is tracking the study, or the server cannot be reached.
    """
    check_uri(tracking_uri(uri))
    sent = 0
    for path in sorted(_folder(study).glob("outbox*.jsonl")):
        outbox = Outbox(path)
        try:
            waiting = len(outbox)
            sender = Sender(outbox, lambda: Store(study.name, Path(study.folder), tracking_uri(uri)))
            if not sender.send_all():
                raise _unreachable(uri, sender.problem)
            sent += waiting
        finally:
            outbox.release()
    return sent


def _forget(study: Any, uri: str | None) -> None:
    folder = Path(study.folder)
    if uri is None and "mlflow" not in sys.modules:  # an open database must not be deleted under MLflow's feet
        (folder / "mlflow.db").unlink(missing_ok=True)
        shutil.rmtree(folder / "artifacts", ignore_errors=True)
        return
    try:
        Store(study.name, folder, uri).forget_runs()
    except Exception as error:
        raise _unreachable(uri, error) from None


def _folder(study: Any) -> Path:
    return Path(study.folder) / "tracking"


def _unreachable(uri: str | None, error: Exception | None) -> SelectdisError:
    where = redacted(uri) if uri else "the study's own database"
    return SelectdisError(
        f"MLflow at {where} cannot be reached ({redacted_text(str(error))[:200]}); start it, then run this again"
    )
