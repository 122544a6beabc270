"""A study's folder in place of its file: `selectdis run` and `transfer` leave there what the file says."""

from __future__ import annotations

from pathlib import Path

import yaml

from selectdis._files import atomic_write, own_file
from selectdis.errors import SelectdisError
from selectdis.study import Listener, StageInfo, Study
from selectdis.study._folder import JOURNAL

__all__ = ["SpecKeeper", "kept_spec"]

KEPT = "study.yaml"
FIRST_LINE = "# What the study file said when this study last ran; written by selectdis.\n"


class SpecKeeper(Listener):
    """Writes what the study file says into the study's folder, each time that a stage begins or goes on."""

    def stage_started(self, study: Study, stage: StageInfo) -> None:
        # Without the storage: its URL may hold a password.
        said = study.spec.model_dump(mode="json", exclude_unset=True, exclude={"storage"})
        path = own_file(study.folder, KEPT)
        if path.exists() and not path.read_text(encoding="utf-8", errors="replace").startswith(FIRST_LINE):
            return  # the user's own study file, which lies in the study's folder
        with atomic_write(path) as file:
            file.write_text(FIRST_LINE + yaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8")


def kept_spec(folder: Path, storage: str | None = None) -> Path:
    """Return the study file that lies in a study's folder.

    Raises
    ------
    SelectdisError
        If the folder is no study's, or is one without that file.
    """
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
