"""A study's folder in place of its file: whatever runs a study leaves there what the file says."""

from __future__ import annotations

from pathlib import Path

from selectdis._files import own_file
from selectdis.errors import SelectdisError

__all__ = ["kept_spec"]


def kept_spec(folder: Path, storage: str | None = None) -> Path:
    """Return the study file that lies in a study's folder.

    Raises
    ------
    SelectdisError
        If the folder is no study's, or is one without that file.
    """
    from selectdis.spec import KEPT
    from selectdis.study.persistence._folder import JOURNAL

    if storage is None and not own_file(folder, JOURNAL).exists():
        raise SelectdisError(
            f"{folder} is a folder without a study.log: it is no study's, or the study's records are in a database; "
            "give the study file"
        )
    if not own_file(folder, KEPT).exists():
        raise SelectdisError(
            f"{folder} is a study's folder, but holds no {KEPT} that says which: give the study file, or let "
            f"`selectdis run FILE --folder {folder}` leave it there (what is trained is not trained again)"
        )
    return own_file(folder, KEPT)
