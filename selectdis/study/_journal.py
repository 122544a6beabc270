"""Optuna's journal file after a crash: what is whole stays, what is torn is cut and kept beside it."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path

from selectdis.errors import SelectdisError

__all__ = ["repair_journal"]


def repair_journal(path: Path) -> None:
    """Cut off what a killed driver or a bad disk left damaged in the journal; the caller holds `driver_lock`.

    Optuna appends whole lines, so a kill can tear the tail alone. A damaged line further up costs what follows it,
    since later lines count on earlier ones (trials are numbered by their lines); the models of the runs recorded there
    are on disk, so these are scored again and not trained again. The cut part is kept beside the journal.
    """
    for stale in path.parent.glob(path.name + ".lock*"):  # a killed process's lock would stall everyone for 30 s
        stale.unlink(missing_ok=True)
    if path.is_symlink():
        raise SelectdisError(f"the study's journal {path} is a link; put the file itself there")
    if not path.exists():
        return
    good, size = _good_length(path), path.stat().st_size
    if good == size:
        return
    shutil.copyfile(path, path.with_suffix(".log.damaged"))
    with open(path, "r+b") as file:
        file.truncate(good)
        os.fsync(file.fileno())
    warnings.warn(
        f"the last {size - good} bytes of {path} were damaged and are left out (a copy: {path.name}.damaged); the "
        "runs recorded there are trained or read again",
        stacklevel=2,
    )


def _good_length(path: Path) -> int:
    """Bytes up to the end of the last line before the first that is not an operation."""
    good = 0
    with open(path, "rb") as file:
        for line in file:
            if not (line.endswith(b"\n") and _is_operation(line)):
                return good
            good += len(line)
    return good


def _is_operation(line: bytes) -> bool:
    try:
        operation = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(operation, dict) and isinstance(operation.get("op_code"), int) and "worker_id" in operation
