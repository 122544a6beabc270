"""Who a study is: an id of its own, in its folder or database, that outlives a move; a copy that runs gets another."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.storages import RDBStorage

from selectdis._files import atomic_write, open_own
from selectdis.errors import SelectdisError
from selectdis.study.persistence._database import database_lock

__all__ = ["claim_folder", "database_id", "folder_id", "view_lock"]

ID_FILE = "study.id.json"
ATTRIBUTE = "study_id"  # of an Optuna study in a shared database


class Kept(NamedTuple):
    """What a folder says of its study: the id, and where the folder was when a driver last had it."""

    id: str
    folder: str


@contextlib.contextmanager
def view_lock(folder: Path) -> Iterator[None]:
    """Do alone, of all threads and processes at this folder, what must not happen twice; never held for long."""
    try:
        descriptor = open_own(folder, "view.lock", flags=os.O_RDWR | os.O_CREAT)
    except SelectdisError:
        raise
    except OSError as error:
        raise _unwritable(folder / "view.lock", error) from None
    with open(descriptor, "r+b") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def folder_id(folder: Path) -> str:
    """Return the id of the study in `folder`, which gets one where it has none."""
    if kept := _read(folder):
        return kept.id
    with view_lock(folder):
        return (_read(folder) or _write(folder, uuid.uuid4().hex)).id


def claim_folder(folder: Path) -> None:
    """Note where the folder is, for its one driver; a copy, whose original is still there, gets an id of its own."""
    with view_lock(folder):
        kept = _read(folder)
        if kept is not None and _is_copy(kept, folder):
            warnings.warn(
                f"{folder} is a copy of the study in {kept.folder}: it goes on as a study of its own, which MLflow "
                "shows anew",
                stacklevel=2,
            )
            kept = None
        if kept is None or kept.folder != str(folder.resolve()):
            _write(folder, uuid.uuid4().hex if kept is None else kept.id)


def database_id(storage: RDBStorage, name: str) -> str:
    """Return the id of the study `name`, which all drivers that share a database find there."""
    with database_lock(storage.engine.url, f"{name}: id"):
        summaries = optuna.get_all_study_summaries(storage, include_best_trial=False)
        stages = [summary for summary in summaries if summary.study_name.startswith(f"{name}/")]
        ids = [stage.user_attrs[ATTRIBUTE] for stage in stages if ATTRIBUTE in stage.user_attrs]
        if ids:
            return str(ids[0])
        if not stages:
            raise SelectdisError(f"the study {name!r} has no runs in its database yet: run it first")
        fresh = uuid.uuid4().hex
        optuna.load_study(study_name=stages[0].study_name, storage=storage).set_user_attr(ATTRIBUTE, fresh)
        return fresh


def _is_copy(kept: Kept, folder: Path) -> bool:
    original = Path(kept.folder)
    try:
        return not original.samefile(folder) and _id_in(original) == kept.id
    except (OSError, ValueError):  # it is gone: this folder was moved
        return False


def _id_in(folder: Path) -> str | None:
    kept = _read(folder)
    return None if kept is None else kept.id


def _read(folder: Path) -> Kept | None:
    try:
        with open(open_own(folder, ID_FILE), encoding="utf-8") as file:
            kept = Kept(**json.loads(file.read(10_000)))
    except (OSError, TypeError, ValueError, RecursionError):
        return None
    return kept if re.fullmatch(r"[0-9a-f]{32}", str(kept.id)) and isinstance(kept.folder, str) else None


def _write(folder: Path, study_id: str) -> Kept:
    kept = Kept(study_id, str(folder.resolve()))
    try:
        with atomic_write(folder / ID_FILE) as temporary:
            temporary.write_text(json.dumps({"id": kept.id, "folder": kept.folder}) + "\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(folder / ID_FILE, error) from None
    return kept


def _unwritable(path: Path, error: OSError) -> SelectdisError:
    return SelectdisError(f"cannot write {path}: {error.strerror or error}; make room or give write access")
