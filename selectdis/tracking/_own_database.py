"""The MLflow database in a study's folder: mended before MLflow opens it, wherever the folder came from."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import unquote

from selectdis import _files
from selectdis._files import own_tree, sqlite_url

__all__ = [
    "BELONGS", "artifacts_uri", "bring_default_inside", "find_artifacts", "hide_empty_default", "is_inside",
    "leads_elsewhere", "mend_database", "own_database", "own_uri", "remove_database",
]  # fmt: skip

BELONGS = "selectdis.study."  # an experiment's tag is this and the id of a study that is shown there; its name
_SHOWN = "(SELECT experiment_id FROM runs JOIN tags USING (run_uuid) WHERE key = 'selectdis.stage')"
_LOCATIONS = [
    *(("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location")),
    *(("model_versions", "source"), ("model_versions", "storage_location")),
]
_WRITTEN = {"experiments": "experiment_id <> 0", "runs": "TRUE", "logged_models": "TRUE"}  # into which MLflow writes
_BROKEN = ("SQLITE_ERROR", "SQLITE_NOTADB", "SQLITE_CORRUPT")  # no such table; no database; a damaged one


def own_database(folder: Path) -> Path:
    """Return where the database of a study's folder lies."""
    return _files.own_database(folder.resolve(), "mlflow.db")


def own_uri(folder: Path) -> str:
    """Return the URI of the database in the study's folder.

    Raises
    ------
    ForeignFileError
        If a link there would have the database, or a file beside it, written elsewhere.
    """
    own_tree(folder, "artifacts")
    return sqlite_url(own_database(folder))


def artifacts_uri(folder: Path) -> str:
    """Return where the runs of that database leave their files."""
    return (folder / "artifacts").resolve().as_uri()


def mend_database(folder: Path, study_id: str) -> None:
    """Put a database aside that MLflow cannot use or that a copied folder brought along; find what a moved one lost."""
    path = own_database(folder)
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=30)) as database:
            count = database.execute("SELECT count(*) FROM experiments").fetchone()[0]
            keys = database.execute("SELECT key FROM experiment_tags WHERE key LIKE ?", (f"{BELONGS}%",)).fetchall()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "").startswith(_BROKEN):
            _put_aside(path)
            return
        raise
    if not count:  # its maker was killed: MLflow writes the first one when all tables are there
        remove_database(folder)
    elif keys and (BELONGS + study_id,) not in keys:
        _put_aside(path)
    else:
        find_artifacts(folder)
        if leads_elsewhere(folder):
            _put_aside(path)


def find_artifacts(folder: Path) -> None:
    """Let the database name files where they lie now: MLflow writes whole paths, and a folder can be moved."""
    here = artifacts_uri(folder)
    with closing(sqlite3.connect(own_database(folder), timeout=30)) as database, database:
        found = database.execute(
            f"SELECT DISTINCT artifact_location FROM experiments WHERE experiment_id IN {_SHOWN} "
            "AND artifact_location LIKE 'file://%/artifacts' AND artifact_location <> ?",
            (here,),
        ).fetchall()
        for (there,) in found:
            for table, column in _LOCATIONS:
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                    f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                    (here, len(there) + 1, there, len(there) + 1, f"{there}/"),
                )


def leads_elsewhere(folder: Path) -> bool:
    """Return whether MLflow would write files of some experiment out of the folder: it may come from anybody."""
    places = []
    with closing(sqlite3.connect(own_database(folder), timeout=30)) as database:
        for table, column in _LOCATIONS[:3]:
            with suppress(sqlite3.OperationalError):  # an older MLflow's database has fewer tables
                rows = database.execute(f"SELECT {column} FROM {table} WHERE {_WRITTEN[table]} AND {column} <> ''")
                places += [str(place) for (place,) in rows]
        # What would change a place after this look at it: MLflow's own one keeps its secrets as they are.
        works = "type = 'view' OR type = 'trigger' AND tbl_name <> 'secrets'"
        has_works = bool(database.execute(f"SELECT count(*) FROM sqlite_master WHERE {works}").fetchone()[0])
    return has_works or not all(is_inside(folder, place) for place in places)


def is_inside(folder: Path, place: str) -> bool:
    """Return whether a place of files, as MLflow names it, is in the folder's own `artifacts_uri`."""
    here, there = unquote(artifacts_uri(folder)), f"{unquote(place)}/"
    return there.startswith(f"{here}/") and "/../" not in there


def bring_default_inside(folder: Path) -> None:
    """Let MLflow's first experiment keep its files in the folder too: it has the working directory for that."""
    with closing(sqlite3.connect(own_database(folder), timeout=30)) as database, database:
        database.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0 AND artifact_location <> ?",
            (artifacts_uri(folder),) * 2,
        )


def hide_empty_default(folder: Path) -> None:
    """Mark MLflow's first experiment as deleted where nothing is in it: a reader of the study has no use for it."""
    with closing(sqlite3.connect(own_database(folder), timeout=30)) as database, database:
        database.execute(
            "UPDATE experiments SET lifecycle_stage = 'deleted' WHERE experiment_id = 0 AND lifecycle_stage = 'active' "
            "AND NOT EXISTS (SELECT 1 FROM runs WHERE experiment_id = 0)"
        )


def remove_database(folder: Path) -> None:
    """Delete the database, with what SQLite keeps beside it."""
    for end in ("", "-journal", "-wal", "-shm"):
        Path(f"{own_database(folder)}{end}").unlink(missing_ok=True)


def _put_aside(path: Path) -> None:
    path.replace(f"{path}.old")
    remove_database(path.parent)
